"""The one training loop: pretraining stages and finetuning alike are an objective, a sampler and a budget."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from fewlabel.config.training import Training
from fewlabel.training.checkpointing.checkpoint import StageCheckpoint
from fewlabel.training.checkpointing.divergence import Guard
from fewlabel.training.checkpointing.state import HistoryRow, TrainingState
from fewlabel.training.devices.device import Precision, autocast
from fewlabel.training.learning_rate import learning_rate
from fewlabel.utils.progress import Progress

HISTORY_ROWS = 200


def _optimizer(objective: nn.Module, budget: Training, device: torch.device) -> torch.optim.Optimizer:
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    fused = device.type != "mps"
    return torch.optim.AdamW(trained, lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=fused)


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    """Take a step with that learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _close_row(state: TrainingState, rate: float, guard: Guard, checkpoint: StageCheckpoint | None) -> None:
    state.close_row(rate)
    guard.check(state)
    if checkpoint is not None:
        checkpoint.close_row(state)


def train(
    objective: nn.Module,
    sample: Callable[[int], tuple[Tensor | torch.Generator, ...]],
    budget: Training,
    device: torch.device,
    precision: Precision,
    what: str,
    checkpoint: StageCheckpoint | None = None,
    subjects: Callable[[int], Sequence[str]] | None = None,
) -> list[HistoryRow]:
    """Take the budget's steps; the objective's parameters change in place.

    Args:
        objective: a module whose call with a sampled batch gives the loss; parameters without `requires_grad` stay.
        sample: gives the batch of a step, as a pure function of the step.
        budget: steps, learning rate and its schedule.
        device: where the objective's parameters lie.
        precision: of the forward pass.
        what: named in the progress and in errors.
        checkpoint: saves the state now and then, and holds the one to go on from; a run that goes on takes the same
            steps as one that was never interrupted.
        subjects: whose slices make the batch of a step; named in errors.

    Returns:
        The history, at most `HISTORY_ROWS` rows.

    Raises:
        TrainingError: the loss is no finite number; the last good state is saved.
        Interrupted: a signal asked for the end, and the state is saved.
    """
    optimizer = _optimizer(objective, budget, device)
    every = max(1, -(-budget.steps // HISTORY_ROWS))
    state = TrainingState(objective, optimizer, since=torch.zeros((), device=device))
    if checkpoint is not None:
        checkpoint.restore(state)
        checkpoint.begin(state, budget.steps)
    guard = Guard(what, state, subjects, checkpoint)
    objective.train()
    with Progress(what, budget.steps, done=state.step) as progress:
        for step in range(state.step, budget.steps):
            rate = learning_rate(step, budget)
            # Outside autocast: augmentation in bf16 would blur images and masks.
            batch = sample(step)
            with autocast(precision, device):
                loss = objective(*batch)
            _update(optimizer, loss, rate)
            guard.watch(loss, step)
            state.since += loss.detach()
            state.step = step + 1
            # Reading the loss makes a GPU wait: only once a history row.
            if state.step % every == 0 or state.step == budget.steps:
                _close_row(state, rate, guard, checkpoint)
                progress.advance_to(state.step, f"loss {state.history[-1].loss:.4f}")
            if checkpoint is not None:
                checkpoint.publish(state, budget.steps, rate)
                if checkpoint.due():
                    guard.check(state)
                    checkpoint.save(state)
    if checkpoint is not None:
        checkpoint.end(state)
    return state.history
