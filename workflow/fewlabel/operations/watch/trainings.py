"""The unfinished trainings of a study, from their files alone."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal

from fewlabel.config.study_layout import FINETUNINGS, LAYOUT, PRETRAININGS, Run
from fewlabel.operations.hooks.stale_files import TRAINING
from fewlabel.training.checkpointing.live_history import SUFFIX, LiveRow, read_live
from fewlabel.utils.atomic_files import visible

Condition = Literal["running", "starting", "silent", "interrupted"]

SILENT_SECONDS = 60.0
"""News are written every few seconds; a network file system may delay them by a minute."""
SILENT_GAPS = 4
"""A training with long steps is silent after this multiple of its median interval."""
STARTING_SECONDS = 600.0
"""Longest time until the first step: imports, reading slices."""
SPEED_SECONDS = 60.0
"""Seconds over which speed is averaged."""


@dataclass(frozen=True)
class UnfinishedTraining:
    """An unfinished training."""

    run: Run
    # `running`; `starting`: before its first step; `silent`: no news for long, and not interrupted; `interrupted`:
    # stopped with a saved state
    condition: Condition
    silence: float  # seconds since the last news
    row: LiveRow | None  # the latest row of the live history; None: none
    speed: float | None  # steps a second over the last minute; None: unknown

    @property
    def names(self) -> tuple[str, str, str, str]:
        """Cohort, method, N and draw; the last two are empty for a pretraining."""
        n, draw = ("" if value is None else str(value) for value in (self.run.n, self.run.draw))
        return self.run.part, self.run.method, n, draw

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the stage; None: unknown, or not running."""
        if self.condition != "running" or self.row is None or not self.speed:
            return None
        return (self.row.steps - self.row.step) / self.speed


def started_runs(study: Path) -> Iterator[Run]:
    """The trainings of a study that have a folder."""
    for pattern in (PRETRAININGS, FINETUNINGS):
        for path in visible(study, str(pattern)):
            with suppress(ValueError):  # a folder of the user's
                if path.is_dir():
                    yield Run.parse(path.relative_to(study).as_posix())


def look(study: Path, run: Run, now: float | None = None) -> UnfinishedTraining | None:
    """The status of a training; None: finished, or not started. `now`: seconds since 1970 (default: current time)."""
    now, folder = time.time() if now is None else now, study / run
    holder = _written(folder / f"{TRAINING}.holder")
    table = read_live(folder / f"{TRAINING}{SUFFIX}")
    rows, updated = table if table else ([], None)
    last = max((moment for moment in (holder, updated) if moment is not None), default=None)
    if last is None:
        return None
    complete = _written(study / LAYOUT.record(run))
    if complete is not None and (holder is None or complete >= last):
        return None
    silence = max(0.0, now - last)
    row = rows[-1] if rows else None
    condition: Condition
    if holder is None:
        condition = "interrupted"
    elif row is None or updated is None or updated < holder:
        # The history is of an earlier process than the current one.
        condition, row = ("starting" if silence < STARTING_SECONDS else "silent"), None
    else:
        condition = "running" if silence <= _patience(rows) else "silent"
    return UnfinishedTraining(run, condition, silence, row, _speed(rows) if row else None)


def _written(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _patience(rows: list[LiveRow]) -> float:
    """Seconds without news after which a training is silent."""
    gaps = [after.time - before.time for before, after in pairwise(rows)]
    return max(SILENT_SECONDS, SILENT_GAPS * median(gaps or [0.0]))


def _speed(rows: list[LiveRow]) -> float | None:
    last = rows[-1]
    same = [row for row in rows if row.stage == last.stage]
    recent = [row for row in same if last.time - row.time <= SPEED_SECONDS]
    first = recent[0] if len(recent) > 1 else same[-2:][0]
    seconds = last.time - first.time
    return (last.step - first.step) / seconds if seconds > 0 and last.step > first.step else None
