"""Check that the files of a study are unchanged since its jobs wrote them, and consistent with each other."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fewlabel.config import jobs
from fewlabel.config.experiment import Experiment
from fewlabel.config.study_layout import HISTORY, LAYOUT, PRETEXT, SCORES, STORE, WEIGHTS, Run
from fewlabel.reporting.results.folder import read_json
from fewlabel.reporting.results.histories import read_history
from fewlabel.reporting.statistics.scores import FOLD, read_scores
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import visible
from fewlabel.utils.errors import InputError

MADE = (WEIGHTS, PRETEXT, HISTORY, SCORES)
"""Files of a run whose hashes are recorded."""


def check_results(folder: Path, experiment: Experiment) -> None:
    """Refuse results with files that were changed, swapped or damaged after a job wrote them.

    Missing files and files without a recorded hash are not checked.

    Args:
        folder: `results/<study>`.
        experiment: of the study.

    Raises:
        InputError: every such file, with what is wrong and what to do.
    """
    _refuse(folder, [*_tables(folder, experiment), *_runs(folder, experiment)])


def check_record(folder: Path, experiment: Experiment) -> None:
    """The same, with the tables and figures that the record contains.

    Raises:
        InputError: every such file, with what is wrong and what to do.
    """
    _refuse(folder, [*_tables(folder, experiment), *_runs(folder, experiment), *_shown(folder)])


def check_shown(folder: Path) -> None:
    """Refuse tables and figures of a study that were changed after a job wrote them.

    Raises:
        InputError: every such file, with what to do.
    """
    _refuse(folder, _shown(folder))


def _refuse(folder: Path, found: Iterable[str]) -> None:
    if problems := list(dict.fromkeys(found)):
        heading = f"{folder}: {len(problems)} file(s) are not as the study's jobs wrote them:"
        raise InputError.of(recorded_hashes.shortened(problems), heading=heading)


def _shown(folder: Path) -> Iterator[str]:
    yield from _changed([path for kind in ("tables", "figures") for path in visible(folder / kind, "*")])


def _tables(folder: Path, experiment: Experiment) -> Iterator[str]:
    """Changed tables of the study and of each cohort."""
    names = [LAYOUT.experiment, LAYOUT.scores, LAYOUT.history]
    for part in jobs.split_parts(experiment):
        names.append(LAYOUT.roles(part))
        names += [LAYOUT.order(part, draw) for draw in range(1, experiment.draws + 1)]
    for cohort in experiment.cohorts:
        store, native = folder / LAYOUT.store(cohort), folder / LAYOUT.native(cohort)
        wanted = read_json(store).get("sha256") if store.is_file() else None
        names += [LAYOUT.slices(cohort, name) for name in (wanted if isinstance(wanted, dict) else ())]
        names += [path.relative_to(folder).as_posix() for path in visible(native, "*/*")]
    yield from _changed([folder / name for name in names])


def _runs(folder: Path, experiment: Experiment) -> Iterator[str]:
    found = {run: folder / run for run in jobs.study_trainings(experiment) if (folder / run).is_dir()}
    whose = {digest: run for run in found for digest in _digests(folder / LAYOUT.record(run), "outputs").values()}
    others: dict[Path, dict[Run, None]] = {}
    for run, place in found.items():
        changed = [path for path in (place / name for name in MADE) if recorded_hashes.is_changed(path)]
        for path in changed:
            other = whose.get(recorded_hashes.content_hash(path))
            yield recorded_hashes.describe_change(path) + (
                f"; its content is that of {other}" if other not in (None, run) else ""
            )
        if not changed:
            yield from _contents(place, run)
            yield from _other_start(folder, experiment, run)
            for path in _other_inputs(folder, experiment, run):
                others.setdefault(path, {})[run] = None
    for path, runs in others.items():
        whose_is = f"the file differs from the one that {len(runs)} run(s) read, such as {next(iter(runs))}"
        yield (
            f"{path}: {whose_is}; to fix: restore it, or {recorded_hashes.make_again(path)}; if the change is "
            f"intended, delete the folders of these runs and run `snakemake` again"
        )


def _other_start(folder: Path, experiment: Experiment, run: Run) -> Iterator[str]:
    """A finetuning whose start does not match its method, because another method's run replaced it."""
    read = _digests(folder / LAYOUT.record(run), "inputs")
    if STORE in read and run.kind == "finetuned":
        began = "initial weights" in read
        if began != (jobs.pretrained_as(experiment, run.method) is not None):
            ways = ("at random", "with pretrained weights")
            told = f"the run started {ways[began]}, but its method starts {ways[not began]}"
            yield f"{folder / run}: {told}; to fix: restore it, or delete this folder and run `snakemake` again"


def _other_inputs(folder: Path, experiment: Experiment, run: Run) -> Iterator[Path]:
    """Inputs of a training or its evaluation that have changed since."""
    start = jobs.pretrained_as(experiment, run.method) if run.kind == "finetuned" else None
    special = {"initial weights": LAYOUT.weights(Run(run.part, str(start))), WEIGHTS: LAYOUT.weights(run)}
    for record in (LAYOUT.record(run), LAYOUT.evaluation(run)):
        for name, wanted in _digests(folder / record, "inputs").items():
            path = folder / special.get(name, LAYOUT.input(run.part, name))
            if path.is_file() and recorded_hashes.content_hash(path) != wanted:
                yield path


def _contents(place: Path, run: Run) -> Iterator[str]:
    """Tables that cannot be read or belong to another run."""
    try:
        if (place / HISTORY).is_file():
            read_history(place / HISTORY)
        if run.kind == "finetuned" and (place / SCORES).is_file():
            yield from _foreign(place / SCORES, run)
    except InputError as error:
        yield str(error)


def _foreign(path: Path, run: Run) -> Iterator[str]:
    wanted: dict[str, Any] = {"cohort": run.cohort, "method": run.method, "draw": run.draw}
    if run.fold is not None:
        wanted[FOLD] = run.fold
    scores = read_scores(path)
    if differ := [name for name, value in wanted.items() if name in scores and set(scores[name]) != {value}]:
        held = ", ".join(f"{name} {scores[name].iloc[0]}" for name in differ)
        remedy = f"to fix: restore it, or {recorded_hashes.make_again(path)}"
        yield f"{path}: contains the scores of another run ({held}); {remedy}"


def _changed(paths: list[Path]) -> Iterator[str]:
    yield from (recorded_hashes.describe_change(path) for path in paths if recorded_hashes.is_changed(path))


def _digests(path: Path, name: str) -> Mapping[str, str]:
    """The hashes in a record; empty if it is missing."""
    found = read_json(path).get(name) if path.is_file() else None
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
