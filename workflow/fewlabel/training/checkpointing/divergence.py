"""Checks for numerical problems: losses that are not finite, and collapsed representations."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from fewlabel.training.checkpointing.checkpoint import StageCheckpoint
from fewlabel.training.checkpointing.state import HistoryRow, StateCopy, TrainingState
from fewlabel.training.devices import processes
from fewlabel.utils.errors import TrainingError

COLLAPSED = 0.05
"""Spread of embeddings below which a representation is collapsed: their mean cosine similarity is above 0.9975."""

NO_STEP = -1


class Guard:
    """Watches the loss of each step without synchronising a GPU, and keeps the last state with finite values.

    Args:
        what: name of the training, for messages.
        subjects: returns the subjects in the batch of a step (from 0); None: unknown.
        checkpoint: receives the last finite state when the loss is not finite.
    """

    def __init__(
        self,
        what: str,
        state: TrainingState,
        subjects: Callable[[int], Sequence[str]] | None,
        checkpoint: StageCheckpoint | None,
    ) -> None:
        self.what, self.subjects, self.checkpoint = what, subjects, checkpoint
        self._first = torch.full((), NO_STEP, dtype=torch.int64, device=state.since.device)
        self._good = StateCopy(state)

    def watch(self, loss: Tensor, step: int) -> None:
        """Note the first step (from 0) whose loss is not finite."""
        self._first = torch.where(loss.detach().isfinite() | (self._first != NO_STEP), self._first, step)

    def check(self, state: TrainingState) -> None:
        """Keep a copy of a finite state, or end the run.

        Raises:
            TrainingError: the loss, or a parameter after the last step, is not finite; the last finite state is saved.
        """
        firsts = [first for (first,) in processes.gather_numbers([int(self._first)]) if first != NO_STEP]
        step = min(firsts, default=NO_STEP)
        problem = "the loss is not finite" if firsts else None
        if problem is None and not _all_finite(state.objective):
            step, problem = state.step - 1, "the parameters are not finite"
        if problem is None:
            self._good.update(state)
            return
        batch = f" (batch of {', '.join(self.subjects(step))})" if self.subjects else ""
        raise TrainingError(
            f"{self.what}: {problem} at step {step + 1}{batch}; {self._keep()}; to fix: lower learning_rate, or check "
            "these subjects' slices"
        )

    def _keep(self) -> str:
        good = self._good.content()
        saved = self.checkpoint is not None and self.checkpoint.keep(good)
        return f"the last good state, of step {good['step']}, is {'kept' if saved else 'not kept'}"


def _all_finite(objective: nn.Module) -> bool:
    """Whether all parameters are finite; a GPU is read once."""
    parameters = [parameter.detach() for parameter in objective.parameters()]
    if bool(torch.stack(torch._foreach_norm(parameters)).isfinite().all()):
        return True
    # A norm is far faster than `isfinite`, but the square of a number above 1e19 is infinite.
    return all(bool(parameter.isfinite().all()) for parameter in parameters)


def collapse_warnings(stage: str, rows: Sequence[HistoryRow]) -> list[str]:
    """Warnings about a stage whose embeddings became equal; empty for other stages."""
    spread = rows[-1].spread if rows else None
    if spread is None or spread >= COLLAPSED:
        return []
    return [
        f"{stage}: the representation collapsed: the final spread of its embeddings is {spread:.3g} (0: all equal, 1: "
        f"evenly spread); accepted: from {COLLAPSED}; its weights are no better than random ones; to fix: lower its "
        "learning_rate, raise its temperature or batch, or use stronger augmentation"
    ]
