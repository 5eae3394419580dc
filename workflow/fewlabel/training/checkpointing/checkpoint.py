"""A killed run goes on where it was: when its state is saved, when it is taken up again, when it is refused.

The state file lies beside the outputs and is none of them, since a workflow deletes the outputs of a failed job.
"""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from torch import Tensor

from fewlabel.training.checkpointing.disk_reserve import Reserve
from fewlabel.training.checkpointing.live_history import LiveHistory, live_path
from fewlabel.training.checkpointing.state import HistoryRow, TrainingState, read_state, write_state
from fewlabel.training.checkpointing.tensorboard import Scalars
from fewlabel.utils.environment import peak_host_bytes
from fewlabel.utils.errors import Interrupted


@dataclass
class Checkpoint:
    """Saves and restores the state of one run.

    Attributes:
        path: of the state file; None: nothing is kept.
        every: seconds between two states: what a killed run loses at most.
        identity: what the run is; a state with another identity is refused.
        resumed: how often the run was taken up again.
        seconds_before: seconds of work that the state tells of earlier processes.
        began: when the run was first started, in seconds since 1970.
        peak_before: largest memory of earlier processes, in bytes.
        live: tells others how far the run is, where a state is kept.
        scalars: writes its TensorBoard logs.
        reserve: disk space reserved for the outputs; None: none is reserved.
        ended: progress of the last completed stage, saved if the outputs cannot be written.
    """

    path: Path | None
    every: float
    identity: Mapping[str, str]
    resumed: int = 0
    seconds_before: float = 0.0
    began: float = field(default_factory=time.time)
    peak_before: int = 0
    scalars: Scalars = field(default_factory=lambda: Scalars(None))
    reserve: Reserve | None = None
    ended: Mapping[str, Any] | None = None
    _started: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)
    _signal: int | None = None
    live: LiveHistory = field(init=False)

    def __post_init__(self) -> None:
        self.live = LiveHistory(None if self.path is None else live_path(self.path))

    def load(self) -> dict[str, Any] | None:
        """The saved progress, or None where there is none that fits; what does not fit is named and set aside."""
        if self.path is None or not self.path.exists():
            return None
        try:
            content = read_state(self.path)
            other = [key for key, value in self.identity.items() if content["identity"].get(key) != value]
            if other:
                raise ValueError(f"it is of a run with other {', '.join(other)}")
            progress: dict[str, Any] = content["progress"]
            if progress["done"].keys() - progress.get("kept", {}).keys():
                raise ValueError("it lacks a stage that is complete")
            self.resumed, self.seconds_before = content["resumed"] + 1, content["seconds"]
            self.began, self.peak_before = content["began"], content["peak_host_bytes"]
        except (ValueError, KeyError, OSError, TypeError, AttributeError) as error:
            aside = self.path.with_suffix(".refused")
            self.path.replace(aside)
            print(f"{self.path.name}: {error}; set aside as {aside.name}, training begins again", file=sys.stderr)
            return None
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
        self.write(progress)
        self._saved = time.monotonic()
        number, self._signal = self._signal, None
        if number is not None and number != signal.SIGUSR1:
            raise Interrupted(number)

    def write(self, progress: Mapping[str, Any]) -> bool:
        """Write the state; whether that was possible."""
        if self.path is None:
            return False
        content = {
            "identity": dict(self.identity),
            "resumed": self.resumed,
            "seconds": self.seconds(),
            "began": self.began,
            "peak_host_bytes": self.peak(),
        }
        try:
            write_state(self.path, {**content, "progress": dict(progress)})
        except OSError as error:
            # A full disk must not end a training that can still finish; the previous state is whole.
            print(f"{self.path.name}: not saved ({error}); free some space", file=sys.stderr)
            return False
        return True

    def seconds(self) -> float:
        """Seconds of work, that of earlier processes included as far as their states tell."""
        return self.seconds_before + time.monotonic() - self._started

    def peak(self) -> int:
        """The largest memory of this process and of those before it, in bytes."""
        return max(self.peak_before, peak_host_bytes() or 0)

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
        kept: parameters of the objectives of these stages.
        saved: what was saved of this stage; None where it begins anew.
    """

    checkpoint: Checkpoint
    stage: str
    done: Mapping[str, Sequence[HistoryRow]]
    kept: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    saved: Mapping[str, Any] | None = None

    def restore(self, state: TrainingState) -> None:
        """Bring a fresh state to where the saved one was, if there is one."""
        if self.saved is not None:
            state.take(self.saved)
            print(f"{self.stage}: goes on after step {state.step}", file=sys.stderr)

    def begin(self, state: TrainingState, steps: int) -> None:
        """Publish that this stage begins or resumes, and reserve disk space for its outputs.

        Raises:
            OSError: the disk is full, before any training.
        """
        self.checkpoint.ended = None
        if self.checkpoint.reserve is not None:
            # Once for the weights, once for the pretext network with its head.
            tensors = state.objective.state_dict().values()
            self.checkpoint.reserve.hold(2 * sum(tensor.nbytes for tensor in tensors))
        self.checkpoint.scalars.begin(self.stage, state.history)
        self.checkpoint.live.tell(self.stage, state.step, steps)

    def close_row(self, state: TrainingState) -> None:
        """The history has a row more."""
        self.checkpoint.scalars.add(state.history[-1])

    def tell(self, state: TrainingState, steps: int, rate: float) -> None:
        """Tell others how far this stage is, every few seconds: only then is the loss read, which makes a GPU wait."""
        if self.checkpoint.live.due():
            self.checkpoint.live.tell(self.stage, state.step, steps, state.recent_loss(), rate)

    def due(self) -> bool:
        """See `Checkpoint.due`."""
        return self.checkpoint.due()

    def save(self, state: TrainingState) -> None:
        """See `Checkpoint.save`."""
        self.checkpoint.save(self._progress(state.content()))

    def end(self, state: TrainingState) -> None:
        """Record that the stage is complete."""
        self.checkpoint.ended = self._progress(state.content())

    def keep(self, content: Mapping[str, Any]) -> bool:
        """Write a state's content as it was at an earlier step; whether that was possible."""
        return self.checkpoint.write(self._progress(content))

    def _progress(self, content: Mapping[str, Any]) -> dict[str, Any]:
        done = {name: [astuple(row) for row in rows] for name, rows in self.done.items()}
        kept = {name: dict(tensors) for name, tensors in self.kept.items()}
        return {"stage": self.stage, "done": done, "kept": kept, "state": content}


def stage_checkpoint(
    checkpoint: Checkpoint | None,
    stage: str,
    done: Mapping[str, Sequence[HistoryRow]],
    saved: Mapping[str, Any] | None,
    kept: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> StageCheckpoint | None:
    """A run's checkpoint for one stage, with what was saved of that stage."""
    if checkpoint is None:
        return None
    own = saved["state"] if saved and saved["stage"] == stage else None
    return StageCheckpoint(checkpoint, stage, done, kept or {}, own)


def finished_stages(saved: Mapping[str, Any] | None) -> dict[str, list[HistoryRow]]:
    """The histories of the stages that were complete when the state was saved."""
    return {name: [HistoryRow(*row) for row in rows] for name, rows in saved["done"].items()} if saved else {}


def kept_stages(saved: Mapping[str, Any] | None) -> dict[str, dict[str, Tensor]]:
    """The parameters of these stages' objectives."""
    return dict(saved.get("kept", {})) if saved else {}


@contextmanager
def listening(checkpoint: Checkpoint) -> Iterator[None]:
    """SIGTERM and SIGINT save and end, SIGUSR1 saves and goes on."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.signal(number, checkpoint.note_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
