"""A killed run goes on where it was: when its state is saved, when it is taken up again, when it is refused.

The state file lies beside the outputs and is none of them, since a workflow deletes the outputs of a failed job.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from filelock import FileLock, Timeout
from pydantic import BaseModel

from fewlabel.errors import Interrupted, TrainingError
from fewlabel.files import sha256
from fewlabel.jobs import canonical
from fewlabel.learning.device import Precision
from fewlabel.learning.state import HistoryRow, TrainingState, read_state, write_state


@dataclass
class Checkpoint:
    """Saves and restores the state of one run.

    Attributes:
        path: of the state file; None: nothing is kept.
        every: seconds between two states: what a killed run loses at most.
        identity: what the run is; a state with another identity is refused.
        resumed: how often the run was taken up again.
        seconds_before: seconds of work that the state tells of earlier processes.
    """

    path: Path | None
    every: float
    identity: Mapping[str, str]
    resumed: int = 0
    seconds_before: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)
    _signal: int | None = None

    def load(self) -> dict[str, Any] | None:
        """The saved progress, or None where there is none that fits; what does not fit is named and set aside."""
        if self.path is None or not self.path.exists():
            return None
        try:
            content = read_state(self.path)
            other = [key for key, value in self.identity.items() if content["identity"].get(key) != value]
            if other:
                raise ValueError(f"it is of a run with other {', '.join(other)}")
        except (ValueError, KeyError, OSError) as error:
            aside = self.path.with_suffix(".refused")
            self.path.replace(aside)
            print(f"{self.path.name}: {error}; set aside as {aside.name}, training begins again", file=sys.stderr)
            return None
        self.resumed, self.seconds_before = content["resumed"] + 1, content["seconds"]
        progress: dict[str, Any] = content["progress"]
        return progress

    def due(self) -> bool:
        """Whether to save now: time has passed, or a signal came."""
        if self.path is None:
            return False
        return self._signal is not None or time.monotonic() - self._saved >= self.every

    def save(self, progress: Mapping[str, Any]) -> None:
        """Save progress.

        Raises:
            Interrupted: after SIGTERM or SIGINT, once the state is saved.
        """
        assert self.path is not None
        content = {"identity": dict(self.identity), "resumed": self.resumed, "seconds": self.seconds()}
        try:
            write_state(self.path, {**content, "progress": dict(progress)})
        except OSError as error:
            # A full disk must not end a training that can still finish; the previous state is whole.
            print(f"{self.path.name}: not saved ({error}); free some space", file=sys.stderr)
        self._saved = time.monotonic()
        number, self._signal = self._signal, None
        if number is not None and number != signal.SIGUSR1:
            raise Interrupted(number)

    def seconds(self) -> float:
        """Seconds of work, that of earlier processes included as far as their states tell."""
        return self.seconds_before + time.monotonic() - self._started

    def facts(self) -> dict[str, Any]:
        """What the facts of a run say of its time: seconds of work in all, and how often it was taken up again."""
        return {"seconds": round(self.seconds(), 2), "resumed": self.resumed}

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """A signal handler; the loop saves at its next step. The wish to end is not overwritten by SIGUSR1."""
        if self._signal in (None, signal.SIGUSR1):
            self._signal = number


@dataclass
class StageCheckpoint:
    """A checkpoint as one stage of a run sees it.

    Attributes:
        checkpoint: of the run.
        stage: its name.
        done: histories of the stages before it.
        saved: what was saved of this stage; None where it begins anew.
    """

    checkpoint: Checkpoint
    stage: str
    done: Mapping[str, Sequence[HistoryRow]]
    saved: Mapping[str, Any] | None = None

    def restore(self, state: TrainingState) -> None:
        """Bring a fresh state to where the saved one was, if there is one."""
        if self.saved is not None:
            state.take(self.saved)
            print(f"{self.stage}: goes on after step {state.step}", file=sys.stderr)

    def due(self) -> bool:
        """See `Checkpoint.due`."""
        return self.checkpoint.due()

    def save(self, state: TrainingState) -> None:
        """See `Checkpoint.save`."""
        done = {name: [astuple(row) for row in rows] for name, rows in self.done.items()}
        self.checkpoint.save({"stage": self.stage, "done": done, "state": state.content()})


def stage_checkpoint(
    checkpoint: Checkpoint | None, stage: str, done: Mapping[str, Sequence[HistoryRow]], saved: Mapping[str, Any] | None
) -> StageCheckpoint | None:
    """A run's checkpoint for one stage, with what was saved of that stage."""
    if checkpoint is None:
        return None
    return StageCheckpoint(checkpoint, stage, done, saved["state"] if saved and saved["stage"] == stage else None)


def finished_stages(saved: Mapping[str, Any] | None) -> dict[str, list[HistoryRow]]:
    """The histories of the stages that were complete when the state was saved."""
    return {name: [HistoryRow(*row) for row in rows] for name, rows in saved["done"].items()} if saved else {}


def identity(
    settings: BaseModel,
    subjects: Sequence[str],
    store: Path,
    initial: Path | None,
    device: torch.device,
    precision: Precision,
) -> dict[str, str]:
    """What makes two runs the same: settings with their recipe number, subjects, data, start, precision, libraries."""
    return {
        "settings": canonical(settings),
        "subjects": "\n".join(subjects),
        "cohort": sha256(store),
        "initial weights": sha256(initial) if initial else "",
        "precision": f"{device.type} {precision}",
        "libraries": " ".join(f"{name} {version(name).split('.')[0]}" for name in ("torch", "numpy")),
    }


@contextmanager
def kept(path: Path | None, every: float, what: Mapping[str, str]) -> Iterator[Checkpoint]:
    """A run's checkpoint: its lock is held, SIGTERM and SIGINT save and end, SIGUSR1 saves and goes on.

    When the block ends well its outputs are complete, and the state is removed.

    Raises:
        TrainingError: another process works on the same run.
    """
    checkpoint = Checkpoint(path, every, what)
    if path is None:
        yield checkpoint
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path), _listening(checkpoint):
        yield checkpoint
        for leftover in (path, path.with_suffix(".refused")):
            leftover.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock, holder = FileLock(path.with_suffix(".lock"), timeout=0), path.with_suffix(".holder")
    try:
        lock.acquire()
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        raise TrainingError(f"{path.name}: {who} works on this run; wait for it, or end it, and start again") from None
    try:
        holder.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        # Removed while it is held: a process that waits for it makes a new one.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@contextmanager
def _listening(checkpoint: Checkpoint) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.signal(number, checkpoint.note_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
