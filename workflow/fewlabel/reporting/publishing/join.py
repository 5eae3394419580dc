"""Published studies of one experiment, each with other N, methods or draws, as one published study."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config import jobs
from fewlabel.config.base import LabelCount
from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.load import load
from fewlabel.config.study_layout import HISTORY, LAYOUT, WEIGHTS, Run
from fewlabel.data.csv_tables import read_csv_table
from fewlabel.reporting.publishing.files import check_place, histories, put, readme, table_files
from fewlabel.reporting.publishing.model_card import CARD, model_card
from fewlabel.reporting.publishing.privacy import refuse_private
from fewlabel.reporting.publishing.publish import PublishedStudy
from fewlabel.reporting.results.completeness import SHOWN, has_equal_settings
from fewlabel.reporting.results.folder import RUNS, Results, read_experiment, read_results
from fewlabel.reporting.results.run_facts import flatten
from fewlabel.reporting.statistics.scores import KEY
from fewlabel.utils.errors import InputError
from fewlabel.utils.recorded_hashes import SUMS, read_sums

FREE = (
    *("study", "labels", "draws", "methods", "figures", "intervals"),
    *("data_root", "checkpoint_every", "tensorboard"),  # change no result
)
"""What experiments that are joined may differ in; methods of one name must be alike but for their labels."""


def join(folders: Sequence[Path], to: Path, replace_old: bool = False) -> PublishedStudy:
    """Join published studies into one, whole or not at all: a grid that several machines or sessions shared.

    Their experiments may have other N, methods and draws; the joined one has all of them, figures and intervals as the
    first. Of a run that several studies have, that of the first counts. Every part had pretrainings of its own, of
    equal settings and seed, and equal where machines compute alike; the joined record holds those of the first, and
    each finetuning still tells the hash of the weights that it began with. Weights that a part publishes of a run
    taken from it go along, with a card of the joined study's scores.

    Args:
        folders: two published studies at least.
        to: as for `publish.publish`; it may be one of them with `replace_old`.
        replace_old: put it in the place of what was published there before.

    Raises:
        InputError: a folder that holds no published study; they differ in more than they may, in splits or in slices;
            runs of the joined grid are in none of them; `to` is taken or no place for it.
    """
    if len(folders) < 2:
        raise InputError(f"{len(folders)} studies to join; accepted: two published studies or more")
    for folder in folders:
        check_place(folder, to, replace_old, itself=True)
    parts = [_published(folder) for folder in folders]
    experiments = [read_experiment(folder) for folder in folders]
    _refuse_differences(parts, experiments)
    plain = _joined_experiment(experiments) | {"study": to.name}
    experiment = load(plain)
    taken = _taken(parts, experiment)
    results = Results(
        folder=folders[0],  # `to` is not there before all of it is
        experiment=plain,
        scores=_scores(parts),
        runs={str(run): parts[index].runs[str(run)] for run, index in taken.items()},
        tables=_first(part.tables for part in parts),
        stores=_first(part.stores for part in parts),
        anonymised=parts[0].anonymised,
    )
    refuse_private(results)
    history = histories(_history(folders, taken))
    files = table_files(results) | ({HISTORY: history} if history else {})
    measured = jobs.files(experiment)
    kept = {run: (folders[index] / LAYOUT.weights(run)).read_bytes() for run, index in _with_weights(folders, taken)}
    files |= {f"{run}/{CARD}": model_card(results, run) for run in kept}
    files["README.md"] = readme(results, to.name, bool(history), list(map(str, kept)), measured, _whence(parts, taken))
    weights = {LAYOUT.weights(run): data for run, data in kept.items()}
    content = {name: text.encode() for name, text in files.items()} | weights
    content |= {name: (folders[0] / name).read_bytes() for name in measured}
    sizes = {name: len(data) for name, data in weights.items()}
    return PublishedStudy(to, len(results.runs), put(content, to), bool(history), sizes)


# ------------------------------------------------------------------------------------------------------- the parts
def _published(folder: Path) -> Results:
    """A published study, whole as it was published."""
    results = read_results(folder)
    if not (folder / RUNS).is_file() or not (folder / SUMS).is_file():
        raise InputError(
            f"{folder}: is no published study; accepted: results/published/<study>; `fewlabel publish` first"
        )
    return results


def _refuse_differences(parts: Sequence[Results], experiments: Sequence[Experiment]) -> None:
    """Refuse parts whose runs cannot stand in one study."""
    first, *others = parts
    problems: list[str] = []
    for part, experiment in zip(others, experiments[1:], strict=True):
        both = f"{first.folder} and {part.folder}"
        problems += [
            f"{both}: {key}: {one!r} and {other!r}; accepted: equal values (labels, draws, methods, figures may differ)"
            for key, one, other in _different(_fixed(experiments[0], experiment), _fixed(experiment, experiments[0]))
        ]
        if first.anonymised != part.anonymised:
            problems.append(f"{both}: one has codes for subjects and the other has not; publish both alike")
    for index, part in enumerate(parts):
        for earlier in parts[:index]:
            both = f"{earlier.folder} and {part.folder}"
            alike = earlier.tables.keys() & part.tables.keys()
            tables = [name for name in sorted(alike) if not earlier.tables[name].equals(part.tables[name])]
            stores = [name for name in sorted(earlier.stores) if earlier.stores[name] != part.stores.get(name)]
            problems += [f"{both}: {name}: other subjects or another order" for name in tables]
            problems += [f"{both}: {name}: other slices (`slices/store.json`)" for name in stores]
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise InputError.of([*problems[:SHOWN], *more], heading="these studies cannot be joined:")


def _fixed(experiment: Experiment, other: Experiment) -> dict[str, Any]:
    """What must be equal in two experiments; methods as far as both have them."""
    plain = experiment.model_dump(mode="json")
    methods = {
        name: {key: value for key, value in plain["methods"][name].items() if key not in ("labels", "title")}
        for name in experiment.methods
        if name in other.methods
    }
    return flatten({**{key: value for key, value in plain.items() if key not in FREE}, "methods": methods})


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    absent = "not set"
    for key in sorted(one.keys() | other.keys()):
        if (ours := one.get(key, absent)) != (theirs := other.get(key, absent)):
            yield key, ours, theirs


# ------------------------------------------------------------------------------------------------------- the whole
def _joined_experiment(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """The first, with the methods, labels and draws of all."""
    plain = experiments[0].model_dump(mode="json")
    labels = _sorted(count for experiment in experiments for count in experiment.labels)
    methods: dict[str, Any] = {}
    for experiment in experiments:
        for name, method in experiment.model_dump(mode="json")["methods"].items():
            methods.setdefault(name, method)
    for name, method in methods.items():
        counts = [jobs.label_counts(experiment, name) for experiment in experiments if name in experiment.methods]
        own = _sorted(count for each in counts for count in each)
        methods[name] = {**method, "labels": None if own == labels else own}
    draws = max(experiment.draws for experiment in experiments)
    return {**plain, "methods": methods, "labels": labels, "draws": draws}


def _sorted(counts: Iterable[LabelCount]) -> list[LabelCount]:
    """Each once, numbers first."""
    return sorted(set(counts), key=lambda count: (count == "all", 0 if count == "all" else count))


def _taken(parts: Sequence[Results], experiment: Experiment) -> dict[Run, int]:
    """Which part each run of the joined grid is taken from: the first that has it."""
    wanted = jobs.study_trainings(experiment)
    taken = {run: index for run in wanted for index, part in reversed(list(enumerate(parts))) if str(run) in part.runs}
    if missing := [str(run) for run in wanted if run not in taken]:
        more = [f"and {len(missing) - SHOWN} more"] if len(missing) > SHOWN else []
        raise InputError.of(
            [*missing[:SHOWN], *more],
            heading=f"the joined grid has {len(wanted)} runs, of which {len(missing)} are in none of the studies; join "
            "studies that hold them, too, or run them:",
        )
    if others := [
        str(run) for run, index in taken.items() if not has_equal_settings(parts[index].runs[str(run)], experiment, run)
    ]:
        raise InputError.of(others[:SHOWN], heading="runs that were made with other settings than their experiment's:")
    return taken


def _scores(parts: Sequence[Results]) -> pd.DataFrame:
    joined = pd.concat([part.scores for part in parts], ignore_index=True)
    return joined.drop_duplicates(KEY).sort_values(KEY, kind="stable", ignore_index=True)


def _first(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All of them; of one name the first."""
    found: dict[str, Any] = {}
    for part in tables:
        found = {**part, **found}
    return dict(sorted(found.items()))


def _history(folders: Sequence[Path], taken: Mapping[Run, int]) -> pd.DataFrame:
    """The published histories of the runs, of each from the part that it is taken from."""
    found, part_of = [], {str(run): index for run, index in taken.items()}
    for index, folder in enumerate(folders):
        if (folder / HISTORY).is_file():
            table = read_csv_table(folder / HISTORY, ["run"])
            found.append(table[table["run"].map(part_of.get) == index])
    return pd.concat(found, ignore_index=True).fillna("").sort_values("run", kind="stable") if found else pd.DataFrame()


def _with_weights(folders: Sequence[Path], taken: Mapping[Run, int]) -> list[tuple[Run, int]]:
    """Runs whose weights are published by the part that they are taken from, and which part that is."""
    known = [read_sums(folder) for folder in folders]
    return [(run, index) for run, index in taken.items() if LAYOUT.weights(run) in known[index]]


def _whence(parts: Sequence[Results], taken: Mapping[Run, int]) -> str:
    """What of the joined study comes from where."""
    counts = [sum(index == each for index in taken.values()) for each in range(len(parts))]
    names = [f"{part.folder.name} ({count} runs)" for part, count in zip(parts, counts, strict=True)]
    again = {str(run) for run in taken if run.kind == "pretrained" and sum(str(run) in part.runs for part in parts) > 1}
    weights = {
        run: {part.runs[run].get("outputs", {}).get(WEIGHTS) for part in parts if run in part.runs} for run in again
    }
    alike = all(len(each) == 1 for each in weights.values())
    told = (
        "which came out the same to the bit."
        if alike
        else "of equal settings and seed; weights are not equal to the bit: machines do not compute alike."
    )
    pretrained = f" Finetunings of each began with pretrainings made there, {told}" if again else ""
    precisions = sorted({str(parts[index].runs[str(run)].get("precision")) for run, index in taken.items()})
    mixed = f" Trainings ran in {' and '.join(precisions)}." if len(precisions) > 1 else ""
    joined = f"Joined (`fewlabel join`) from {', '.join(names)}; of runs that several have, those of the first."
    return f"{joined}{pretrained}{mixed}"
