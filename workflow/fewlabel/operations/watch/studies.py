"""Where studies stand: how much is finished, and which trainings run."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from fewlabel.config.experiment import Experiment
from fewlabel.operations.watch.trainings import RUNS, Condition, Training, look, run_folders
from fewlabel.reporting.results.folder import EXPERIMENT, expected_runs, read_experiment
from fewlabel.utils.atomic_files import has_visible, visible
from fewlabel.utils.errors import InputError

ORDER: tuple[Condition, ...] = ("running", "starting", "silent", "interrupted")


@dataclass(frozen=True)
class Standing:
    """Where one study stands.

    Attributes:
        name: of its folder.
        trainings: that are begun and not finished, what runs first.
        trained, scored: how many trainings are finished, and how many finetunings are scored.
        to_train, to_score: how many there are in all; None where the study has not written down its experiment yet.
    """

    name: str
    trainings: list[Training]
    trained: int
    scored: int
    to_train: int | None
    to_score: int | None
    unread: str | None = field(default=None)
    """Why the experiment cannot be read, where it cannot."""

    def count(self, condition: Condition) -> int:
        """How many trainings are in this condition."""
        return sum(training.condition == condition for training in self.trainings)


def studies(folder: Path) -> list[Path]:
    """The studies to watch: the folder itself where it is one, else those in it.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a study (results/<study>) or the folder of studies")
    if _is_study(folder):
        return [folder]
    return [path for path in visible(folder, "*") if path.is_dir() and _is_study(path)]


def standing(study: Path, now: float | None = None) -> Standing:
    """Where a study stands at this moment."""
    now = time.time() if now is None else now
    folders = list(run_folders(study))
    experiment, unread = _experiment(study)
    wanted = None if experiment is None else set(expected_runs(experiment))
    known = {folder.relative_to(study).as_posix(): folder for folder in folders}
    counted = known if wanted is None else {run: folder for run, folder in known.items() if run in wanted}
    found = [training for folder in folders if (training := look(study, folder, now))]
    begun = {training.run for training in found}
    return Standing(
        name=study.resolve().name,
        trainings=sorted(found, key=lambda training: (ORDER.index(training.condition), training.run)),
        trained=sum(run not in begun and (folder / "run.json").is_file() for run, folder in counted.items()),
        scored=sum(
            run not in begun and (folder / "scores.csv").is_file()
            for run, folder in counted.items()
            if "/finetuned/" in run
        ),
        to_train=None if wanted is None else len(wanted),
        to_score=None if wanted is None else sum("/finetuned/" in run for run in wanted),
        unread=unread,
    )


def _is_study(folder: Path) -> bool:
    # A published study holds tables and no trainings.
    return (folder / ".running.holder").exists() or any(has_visible(folder, pattern) for pattern in RUNS)


def _experiment(study: Path) -> tuple[Experiment | None, str | None]:
    if not (study / EXPERIMENT).is_file():
        return None, None
    try:
        return read_experiment(study), None
    except InputError as error:
        return None, str(error)
