"""Checkpoints of a run, from which a killed run resumes.

The state file is not an output of the workflow's rule, since Snakemake deletes the outputs of failed jobs.
"""

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from torch import Tensor

from fewlabel.training.checkpointing.disk_reserve import Reserve
from fewlabel.training.checkpointing.live_history import LiveHistory, live_path
from fewlabel.training.checkpointing.state import HistoryRow, TrainingState, read_state, write_state
from fewlabel.training.checkpointing.tensorboard import Scalars
from fewlabel.training.devices import processes
from fewlabel.utils.environment import peak_host_bytes
from fewlabel.utils.errors import Interrupted
from fewlabel.utils.log import LOG

SIGNALS = (None, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)
"""Signals that save the state, the most urgent last."""


@dataclass
class Checkpoint:
    """Saves and restores the state of one run."""

    path: Path | None  # of the state file; None: nothing is saved, as in all processes of a training but the first
    every: float  # seconds between two states; a killed run loses no more work than this
    identity: Mapping[str, str]  # of the run; a state with another identity is refused
    resumed: int = 0  # number of times that the run was resumed
    seconds_before: float = 0.0  # seconds of work of earlier processes, as recorded in the state
    began: float = field(default_factory=time.time)  # first start of the run, in seconds since 1970
    peak_before: int = 0  # largest memory of earlier processes, in bytes
    scalars: Scalars = field(default_factory=lambda: Scalars(None))  # the run's TensorBoard logs
    reserve: Reserve | None = None  # disk space reserved for the outputs; None: none is reserved
    # progress of the last completed stage, saved if the outputs cannot be written
    ended: Mapping[str, Any] | None = field(default=None, repr=False)
    _started: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)
    _signal: int | None = None  # that this process received
    _agreed: int | None = None  # of any process of the training, since the last save
    # table of the run's progress for other processes; written only if `path` is set
    live: LiveHistory = field(init=False)

    def __post_init__(self) -> None:
        self.live = LiveHistory(None if self.path is None else live_path(self.path))

    def load(self) -> dict[str, Any] | None:
        """The saved progress; None if there is none. A state of another run is renamed, with a message."""
        if self.path is None or not self.path.exists():
            return None
        try:
            content = read_state(self.path)
            other = [key for key, value in self.identity.items() if content["identity"].get(key) != value]
            if other:
                raise ValueError(f"state of a run with other {', '.join(other)}")
            progress: dict[str, Any] = content["progress"]
            if progress["done"].keys() - progress.get("kept", {}).keys():
                raise ValueError("a complete stage is missing")
            self.resumed, self.seconds_before = content["resumed"] + 1, content["seconds"]
            self.began, self.peak_before = content["began"], content["peak_host_bytes"]
        except (ValueError, KeyError, OSError, TypeError, AttributeError) as error:
            aside = self.path.with_suffix(".refused")
            self.path.replace(aside)
            LOG.info(f"{self.path.name}: {error}; renamed to {aside.name}, training restarts")
            return None
        return progress

    def agree(self) -> tuple[bool, bool]:
        """Whether to publish the progress, and whether to save the state now, the same in all processes.

        The state is saved if `every` seconds have passed, or a signal arrived at any process of the training.
        """
        timed = self.path is not None and time.monotonic() - self._saved >= self.every
        each = processes.gather_numbers([self.live.due(), timed, SIGNALS.index(self._signal)])
        publish, save, urgency = (max(numbers) for numbers in zip(*each, strict=True))
        self._agreed = SIGNALS[urgency]
        return bool(publish), bool(save or urgency)

    def save(self, progress: Mapping[str, Any]) -> None:
        """Save progress. Raises Interrupted: after SIGTERM or SIGINT, once the state is saved."""
        self.write(progress)
        self._saved = time.monotonic()
        # A process that ends makes torchrun end the others.
        processes.wait_for_all()
        number, self._agreed = self._agreed, None
        if self._signal == number:
            self._signal = None
        if number is not None and number != signal.SIGUSR1:
            raise Interrupted(number)

    def write(self, progress: Mapping[str, Any]) -> bool:
        """Write the state; return whether this succeeded."""
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
            # A full disk must not end a training that can still finish; the previous state is intact.
            LOG.info(f"{self.path.name}: not saved ({error}); to fix: free some space")
            return False
        return True

    def seconds(self) -> float:
        """Seconds of work, including earlier processes up to their last states."""
        return self.seconds_before + time.monotonic() - self._started

    def peak(self) -> int:
        """Peak memory of this process and earlier ones, in bytes."""
        return max(self.peak_before, peak_host_bytes() or 0)

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the loop saves at its next step. SIGUSR1 does not cancel an earlier SIGTERM or SIGINT."""
        if self._signal in (None, signal.SIGUSR1):
            self._signal = number


@dataclass
class StageCheckpoint:
    """The checkpoint of one stage of a run."""

    checkpoint: Checkpoint
    stage: str  # its name
    done: Mapping[str, Sequence[HistoryRow]]  # histories of earlier stages
    # parameters of the objectives of these stages
    kept: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    saved: Mapping[str, Any] | None = None  # saved content of this stage; None if it starts from step 0

    def restore(self, state: TrainingState) -> None:
        """Load the saved content, if any, into a new state."""
        if self.saved is not None:
            state.take(self.saved)
            LOG.info(f"{self.stage}: resumes after step {state.step}")

    def begin(self, state: TrainingState, steps: int) -> None:
        """Publish that this stage begins or resumes, and reserve disk space for outputs. Raises OSError: disk full."""
        self.checkpoint.ended = None
        if self.checkpoint.reserve is not None:
            # Once for the weights, once for the pretext network with its head.
            tensors = state.objective.state_dict().values()
            self.checkpoint.reserve.hold(2 * sum(tensor.nbytes for tensor in tensors))
        self.checkpoint.scalars.begin(self.stage, state.history)
        self.checkpoint.live.add_row(self.stage, state.step, steps)

    def close_row(self, state: TrainingState) -> None:
        """Log the last row of the history."""
        self.checkpoint.scalars.add(state.history[-1])

    def publish(self, state: TrainingState, steps: int, rate: float) -> None:
        """Publish the stage's progress; reads the loss, which synchronises a GPU."""
        self.checkpoint.live.add_row(self.stage, state.step, steps, state.recent_loss(), rate)

    def agree(self) -> tuple[bool, bool]:
        """See `Checkpoint.agree`."""
        return self.checkpoint.agree()

    def save(self, state: TrainingState) -> None:
        """See `Checkpoint.save`."""
        self.checkpoint.save(self._progress(state.content()))

    def end(self, state: TrainingState) -> None:
        """Record that the stage is complete."""
        self.checkpoint.ended = self._progress(state.content())

    def keep(self, content: Mapping[str, Any]) -> bool:
        """Write a state's content of an earlier step; return whether this succeeded."""
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
    """A run's checkpoint for one stage, with the saved content of that stage."""
    if checkpoint is None:
        return None
    own = saved["state"] if saved and saved["stage"] == stage else None
    return StageCheckpoint(checkpoint, stage, done, kept or {}, own)


def finished_stages(saved: Mapping[str, Any] | None) -> dict[str, list[HistoryRow]]:
    """Histories of the stages that were complete when the state was saved."""
    return {name: [HistoryRow(*row) for row in rows] for name, rows in saved["done"].items()} if saved else {}


def finished_objectives(saved: Mapping[str, Any] | None) -> dict[str, dict[str, Tensor]]:
    """Parameters of the objectives of complete stages."""
    return dict(saved.get("kept", {})) if saved else {}
