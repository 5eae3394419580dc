"""The training loop of pretraining stages and finetuning: an objective, a sampler and a budget."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from fewlabel.config.training import Training
from fewlabel.training.checkpointing.checkpoint import StageCheckpoint
from fewlabel.training.checkpointing.divergence import Guard
from fewlabel.training.checkpointing.state import HistoryRow, TrainingState
from fewlabel.training.devices import processes
from fewlabel.training.devices.device import Precision
from fewlabel.training.learning_rate import learning_rate
from fewlabel.training.optimizer import AdamW
from fewlabel.training.steps import Batch, EagerStep, choose_step
from fewlabel.utils.progress import Progress

HISTORY_ROWS = 200


def _optimizer(objective: nn.Module, budget: Training, device: torch.device) -> AdamW:
    trained = (parameter for parameter in objective.parameters() if parameter.requires_grad)
    return AdamW(trained, budget.weight_decay, fused=device.type != "mps")


def _close_row(state: TrainingState, rate: float, guard: Guard, checkpoint: StageCheckpoint | None) -> None:
    state.close_row(rate)
    guard.check(state)
    if checkpoint is not None:
        checkpoint.close_row(state)


def _publish(state: TrainingState, steps: int, rate: float, guard: Guard, checkpoint: StageCheckpoint) -> None:
    """Publish the progress and save the state when they are due."""
    publish, save = checkpoint.agree()
    if publish:
        checkpoint.publish(state, steps, rate)
    if save:
        guard.check(state)
        checkpoint.save(state)


def train(
    objective: nn.Module,
    sample: Callable[[int], Batch],
    budget: Training,
    device: torch.device,
    precision: Precision,
    what: str,
    checkpoint: StageCheckpoint | None = None,
    subjects: Callable[[int], Sequence[str]] | None = None,
) -> list[HistoryRow]:
    """Train an objective in place for the steps of a budget.

    Of several processes of a training, each takes its share of a batch and gets the same parameters and history.

    Args:
        objective: module that returns the loss of a batch; parameters without `requires_grad` do not change.
        sample: returns the batch of a step, as a pure function of the step.
        budget: steps, learning rate and its schedule.
        device: of the objective's parameters.
        what: name of the stage, for progress and errors.
        checkpoint: saves the state regularly, and holds the state to resume from; a resumed run takes the same steps as
            an uninterrupted one.
        subjects: returns the subjects of a step's batch, for errors.

    Returns:
        The history, at most `HISTORY_ROWS` rows.

    Raises:
        TrainingError: the loss is not finite; the last good state is saved.
        Interrupted: a signal ended the run; the state is saved.
    """
    optimizer = _optimizer(objective, budget, device)
    every = max(1, -(-budget.steps // HISTORY_ROWS))
    state = TrainingState(objective, optimizer, since=torch.zeros((), device=device))
    if checkpoint is not None:
        checkpoint.restore(state)
        checkpoint.begin(state, budget.steps)
    guard = Guard(what, state, subjects, checkpoint)
    objective.train()
    eager = EagerStep(processes.parallel(objective), optimizer, precision, device)
    take = choose_step(eager, state, lambda: sample(state.step), learning_rate(state.step, budget))
    with Progress(what, budget.steps, done=state.step, shown=processes.is_first()) as progress:
        for step in range(state.step, budget.steps):
            rate = learning_rate(step, budget)
            # Outside autocast: in bf16, augmentation would round images and masks.
            batch = sample(step)
            loss = take(batch, rate)
            guard.watch(loss, step)
            state.since += loss
            state.step = step + 1
            # Reading the loss makes a GPU wait: only once a history row.
            if state.step % every == 0 or state.step == budget.steps:
                _close_row(state, rate, guard, checkpoint)
                progress.advance_to(state.step, f"loss {state.history[-1].loss:.4f}")
            if checkpoint is not None:
                _publish(state, budget.steps, rate, guard, checkpoint)
    if checkpoint is not None:
        checkpoint.end(state)
    return state.history
