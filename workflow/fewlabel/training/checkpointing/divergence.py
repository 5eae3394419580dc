"""What went wrong numerically: a loss that is no finite number, a representation that collapsed."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fewlabel.training.checkpointing.checkpoint import StageCheckpoint
from fewlabel.training.checkpointing.state import HistoryRow, TrainingState
from fewlabel.utils.errors import TrainingError

COLLAPSED = 0.05
"""A spread below this is a collapse: the mean cosine similarity of embeddings is then above 0.9975."""

FINE = -1


class Guard:
    """Watches the loss of every step without making a GPU wait, and keeps the last state that was good.

    Attributes:
        what: the training, for messages.
        subjects: whose slices make the batch of a step (from 0); None: unknown.
        checkpoint: receives the last good state when the loss goes wrong.
    """

    def __init__(
        self,
        what: str,
        state: TrainingState,
        subjects: Callable[[int], Sequence[str]] | None,
        checkpoint: StageCheckpoint | None,
    ) -> None:
        self.what, self.subjects, self.checkpoint = what, subjects, checkpoint
        self._first = torch.full((), FINE, dtype=torch.int64, device=state.since.device)
        self._good: Mapping[str, Any] = copy.deepcopy(state.content())

    def watch(self, loss: Tensor, step: int) -> None:
        """Note the first step (from 0) whose loss is no finite number."""
        self._first = torch.where(loss.detach().isfinite() | (self._first != FINE), self._first, step)

    def check(self, state: TrainingState) -> None:
        """Remember a good state, or end the run.

        Raises:
            TrainingError: the loss, or a parameter after the last step, is no finite number; the last good state is
                written first.
        """
        step = int(self._first)
        wrong = "the loss is no finite number" if step != FINE else None
        if wrong is None and not all(bool(tensor.isfinite().all()) for tensor in state.objective.parameters()):
            step, wrong = state.step - 1, "the parameters are no finite numbers"
        if wrong is None:
            self._good = copy.deepcopy(state.content())
            return
        batch = f"; its batch is of {', '.join(self.subjects(step))}" if self.subjects else ""
        raise TrainingError(
            f"{self.what}: {wrong} at step {step + 1}{batch}; {self._keep()}; lower learning_rate, or look at these "
            "subjects' slices"
        )

    def _keep(self) -> str:
        kept = f"the last good state, of step {self._good['step']},"
        if self.checkpoint is not None and self.checkpoint.keep(self._good):
            return f"{kept} is kept"
        return f"{kept} is not kept"


def collapse(stage: str, rows: Sequence[HistoryRow]) -> list[str]:
    """What must be said of a stage whose embeddings ended all alike; nothing of any other."""
    spread = rows[-1].spread if rows else None
    if spread is None or spread >= COLLAPSED:
        return []
    return [
        f"{stage}: the representation collapsed: the spread of its embeddings ended at {spread:.3g} (0: all alike, 1: "
        f"evenly spread; accepted: {COLLAPSED} and above); what it hands on is no better than chance: lower its "
        "learning_rate, raise its temperature or its batch, or vary its views more"
    ]
