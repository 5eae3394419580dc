"""From a merged configuration to an `Experiment`, with errors that name the file, the key and what is accepted."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fewlabel import jobs
from fewlabel.destreaking_jobs import radial_phantoms
from fewlabel.errors import InputError
from fewlabel.experiment import AUGMENTATIONS, Augmentation, ContrastiveMethod, Experiment, PretrainedMethod
from fewlabel.figure_settings import drawn_methods
from fewlabel.gallery_jobs import gallery_problems
from fewlabel.study_size import size_problems

Place = tuple[str | int, ...]
GEOMETRIC = ("rotation_deg", "scale", "shift", "elastic_px", "flip", "crop_min")


def load(config: Mapping[str, Any], files: Sequence[Path] = ()) -> Experiment:
    """Validate a merged configuration.

    Args:
        config: the content of `config.yaml` with its overlays merged in; cohorts and methods set to null are dropped.
        files: the files it came from, in the order of merging; errors name the last that sets the key.

    Raises:
        InputError: unknown keys, values out of bounds, or settings that contradict each other, all at once.
    """
    data = {key: _named(value, key, files) if key in ("cohorts", "methods") else value for key, value in config.items()}
    problems = [problem for file in files for problem in _repeated_keys(file)]
    try:
        experiment = Experiment.model_validate(data)
    except ValidationError as error:
        problems += [_explain(details, config, files) for details in error.errors()]
    else:
        problems += [f"{_where(place, config, files)}: {text}" for place, text in contradictions(experiment)]
        if not problems:
            return experiment
    raise InputError("\n".join(problems))


def _named(entries: Any, key: str, files: Sequence[Path]) -> Any:
    """Cohorts or methods without those set to null, in the order in which the files first name them.

    Snakemake lays the defaults beneath the overlays, which puts what an overlay changes first.
    """
    if not isinstance(entries, Mapping):
        return entries
    stated = read_config(files).get(key) if files else None
    order = list(stated) if isinstance(stated, dict) else []
    names = sorted(entries, key=lambda name: order.index(name) if name in order else len(order))
    return {name: entries[name] for name in names if entries[name] is not None}


def read_config(files: Sequence[Path]) -> dict[str, Any]:
    """Merge experiment files as Snakemake does: mappings key by key, anything else as a whole, later files win."""
    merged: dict[str, Any] = {}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{file}: no such experiment file") from None
        except yaml.YAMLError as error:
            raise InputError(f"{file}: not YAML: {error}") from None
        if not isinstance(content, dict):
            raise InputError(f"{file}: holds no settings; accepted: a mapping of keys, as in config.yaml")
        _merge(merged, content)
    return merged


def as_yaml(experiment: Mapping[str, Any]) -> str:
    """An experiment, as plain data, as the text of a file that it can be read from again; order is kept."""
    return yaml.safe_dump(dict(experiment), sort_keys=False, allow_unicode=True)


def schema() -> str:
    """The JSON schema of an experiment file, as committed in workflow/schemas/."""
    return json.dumps(Experiment.model_json_schema(), indent=2) + "\n"


# --------------------------------------------------------------------------------------------- contradictions
def contradictions(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    """Settings that are valid alone and not together, with their places."""
    yield from size_problems(experiment)
    yield from _matrices(experiment)
    yield from _split_alike(experiment)
    yield from _augmentation_names(experiment)
    yield from _local_stages(experiment)
    yield from _drawn_methods(experiment)
    yield from _drawn_pretexts(experiment)
    yield from gallery_problems(experiment)
    yield from _destreaking(experiment)
    if experiment.study == "published":
        yield ("study",), "results/published/ is kept for published results; choose another name"
    if len(set(experiment.labels)) != len(experiment.labels):
        yield ("labels",), f"each number once, but got {experiment.labels}"


def _matrices(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    factor = experiment.network.reduction
    for name, cohort in experiment.cohorts.items():
        for side in cohort.grid.matrix:
            if side % factor:
                below, above = side // factor * factor, (side // factor + 1) * factor
                near = f"{below} or {above}" if below else f"{above}"
                text = f"{side} cannot be halved {len(experiment.network.widths) - 1} times, as network.widths asks"
                yield (
                    ("cohorts", name, "grid", "matrix"),
                    f"{text}; use multiples of {factor}, such as {near}, or fewer widths",
                )
                break


def _split_alike(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    for name, cohort in experiment.cohorts.items():
        if cohort.split_as is None:
            continue
        place: Place = ("cohorts", name, "split_as")
        known = [key for key, other in experiment.cohorts.items() if key != name and other.split_as is None]
        other = experiment.cohorts.get(cohort.split_as)
        if other is None or cohort.split_as not in known:
            text = f"{cohort.split_as!r} is no other cohort with a split of its own{_nearest(cohort.split_as, known)}"
            yield place, f"{text}; accepted: {', '.join(known) or 'none in this experiment'}"
        elif (other.test, other.validation, other.folds) != (cohort.test, cohort.validation, cohort.folds):
            yield place, f"`test`, `folds` and `validation` must be those of {cohort.split_as}; make them equal"


def _augmentation_names(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    known = [*AUGMENTATIONS, *(name for name in experiment.augmentations if name not in AUGMENTATIONS)]
    for place, name in _used_augmentations(experiment):
        if name not in known:
            yield (
                (*place, "augmentation"),
                f"unknown augmentation {name!r}{_nearest(name, known)}; accepted: {', '.join(known)}",
            )


def _used_augmentations(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    yield ("finetuning",), experiment.finetuning.augmentation
    for name, method in experiment.methods.items():
        yield ("methods", name, "finetuning"), jobs.finetuning(experiment, name).augmentation
        if isinstance(method, PretrainedMethod):
            for key, stage in jobs.pretraining_stages(method).items():
                yield ("methods", name, key), stage.augmentation


def _local_stages(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    deepest = len(experiment.network.widths) - 1
    for name, method in experiment.methods.items():
        stage = method.local_stage if isinstance(method, ContrastiveMethod) else None
        if stage is None:
            continue
        place: Place = ("methods", name, "local_stage")
        if stage.decoder_stages > deepest:
            yield (
                (*place, "decoder_stages"),
                f"{stage.decoder_stages} decoder stages, but network.widths gives {deepest}; accepted: 1 to {deepest}",
            )
            continue
        yield from _local_views(experiment, place, stage.augmentation)
        cell = stage.region_size * 2 ** (deepest - stage.decoder_stages)
        for cohort in experiment.cohorts:
            rows, columns = experiment.cohorts[cohort].grid.matrix
            cells = (rows // cell) * (columns // cell)
            if cells < stage.regions:
                text = f"{stage.regions} regions of {cell} x {cell} pixels do not fit {rows} x {columns} ({cohort})"
                yield (
                    (*place, "regions"),
                    f"{text}; accepted: at most {cells}, or a smaller region_size or more decoder_stages",
                )


def _drawn_methods(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    known = list(experiment.methods)
    for (figure, key), names in drawn_methods(experiment.figures).items():
        for name in names:
            if name not in known:
                text = f"unknown method {name!r}{_nearest(name, known)}; accepted: {', '.join(known)}"
                yield ("figures", figure, key), text


def _drawn_pretexts(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    pretexts, local = experiment.figures.pretexts, experiment.figures.local_similarity
    known = list(experiment.cohorts)
    for figure, name in (("pretexts", pretexts.cohort), ("local_similarity", local.cohort)):
        if name is not None and name not in known:
            text = f"unknown cohort {name!r}{_nearest(name, known)}; accepted: {', '.join(known)}"
            yield ("figures", figure, "cohort"), text
    wanted = (
        ("pretexts", "regression", pretexts.regression, "regression"),
        ("pretexts", "contrastive", pretexts.contrastive, "contrastive"),
        ("local_similarity", "method", local.method, "contrastive"),
    )
    for figure, key, name, pretext in wanted:
        method = experiment.methods.get(name) if name else None
        if method is not None and method.pretext != pretext:
            yield ("figures", figure, key), f"{name} is no {pretext} method (its pretext: {method.pretext})"
        elif figure == "local_similarity" and isinstance(method, ContrastiveMethod) and method.local_stage is None:
            yield ("figures", figure, key), f"{name} has no local stage"


def _destreaking(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    figure, known = experiment.figures.destreaking, list(radial_phantoms(experiment.cohorts))
    if figure is not None and not known:
        yield ("figures", "destreaking"), "no cohort is a phantom that is acquired radially; give one `source.radial`"
    elif figure is not None and figure.cohort is not None and figure.cohort not in known:
        text = f"{figure.cohort!r} is no radially acquired phantom{_nearest(figure.cohort, known)}"
        yield ("figures", "destreaking", "cohort"), f"{text}; accepted: {', '.join(known)}"


def _local_views(experiment: Experiment, place: Place, name: str) -> Iterable[tuple[Place, str]]:
    if name in {**AUGMENTATIONS, **experiment.augmentations}:
        views, still = jobs.augmentation(experiment, name), Augmentation()
        moving = [key for key in GEOMETRIC if getattr(views, key) != getattr(still, key)]
        if moving:
            text = f"{name!r} sets {', '.join(moving)}, but regions must stay in place between the two views"
            yield (*place, "augmentation"), f"{text}; use one with intensity transforms only, such as 'intensity'"


# ------------------------------------------------------------------------------------------------------ messages
def _explain(details: ErrorDetails, config: Mapping[str, Any], files: Sequence[Path]) -> str:
    place, model = _resolve(details["loc"])
    where = _where(place, config, files)
    if details["type"] == "extra_forbidden":
        key, accepted = str(place[-1]), _keys(model)
        return f"{where}: unknown key{_nearest(key, accepted)}; accepted here: {', '.join(accepted)}"
    if details["type"] == "missing":
        return f"{where}: missing; this key has no default"
    message = details["msg"].removeprefix("Value error, ")
    value = details.get("input")
    shown = (
        f" (got {value!r})"
        if isinstance(value, (str, int, float, bool, type(None)))
        and not isinstance(details.get("ctx", {}).get("error"), ValueError)
        else ""
    )
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def _resolve(location: Place) -> tuple[Place, Any]:
    """A pydantic location without its union tags, and the model that holds its last key."""
    model: Any = Experiment
    place: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        choices = _choices(model)
        if len(choices) > 1 and part in choices:
            model = choices[str(part)]
            continue
        place.append(part)
        if last:
            break
        model = _step(model, part)
    return tuple(place), model


def _choices(annotation: Any) -> dict[str, Any]:
    """The models of a union, by the tag that pydantic puts into locations."""
    found: dict[str, Any] = {}
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            tags = [
                get_args(field.annotation) for name, field in option.model_fields.items() if name in ("kind", "pretext")
            ]
            found[tags[0][0] if tags else option.__name__] = option
    return found


def _options(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return [inner for part in get_args(annotation) for inner in _options(part)]
    if hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    return [annotation]


def _step(annotation: Any, part: str | int) -> Any:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel) and part in option.model_fields:
            return option.model_fields[str(part)].annotation
        if get_origin(option) is dict:
            return get_args(option)[1]
        if get_origin(option) is list:
            return get_args(option)[0]
    return annotation


def _keys(annotation: Any) -> list[str]:
    return [
        name
        for option in _options(annotation)
        if isinstance(option, type) and issubclass(option, BaseModel)
        for name in option.model_fields
    ]


def _nearest(word: str, accepted: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, accepted, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _where(place: Place, config: Mapping[str, Any], files: Sequence[Path]) -> str:
    """The last file that sets a key, with its line, and the key; `--config` where the files do not say what holds."""
    key = ".".join(str(part) for part in place if part != "[key]")
    if files and _lookup(config, place) != _lookup(read_config(files), place):
        return f"--config: {key}"
    for file in reversed(files):
        line = _line(file, place)
        if line:
            return f"{file}:{line}: {key}"
    return key if not files else f"{files[-1]}: {key}"


def _lookup(config: Any, place: Place) -> Any:
    for part in place:
        found = isinstance(config, Mapping) and part in config
        found = found or (isinstance(config, list) and isinstance(part, int) and part < len(config))
        if not found:
            return None
        config = config[part]
    return config


def _repeated_keys(file: Path) -> list[str]:
    """Keys that stand twice in one mapping of a file: YAML readers keep the last and say nothing."""
    problems: list[str] = []
    pending: list[tuple[str, Any]] = [("", yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))]
    while pending:
        place, node = pending.pop()
        seen: dict[str, int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
            name, line = f"{place}{key.value}", key.start_mark.line + 1
            if key.value in seen:
                problems.append(
                    f"{file}:{line}: {name}: stands here and in line {seen[key.value]}; keep one of the two"
                )
            seen[key.value] = line
            pending.append((f"{name}.", value))
    return problems


def _line(file: Path, place: Place) -> int | None:
    """The line of the deepest part of a place that a file sets; None where the file does not set its key at all."""
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return None
    line, depth = None, 0
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
        depth += 1
    return line if depth >= min(len(place), max(1, len(place) - 1)) else None


def _merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value
