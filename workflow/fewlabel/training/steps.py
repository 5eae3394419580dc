"""A training step: loss, gradients, update. On request, a GPU repeats it as one CUDA graph.

With a small network, a GPU waits for the processor to start its kernels. A graph starts all kernels of a step at once.
Augmentation stays outside it, because its random numbers and shapes are chosen by the processor.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from fewlabel.training.checkpointing.state import TrainingState
from fewlabel.training.devices import processes
from fewlabel.training.devices.device import Precision, autocast
from fewlabel.training.optimizer import AdamW
from fewlabel.utils.log import LOG

Batch = tuple[Tensor | Generator, ...]
Step = Callable[[Batch, float], Tensor]
"""Takes a step with a batch and a learning rate, and returns the loss, without gradient."""
Record = Callable[[Callable[[], None], Sequence[Generator]], Callable[[], None]]
"""From a work and the generators that it draws from to a function that repeats its operations on the same memory."""

CUDA_GRAPH = "FEWLABEL_CUDA_GRAPH"
"""Environment variable; 1: repeat steps as a CUDA graph."""
WARM_UP = 3
TOLERANCE = 0.05
"""Largest relative difference of a repeated step: its operations are equal, but some sum in another order each time."""


class EagerStep:
    """Starts the operations of each step one by one."""

    def __init__(self, objective: nn.Module, optimizer: AdamW, precision: Precision, device: torch.device) -> None:
        self.objective, self.optimizer, self.precision, self.device = objective, optimizer, precision, device

    def __call__(self, batch: Batch, rate: float | Tensor) -> Tensor:
        """See `Step`."""
        with autocast(self.precision, self.device):
            loss: Tensor = self.objective(*batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(rate)
        return loss.detach()


class RecordedStep:
    """Repeats the operations of one step on the same memory, to which batch and learning rate are copied first.

    Args:
        step: of which the operations are recorded; recording may take steps.
        batch: an example; all batches have its shapes. Its generators are in the state of their seed.
    """

    def __init__(self, step: EagerStep, batch: Batch, record: Record) -> None:
        self.step = step
        self._rate = torch.zeros((), device=step.device)
        self._batch = tuple(
            Generator(each.device).manual_seed(each.initial_seed()) if isinstance(each, Generator) else each.clone()
            for each in batch
        )
        self._repeat = record(self._work, [each for each in self._batch if isinstance(each, Generator)])

    def _work(self) -> None:
        self._loss = self.step(self._batch, self._rate)

    def __call__(self, batch: Batch, rate: float) -> Tensor:
        """See `Step`; the next call overwrites the returned loss."""
        for fixed, new in zip(self._batch, batch, strict=True):
            if isinstance(fixed, Generator):
                assert isinstance(new, Generator)
                fixed.manual_seed(new.initial_seed())
            else:
                assert isinstance(new, Tensor)
                fixed.copy_(new, non_blocking=True)
        self._rate.fill_(rate)
        self._repeat()
        return self._loss


def record_graph(work: Callable[[], None], generators: Sequence[Generator]) -> Callable[[], None]:
    """Record a CUDA graph; see `Record`. Raises RuntimeError: an operation cannot be part of one."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def choose_step(step: EagerStep, state: TrainingState, batch: Callable[[], Batch], rate: float) -> Step:
    """The step as a CUDA graph where the environment asks for it and it works, else as it is.

    Args:
        state: of the training, before this step; unchanged.
        batch: makes the batch of the next step.
        rate: learning rate of the next step.
    """
    if os.environ.get(CUDA_GRAPH) != "1" or step.device.type != "cuda" or processes.count() > 1:
        return step
    return recorded_or_eager(step, state, batch, rate, record_graph)


def recorded_or_eager(
    step: EagerStep, state: TrainingState, batch: Callable[[], Batch], rate: float, record: Record
) -> Step:
    """The recorded step if it does the same as the eager one, else the eager one, with a message."""
    before = _copies(state)
    try:
        expected = _outcome(step, state, batch(), rate, before)
        recorded = RecordedStep(step, batch(), record)
        _put_back(state, before)
        found = _outcome(recorded, state, batch(), rate, before)
        difference = max(abs(found[key] / expected[key] - 1) if expected[key] else abs(found[key]) for key in expected)
        problem = None if difference <= TOLERANCE else f"it differs by {difference:.2%} from operations one by one"
    except RuntimeError as error:
        _put_back(state, before)
        problem = str(error).splitlines()[0]
    if problem is None:
        LOG.info("step: a CUDA graph")
        return recorded
    LOG.info(f"step: no CUDA graph ({problem}); training continues with operations one by one")
    return step


def _outcome(
    step: Step, state: TrainingState, batch: Batch, rate: float, before: Mapping[str, Any]
) -> dict[str, float]:
    """The loss of a step, and how far it moves each parameter on average; the state is put back."""
    loss = float(step(batch, rate))
    moved = {
        name: float((tensor.detach() - before["objective"][name]).abs().mean())
        for name, tensor in state.objective.named_parameters()
    }
    _put_back(state, before)
    return {"loss": loss, **moved}


def _copies(state: TrainingState) -> dict[str, Any]:
    optimizer = {number: {name: each.clone() for name, each in own.items()} for number, own in _moments(state).items()}
    return {"objective": {name: each.clone() for name, each in state.objective.state_dict().items()}, **optimizer}


def _moments(state: TrainingState) -> dict[Any, dict[str, Tensor]]:
    return dict(state.optimizer.state)


def _put_back(state: TrainingState, before: Mapping[Any, Any]) -> None:
    """Restore a state in the same memory. A moment that did not exist before the first step becomes 0, as it begins."""
    with torch.no_grad():
        for name, tensor in state.objective.state_dict().items():
            tensor.copy_(before["objective"][name])
        for number, own in _moments(state).items():
            for name, tensor in own.items():
                tensor.copy_(before[number][name]) if number in before else tensor.zero_()
