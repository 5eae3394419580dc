"""Check that the files of a study are unchanged since its jobs wrote them, and consistent with each other."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import split_parts
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.training import pretrained_as
from fewlabel.config.study_layout import HISTORY, LAYOUT, PRETEXT, SCORES, STORE, WEIGHTS, Run
from fewlabel.reporting.results.folder import read_json
from fewlabel.reporting.results.histories import read_history
from fewlabel.reporting.statistics.classes import classes_of
from fewlabel.reporting.statistics.scores import FOLD, read_class_scores
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import visible
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import counted, first_lines

RECORDED = (WEIGHTS, PRETEXT, HISTORY, SCORES)
"""Files of a run whose hashes are recorded."""


def check_results(folder: Path, experiment: Experiment) -> None:
    """Raise an InputError for results with files that were changed, swapped or damaged after a job wrote them.

    Missing files and files without a recorded hash are not checked.
    """
    _refuse(folder, [*_tables(folder, experiment), *_runs(folder, experiment)])


def check_record(folder: Path, experiment: Experiment) -> None:
    """Raise an InputError for changed results (see `check_results`), tables and figures."""
    _refuse(folder, [*_tables(folder, experiment), *_runs(folder, experiment), *_tables_and_figures(folder)])


def check_tables_and_figures(folder: Path) -> None:
    """Raise an InputError for tables and figures of a study that were changed after a job wrote them."""
    _refuse(folder, _tables_and_figures(folder))


def _refuse(folder: Path, messages: Iterable[str]) -> None:
    if problems := list(dict.fromkeys(messages)):
        heading = f"{folder}: {counted(len(problems), 'file')} not as written by the study's jobs:"
        raise InputError.of(first_lines(problems), heading=heading)


def _tables_and_figures(folder: Path) -> Iterator[str]:
    yield from _changed([path for kind in ("tables", "figures") for path in visible(folder / kind, "*")])


def _tables(folder: Path, experiment: Experiment) -> Iterator[str]:
    """Changed tables of the study and of each cohort."""
    names = [LAYOUT.experiment, LAYOUT.scores, LAYOUT.history]
    for part in split_parts(experiment):
        names.append(LAYOUT.roles(part))
        names += [LAYOUT.order(part, draw) for draw in range(1, experiment.draws + 1)]
    for cohort in experiment.cohorts:
        store, native = folder / LAYOUT.store(cohort), folder / LAYOUT.native(cohort)
        expected = read_json(store).get("sha256") if store.is_file() else None
        names += [LAYOUT.slices(cohort, name) for name in (expected if isinstance(expected, dict) else ())]
        names += [path.relative_to(folder).as_posix() for path in visible(native, "*/*")]
    yield from _changed([folder / name for name in names])


def _runs(folder: Path, experiment: Experiment) -> Iterator[str]:
    folders = {run: folder / run for run in study_trainings(experiment) if (folder / run).is_dir()}
    run_of_hash = {
        digest: run for run in folders for digest in _recorded_hashes(folder / LAYOUT.record(run), "outputs").values()
    }
    others: dict[Path, dict[Run, None]] = {}
    for run, place in folders.items():
        changed = [path for path in (place / name for name in RECORDED) if recorded_hashes.is_changed(path)]
        for path in changed:
            other = run_of_hash.get(recorded_hashes.content_hash(path))
            yield recorded_hashes.describe_change(path) + (
                f"; its content is that of {other}" if other not in (None, run) else ""
            )
        if not changed:
            yield from _contents(place, experiment, run)
            yield from _other_start(folder, experiment, run)
            for path in _other_inputs(folder, experiment, run):
                others.setdefault(path, {})[run] = None
    for path, runs in others.items():
        problem = f"the file differs from the one that {counted(len(runs), 'run')} read, such as {next(iter(runs))}"
        yield (
            f"{path}: {problem}; to fix: restore it, or {recorded_hashes.make_again(path)}; if the change is "
            f"intended, delete the folders of these runs and run `snakemake` again"
        )


def _other_start(folder: Path, experiment: Experiment, run: Run) -> Iterator[str]:
    """Problem of a finetuning whose initialisation does not match its method, since another run replaced it."""
    read = _recorded_hashes(folder / LAYOUT.record(run), "inputs")
    if STORE in read and run.kind == "finetuned":
        began = "initial weights" in read
        if began != (pretrained_as(experiment, run.method) is not None):
            ways = ("at random", "with pretrained weights")
            problem = f"the run started {ways[began]}, but its method starts {ways[not began]}"
            yield f"{folder / run}: {problem}; to fix: restore it, or delete this folder and run `snakemake` again"


def _other_inputs(folder: Path, experiment: Experiment, run: Run) -> Iterator[Path]:
    """Inputs of a training or its evaluation that were changed later."""
    start = pretrained_as(experiment, run.method) if run.kind == "finetuned" else None
    special = {"initial weights": LAYOUT.weights(Run(run.part, str(start))), WEIGHTS: LAYOUT.weights(run)}
    for record in (LAYOUT.record(run), LAYOUT.evaluation(run)):
        for name, expected in _recorded_hashes(folder / record, "inputs").items():
            path = folder / special.get(name, LAYOUT.input(run.part, name))
            if path.is_file() and recorded_hashes.content_hash(path) != expected:
                yield path


def _contents(place: Path, experiment: Experiment, run: Run) -> Iterator[str]:
    """Problems of tables that cannot be read or belong to another run."""
    try:
        if (place / HISTORY).is_file():
            read_history(place / HISTORY)
        if run.kind == "finetuned" and (place / SCORES).is_file():
            yield from _foreign(place / SCORES, experiment, run)
    except InputError as error:
        yield str(error)


def _foreign(path: Path, experiment: Experiment, run: Run) -> Iterator[str]:
    expected: dict[str, Any] = {"cohort": run.cohort, "method": run.method, "draw": run.draw}
    if run.fold is not None:
        expected[FOLD] = run.fold
    scores = read_class_scores(path)
    remedy = f"to fix: restore it, or {recorded_hashes.make_again(path)}"
    found, classes = classes_of(scores), list(experiment.cohorts[run.cohort].source.classes)
    if set(found) != set(classes):
        shown = [", ".join(names) or "without a name" for names in (found, classes)]
        yield f"{path}: classes {shown[0]}; accepted: those of the experiment, {shown[1]}; {remedy}"
    if differ := [name for name, value in expected.items() if name in scores and set(scores[name]) != {value}]:
        values_text = ", ".join(f"{name} {scores[name].iloc[0]}" for name in differ)
        yield f"{path}: contains the scores of another run ({values_text}); {remedy}"


def _changed(paths: list[Path]) -> Iterator[str]:
    yield from (recorded_hashes.describe_change(path) for path in paths if recorded_hashes.is_changed(path))


def _recorded_hashes(path: Path, name: str) -> Mapping[str, str]:
    """The hashes in a record; empty if it is missing."""
    hashes = read_json(path).get(name) if path.is_file() else None
    return {key: value for key, value in hashes.items() if isinstance(value, str)} if isinstance(hashes, dict) else {}
