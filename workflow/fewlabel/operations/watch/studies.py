"""The status of studies: finished and running trainings."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.study_layout import EXPERIMENT, FINETUNINGS, LAYOUT, PRETRAININGS
from fewlabel.operations.watch.trainings import Condition, UnfinishedTraining, look, started_runs
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.utils.atomic_files import has_visible, visible
from fewlabel.utils.errors import InputError

ORDER: tuple[Condition, ...] = ("running", "starting", "silent", "interrupted")


@dataclass(frozen=True)
class StudyStatus:
    """The status of one study."""

    name: str  # of its folder
    trainings: list[UnfinishedTraining]  # unfinished trainings, running ones first
    # trained, scored: numbers of finished trainings and of scored finetunings
    trained: int
    scored: int
    # to_train, to_score: total numbers; None until the study has written its experiment
    to_train: int | None
    to_score: int | None
    unread: str | None = field(default=None)
    """Error of an unreadable experiment."""

    def count(self, condition: Condition) -> int:
        """Number of trainings in this condition."""
        return sum(training.condition == condition for training in self.trainings)


def studies(folder: Path) -> list[Path]:
    """The studies to watch: the folder itself where it is one, else those in it. Raises InputError: no such folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a study (results/<study>) or the folder of studies")
    if _is_study(folder):
        return [folder]
    return [path for path in visible(folder, "*") if path.is_dir() and _is_study(path)]


def study_status(study: Path, now: float | None = None) -> StudyStatus:
    """The current status of a study; `now`: seconds since 1970."""
    now = time.time() if now is None else now
    runs = list(started_runs(study))
    experiment, unread = _experiment(study)
    planned = None if experiment is None else set(study_trainings(experiment))
    counted = [run for run in runs if planned is None or run in planned]
    unfinished = [training for run in runs if (training := look(study, run, now))]
    unfinished_runs = {training.run for training in unfinished}
    return StudyStatus(
        name=study.resolve().name,
        trainings=sorted(unfinished, key=lambda training: (ORDER.index(training.condition), str(training.run))),
        trained=sum(run not in unfinished_runs and (study / LAYOUT.record(run)).is_file() for run in counted),
        scored=sum(
            run not in unfinished_runs and (study / LAYOUT.run_scores(run)).is_file()
            for run in counted
            if run.kind == "finetuned"
        ),
        to_train=None if planned is None else len(planned),
        to_score=None if planned is None else sum(run.kind == "finetuned" for run in planned),
        unread=unread,
    )


def _is_study(folder: Path) -> bool:
    # A published study holds tables and no trainings.
    return (folder / ".running.holder").exists() or any(
        has_visible(folder, str(pattern)) for pattern in (PRETRAININGS, FINETUNINGS)
    )


def _experiment(study: Path) -> tuple[Experiment | None, str | None]:
    if not (study / EXPERIMENT).is_file():
        return None, None
    try:
        return read_experiment(study), None
    except InputError as error:
        return None, str(error)
