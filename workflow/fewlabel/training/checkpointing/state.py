"""State of a training, and its file.

A state file is a SHA-256 (32 bytes), then the content that it is of, as written by `torch.save`. Writes are atomic:
the previous state stays until the new one is complete.
"""

import copy
import hashlib
import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from fewlabel.training.devices import processes
from fewlabel.training.optimizer import AdamW
from fewlabel.utils.atomic_files import atomic_file
from fewlabel.utils.errors import plain

DIGEST = 32
"""Bytes of a SHA-256."""


@dataclass(frozen=True)
class HistoryRow:
    """A row of a training's history."""

    step: int  # steps taken
    loss: float  # mean since the previous row
    learning_rate: float  # at this step
    # of the embeddings of a contrastive stage, from 0 (all equal) to 1 (they cancel out); None in others
    spread: float | None = None


@dataclass
class TrainingState:
    """All values that a training changes.

    Of several processes, all call its methods at the same steps; losses are those of the whole batch.
    """

    # objective, optimizer: changed in place
    objective: nn.Module
    optimizer: AdamW
    # sum of this process's losses since the last history row, on the training device
    since: Tensor
    step: int = 0  # steps taken
    history: list[HistoryRow] = field(default_factory=list)  # rows so far

    def close_row(self, rate: float) -> None:
        """Add the row that ends at this step."""
        steps = self.step - (self.history[-1].step if self.history else 0)
        spread: Tensor | None = getattr(self.objective, "spread", None)
        own = None if spread is None else float(processes.mean(spread))
        row = HistoryRow(self.step, self._loss_sum() / steps, rate, own)
        self.history.append(row)
        self.since.zero_()

    def recent_loss(self) -> float | None:
        """Mean loss since the last row, or that of the last row if no step followed; None before the first step."""
        last = self.history[-1] if self.history else None
        steps = self.step - (last.step if last else 0)
        return self._loss_sum() / steps if steps else last.loss if last else None

    def _loss_sum(self) -> float:
        return float(processes.mean(self.since))

    def content(self, rows: Sequence[HistoryRow] | None = None) -> dict[str, Any]:
        """Tensors and plain values, for a file; `rows`: instead of the history."""
        return {
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "since": processes.mean(self.since),
            "step": self.step,
            "history": [astuple(row) for row in (self.history if rows is None else rows)],
        }

    def take(self, content: Mapping[str, Any]) -> None:
        """Load the content of a file."""
        self.objective.load_state_dict(content["objective"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.since.copy_(content["since"])
        self.step = content["step"]
        self.history = [HistoryRow(*row) for row in content["history"]]


class StateCopy:
    """A copy of a training's state. To bring it up to date copies numbers alone: it takes place every few steps."""

    def __init__(self, state: TrainingState) -> None:
        self._content: dict[str, Any] = {}
        self._copies: list[Tensor] = []  # the tensors of `_content`
        self._rows: list[HistoryRow] = []
        self.update(state)

    def update(self, state: TrainingState) -> None:
        """Copy the state as it is now."""
        content = state.content(rows=())
        tensors = list(_tensors(content))
        if len(tensors) == len(self._copies):
            torch._foreach_copy_(self._copies, tensors)
            self._content["step"] = content["step"]
        else:
            self._content = copy.deepcopy(content)
            self._copies = list(_tensors(self._content))
        self._rows = list(state.history)

    def content(self) -> dict[str, Any]:
        """As `TrainingState.content`."""
        return {**self._content, "history": [astuple(row) for row in self._rows]}


def _tensors(content: Mapping[Any, Any]) -> Iterator[Tensor]:
    """All tensors of nested mappings, in order."""
    for value in content.values():
        if isinstance(value, Mapping):
            yield from _tensors(value)
        elif isinstance(value, Tensor):
            yield value


def history_table(stages: Mapping[str, Sequence[HistoryRow]]) -> pd.DataFrame:
    """A table of histories with the columns `stage` and those of `HistoryRow`."""
    return pd.DataFrame([{"stage": stage, **asdict(row)} for stage, rows in stages.items() for row in rows])


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write a state atomically."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    data = buffer.getvalue()
    with atomic_file(path) as partial:
        partial.write_bytes(hashlib.sha256(data).digest() + data)


def read_state(path: Path) -> dict[str, Any]:
    """Read a state. Raises ValueError: truncated, damaged, or no plain state."""
    data = path.read_bytes()
    if len(data) <= DIGEST or hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
        raise ValueError("truncated or damaged")
    try:
        content: dict[str, Any] = torch.load(io.BytesIO(data[DIGEST:]), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise ValueError("contains more than tensors and plain values") from None
    except (RuntimeError, EOFError, KeyError) as error:
        raise ValueError(f"not a PyTorch file ({plain(str(error))})") from None
    if not isinstance(content, dict):
        raise ValueError("not a training state")
    return content
