"""Validate a merged configuration as an `Experiment`; errors name the file, the key and accepted values."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.experiment import Experiment
from fewlabel.config.extensions import refuse_misfits
from fewlabel.config.jobs import training as training_jobs
from fewlabel.config.loading import older_keys
from fewlabel.config.loading.figure_problems import figure_problems
from fewlabel.config.loading.messages import Explainer, nearest, unknown
from fewlabel.config.loading.yaml_files import ExperimentFile, Place, merge, read_files
from fewlabel.config.pretexts import registry
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretraining_stages
from fewlabel.config.scores.registry import BUILT_IN, FURTHER
from fewlabel.config.study_size import size_problems
from fewlabel.utils.errors import InputError

SPLIT_ALIKE = ("test", "folds", "validation", "count", "draws")
"""Settings in which cohorts that are split alike are equal."""
REDRAW_IN_FILE = (
    "a file would draw the test subjects again in every run; accepted: on the command line alone; to fix: remove it, "
    "and give `--config redraw=true` once"
)


def load(config: Mapping[str, Any], files: Sequence[Path] = ()) -> Experiment:
    """Validate a merged configuration.

    Args:
        config: the content of `config.yaml` with its overlays merged in; cohorts and methods set to null are dropped.
        files: the files it came from, in the order of merging; errors name the last that sets the key.

    Raises:
        InputError: unknown keys, values out of bounds, or settings that contradict each other, all at once; or files
            that cannot be read.
    """
    return validated(config, read_files(files))


def load_files(paths: Sequence[Path]) -> Experiment:
    """The experiment of these files alone, in the order of merging. Raises InputError: see `load`."""
    files = read_files(paths)
    return validated(merge(files), files)


def validated(config: Mapping[str, Any], files: Sequence[ExperimentFile]) -> Experiment:
    """The same as `load`, for files that are already read."""
    refuse_misfits()
    written, files, config = files, [older_keys.renamed_file(file) for file in files], older_keys.renamed(config)
    explainer = Explainer(config, files)
    original = explainer.stated
    data = {
        key: _named(value, original.get(key)) if key in ("cohorts", "methods") else value
        for key, value in config.items()
    }
    problems = [*(problem for file in files for problem in file.repeated), *older_keys.conflicts(written)]
    try:
        experiment = Experiment.model_validate(data)
    except ValidationError as error:
        problems += explainer.explain(error.errors(include_url=False))
    else:
        problems += [f"{explainer.where(place)}: {text}" for place, text in contradictions(experiment)]
        if original.get("redraw"):
            problems.append(f"{explainer.where(('redraw',))}: {REDRAW_IN_FILE}")
        if not problems:
            for line in older_keys.notes(experiment, written):
                print(f"note: {line}", file=sys.stderr)
            return experiment
    raise InputError.of(problems)


def _named(entries: Any, original: Any) -> Any:
    """Cohorts or methods without those set to null, in the order in which the files first name them.

    Snakemake merges overlays first, so that keys of an overlay come before those of the defaults.
    """
    if not isinstance(entries, Mapping):
        return entries
    order = {name: index for index, name in enumerate(original if isinstance(original, Mapping) else ())}
    names = sorted(entries, key=lambda name: order.get(name, len(order)))
    return {name: entries[name] for name in names if entries[name] is not None}


def as_yaml(experiment: Mapping[str, Any]) -> str:
    """An experiment, as plain data, as the text of a file that it can be read from again; order is kept."""
    return yaml.safe_dump(dict(experiment), sort_keys=False, allow_unicode=True)


# --------------------------------------------------------------------------------------------- contradictions
def contradictions(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    """Settings that are valid alone and not together, with their places."""
    yield from size_problems(experiment)
    yield from _matrices(experiment)
    yield from _split_alike(experiment)
    yield from _named_draws(experiment)
    yield from _augmentation_names(experiment)
    yield from _of_pretexts(experiment)
    yield from _installed_scores(experiment)
    yield from _evaluation(experiment)
    yield from figure_problems(experiment)
    if experiment.study == "published":
        yield ("study",), "results/published/ is reserved for published results; to fix: choose another name"
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
                    f"{text}; to fix: use multiples of {factor}, such as {near}, or fewer widths",
                )
                break


def _split_alike(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    for name, cohort in experiment.cohorts.items():
        if cohort.split_as is None:
            continue
        place: Place = ("cohorts", name, "split_as")
        names = [key for key, other in experiment.cohorts.items() if key != name and other.split_as is None]
        other = experiment.cohorts.get(cohort.split_as)
        if other is None or cohort.split_as not in names:
            text = f"{cohort.split_as!r} is no other cohort with a split of its own{nearest(cohort.split_as, names)}"
            yield place, f"{text}; accepted: {', '.join(names) or 'none in this experiment'}"
        elif any(getattr(other, key) != getattr(cohort, key) for key in SPLIT_ALIKE):
            keys = f"{', '.join(f'`{key}`' for key in SPLIT_ALIKE[:-1])} or `{SPLIT_ALIKE[-1]}`"
            yield place, f"{keys} differ from those of {cohort.split_as}; to fix: make them equal"


def _named_draws(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    for name, cohort in experiment.cohorts.items():
        if (named := len(cohort.labelling.named)) > experiment.draws:
            yield (
                ("cohorts", name, "draws"),
                f"{named} named draws, but the study has `draws: {experiment.draws}`; to fix: raise it, or name fewer",
            )


def _augmentation_names(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    names = [*AUGMENTATIONS, *(name for name in experiment.augmentations if name not in AUGMENTATIONS)]
    for place, name in _used_augmentations(experiment):
        if name not in names:
            yield (*place, "augmentation"), unknown("augmentation", name, names)


def _used_augmentations(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    yield ("finetuning",), experiment.finetuning.augmentation
    for name, method in experiment.methods.items():
        yield ("methods", name, "finetuning"), training_jobs.finetuning(experiment, name).augmentation
        if isinstance(method, PretrainedBase):
            for key, stage in pretraining_stages(method).items():
                yield ("methods", name, key), stage.augmentation


def _installed_scores(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    for name in experiment.scores:
        if name in BUILT_IN:
            yield ("scores",), f"every study has {name!r}; to fix: leave it out"
        elif name not in FURTHER:
            text = f"unknown score {name!r}{nearest(name, list(FURTHER))}; accepted: {', '.join(FURTHER) or 'none'}"
            yield ("scores",), f"{text}; to fix: install the package that has it"


def _evaluation(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    options, cohorts = experiment.evaluation, experiment.cohorts.values()
    classes = list(dict.fromkeys(name for cohort in cohorts for name in cohort.source.classes))
    if not isinstance(options.largest_component, bool):
        for name in options.largest_component:
            if not classes:
                text = f"{name!r}, but no cohort has `classes`; accepted: true or false"
                yield ("evaluation", "largest_component"), text
            elif name not in classes:
                yield ("evaluation", "largest_component"), unknown("class", name, classes)
    if options.mirror and not any(cohort.flip for cohort in cohorts):
        text = "no cohort has mirror axes; to fix: set `flip` of a cohort, or leave it out"
        yield ("evaluation", "mirror"), text


def _of_pretexts(experiment: Experiment) -> Iterable[tuple[Place, str]]:
    for name, method in experiment.methods.items():
        if isinstance(method, PretrainedBase):
            for place, text in registry.pretext_of(method).problems(method, experiment):
                yield ("methods", name, *place), text
