"""Join published studies of one experiment with different N, methods or draws into one published study."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.base import LabelCount
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.destreaking import measured_files
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.loading.load import load
from fewlabel.config.study_layout import HISTORY, LAYOUT, WEIGHTS, Run
from fewlabel.data.csv_tables import read_csv_table
from fewlabel.reporting.publishing.files import check_target, histories, readme, table_files, write_published
from fewlabel.reporting.publishing.model_card import CARD, model_card
from fewlabel.reporting.publishing.privacy import refuse_private
from fewlabel.reporting.publishing.publish import PublishedStudy
from fewlabel.reporting.results.completeness import has_equal_settings
from fewlabel.reporting.results.folder import RUNS, Results, read_experiment, read_results
from fewlabel.reporting.results.run_facts import flatten
from fewlabel.reporting.statistics.scores import join_scores
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import first_lines
from fewlabel.utils.recorded_hashes import SUMS, read_sums

MAY_DIFFER = (
    *("study", "labels", "draws", "methods", "figures", "intervals"),
    *("data_root", "checkpoint_every", "tensorboard"),  # change no result
)
"""Settings in which joined experiments may differ; methods of one name may only differ in labels and title."""


def join(folders: Sequence[Path], to: Path, replace_old: bool = False) -> PublishedStudy:
    """Join published studies, such as parts of a grid that ran on several machines, into one, atomically.

    The joined experiment has all N, methods and draws, with the figures and intervals of the first study. A run of
    several studies is taken from the first of them. Each study has its own pretrainings of equal settings and seed;
    the joined record has those of the first, and each finetuning has the hash of its initial weights. Published
    weights of the runs are included, with a model card by the joined study's scores.

    Args:
        folders: at least two published studies.
        to: as for `publish.publish`; one of the studies is allowed with `replace_old`.
        replace_old: whether to replace an existing publication.

    Raises:
        InputError: a folder without a published study; other differences, splits or slices; runs of the joined grid
            that no study has; `to` exists or is invalid.
    """
    if len(folders) < 2:
        raise InputError(f"{len(folders)} studies to join; accepted: at least two published studies")
    for folder in folders:
        check_target(folder, to, replace_old, itself=True)
    parts = [_published(folder) for folder in folders]
    experiments = [read_experiment(folder) for folder in folders]
    _refuse_differences(parts, experiments)
    plain = _joined_experiment(experiments) | {"study": to.name}
    experiment = load(plain)
    origin = _part_of_runs(parts, experiment)
    results = Results(
        folder=folders[0],  # `to` does not exist yet
        experiment=plain,
        scores=join_scores(part.scores for part in parts),
        runs={str(run): parts[index].runs[str(run)] for run, index in origin.items()},
        tables=_first(part.tables for part in parts),
        stores=_first(part.stores for part in parts),
        anonymised=parts[0].anonymised,
    )
    refuse_private(results)
    history = histories(_history(folders, origin))
    files = table_files(results) | ({HISTORY: history} if history else {})
    measured = measured_files(experiment)
    published_weights = {
        run: (folders[index] / LAYOUT.weights(run)).read_bytes() for run, index in _with_weights(folders, origin)
    }
    files |= {f"{run}/{CARD}": model_card(results, run) for run in published_weights}
    files["README.md"] = readme(
        results, to.name, bool(history), list(map(str, published_weights)), measured, _origin_note(parts, origin)
    )
    weights = {LAYOUT.weights(run): data for run, data in published_weights.items()}
    content = {name: text.encode() for name, text in files.items()} | weights
    content |= {name: (folders[0] / name).read_bytes() for name in measured}
    sizes = {name: len(data) for name, data in weights.items()}
    return PublishedStudy(to, len(results.runs), write_published(content, to), bool(history), sizes)


# ------------------------------------------------------------------------------------------------------- the parts
def _published(folder: Path) -> Results:
    """Read a published study."""
    results = read_results(folder)
    if not (folder / RUNS).is_file() or not (folder / SUMS).is_file():
        raise InputError(
            f"{folder}: not a published study; accepted: results/published/<study>; to fix: run `fewlabel publish`"
        )
    return results


def _refuse_differences(parts: Sequence[Results], experiments: Sequence[Experiment]) -> None:
    """Refuse studies whose runs cannot be joined."""
    first, *others = parts
    problems: list[str] = []
    for part, experiment in zip(others, experiments[1:], strict=True):
        both = f"{first.folder} and {part.folder}"
        problems += [
            f"{both}: {key}: {value!r} and {other!r}; accepted: equal values "
            "(labels, draws, methods, figures may differ)"
            for key, value, other in _different(_fixed(experiments[0], experiment), _fixed(experiment, experiments[0]))
        ]
        if first.anonymised != part.anonymised:
            problems.append(f"{both}: only one has codes for subjects; to fix: publish both with or without codes")
    for index, part in enumerate(parts):
        for earlier in parts[:index]:
            both = f"{earlier.folder} and {part.folder}"
            alike = earlier.tables.keys() & part.tables.keys()
            tables = [name for name in sorted(alike) if not earlier.tables[name].equals(part.tables[name])]
            stores = [name for name in sorted(earlier.stores) if earlier.stores[name] != part.stores.get(name)]
            problems += [f"{both}: {name}: other subjects or another order" for name in tables]
            problems += [f"{both}: {name}: other slices (`slices/store.json`)" for name in stores]
    if problems:
        raise InputError.of(first_lines(problems), heading="these studies cannot be joined:")


def _fixed(experiment: Experiment, other: Experiment) -> dict[str, Any]:
    """Settings that must be equal in two experiments, with the methods that both have."""
    plain = experiment.model_dump(mode="json")
    methods = {
        name: {key: value for key, value in plain["methods"][name].items() if key not in ("labels", "title")}
        for name in experiment.methods
        if name in other.methods
    }
    return flatten({**{key: value for key, value in plain.items() if key not in MAY_DIFFER}, "methods": methods})


def _different(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    absent = "not set"
    for key in sorted(first.keys() | second.keys()):
        if (ours := first.get(key, absent)) != (theirs := second.get(key, absent)):
            yield key, ours, theirs


# ------------------------------------------------------------------------------------------------------- the whole
def _joined_experiment(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """The first experiment, with the methods, labels and draws of all."""
    plain = experiments[0].model_dump(mode="json")
    labels = _sorted(count for experiment in experiments for count in experiment.labels)
    methods: dict[str, Any] = {}
    for experiment in experiments:
        for name, method in experiment.model_dump(mode="json")["methods"].items():
            methods.setdefault(name, method)
    for name, method in methods.items():
        counts = [label_counts(experiment, name) for experiment in experiments if name in experiment.methods]
        own = _sorted(count for each in counts for count in each)
        methods[name] = {**method, "labels": None if own == labels else own}
    draws = max(experiment.draws for experiment in experiments)
    return {**plain, "methods": methods, "labels": labels, "draws": draws}


def _sorted(counts: Iterable[LabelCount]) -> list[LabelCount]:
    """Label counts without repetition, numbers first."""
    return sorted(set(counts), key=lambda count: (count == "all", 0 if count == "all" else count))


def _part_of_runs(parts: Sequence[Results], experiment: Experiment) -> dict[Run, int]:
    """The index of the study that each run of the joined grid is taken from: the first that has it."""
    runs = study_trainings(experiment)
    origin = {run: index for run in runs for index, part in reversed(list(enumerate(parts))) if str(run) in part.runs}
    if missing := [str(run) for run in runs if run not in origin]:
        raise InputError.of(
            first_lines(missing),
            heading=f"the joined grid has {len(runs)} runs, of which {len(missing)} are in none of the studies; to "
            "fix: also join studies with these, or run them:",
        )
    if others := [
        str(run)
        for run, index in origin.items()
        if not has_equal_settings(parts[index].runs[str(run)], experiment, run)
    ]:
        raise InputError.of(first_lines(others), heading="runs with settings other than their experiment's:")
    return origin


def _first(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge mappings; the first value of each name is used."""
    result: dict[str, Any] = {}
    for part in tables:
        result = {**part, **result}
    return dict(sorted(result.items()))


def _history(folders: Sequence[Path], origin: Mapping[Run, int]) -> pd.DataFrame:
    """The published histories of the runs, each from the study that the run is taken from."""
    tables, part_of = [], {str(run): index for run, index in origin.items()}
    for index, folder in enumerate(folders):
        if (folder / HISTORY).is_file():
            table = read_csv_table(folder / HISTORY, ["run"])
            tables.append(table[table["run"].map(part_of.get) == index])
    return (
        pd.concat(tables, ignore_index=True).fillna("").sort_values("run", kind="stable") if tables else pd.DataFrame()
    )


def _with_weights(folders: Sequence[Path], origin: Mapping[Run, int]) -> list[tuple[Run, int]]:
    """Runs whose weights are published, with the index of the study that they are taken from."""
    sums = [read_sums(folder) for folder in folders]
    return [(run, index) for run, index in origin.items() if LAYOUT.weights(run) in sums[index]]


def _origin_note(parts: Sequence[Results], origin: Mapping[Run, int]) -> str:
    """A note on the origin of the joined study's runs."""
    counts = [sum(index == each for index in origin.values()) for each in range(len(parts))]
    names = [f"{part.folder.name} ({count} runs)" for part, count in zip(parts, counts, strict=True)]
    again = {
        str(run) for run in origin if run.kind == "pretrained" and sum(str(run) in part.runs for part in parts) > 1
    }
    weights = {
        run: {part.runs[run].get("outputs", {}).get(WEIGHTS) for part in parts if run in part.runs} for run in again
    }
    alike = all(len(each) == 1 for each in weights.values())
    note = "are bit-identical." if alike else "have equal settings and seed, but their weights differ by machine."
    pretrained = f" Each study's finetunings start from its own pretrainings, which {note}" if again else ""
    precisions = sorted({str(parts[index].runs[str(run)].get("precision")) for run, index in origin.items()})
    mixed = f" Trainings ran in {' and '.join(precisions)}." if len(precisions) > 1 else ""
    joined = f"Joined (`fewlabel join`) from {', '.join(names)}; runs that several studies have are those of the first."
    return f"{joined}{pretrained}{mixed}"
