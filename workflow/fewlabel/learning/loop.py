"""The one training loop: pretraining stages and finetuning alike are an objective, a sampler and a budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fewlabel.errors import TrainingError
from fewlabel.experiment import Training
from fewlabel.learning.device import Precision, autocast
from fewlabel.progress import Progress

HISTORY_ROWS = 200


@dataclass(frozen=True)
class HistoryRow:
    """Mean loss since the row before, and the learning rate at this step."""

    step: int
    loss: float
    learning_rate: float


def learning_rate(step: int, budget: Training) -> float:
    """The learning rate of a step (from 0): a linear rise over the warm-up, then constant or half a cosine to 0."""
    if step < budget.warmup:
        return budget.learning_rate * (step + 1) / budget.warmup
    if budget.schedule == "constant":
        return budget.learning_rate
    share = (step - budget.warmup) / max(1, budget.steps - budget.warmup)
    return budget.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def train(
    objective: nn.Module,
    sample: Callable[[int], tuple[Tensor | torch.Generator, ...]],
    budget: Training,
    device: torch.device,
    precision: Precision,
    what: str,
) -> list[HistoryRow]:
    """Take the budget's steps; the objective's parameters change in place.

    Args:
        objective: a module whose call with a sampled batch gives the loss; parameters without `requires_grad` stay.
        sample: gives the batch of a step, as a pure function of the step.
        budget: steps, learning rate and its schedule.
        device: where the objective's parameters lie.
        precision: of the forward pass.
        what: named in the progress and in errors.

    Returns:
        The history, at most `HISTORY_ROWS` rows.

    Raises:
        TrainingError: the loss is no finite number.
    """
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=device.type != "mps"
    )
    every = max(1, -(-budget.steps // HISTORY_ROWS))
    history: list[HistoryRow] = []
    since = torch.zeros((), device=device)
    objective.train()
    with Progress(what, budget.steps) as progress:
        for step in range(budget.steps):
            batch = sample(step)
            rate = learning_rate(step, budget)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with autocast(precision, device):
                loss = objective(*batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            since += loss.detach()
            # Reading the loss makes a GPU wait: only once a history row.
            if (step + 1) % every == 0 or step + 1 == budget.steps:
                taken = step + 1 - (history[-1].step if history else 0)
                history.append(HistoryRow(step + 1, since.item() / taken, rate))
                since.zero_()
                _refuse_infinite(history[-1], what)
                progress.advance(taken, f"loss {history[-1].loss:.4f}")
    return history


def _refuse_infinite(row: HistoryRow, what: str) -> None:
    if not math.isfinite(row.loss):
        raise TrainingError(
            f"{what}: the loss is {row.loss} at or before step {row.step}; lower learning_rate, or check the slices"
        )
