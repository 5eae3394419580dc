"""Processes of one training, started by torchrun: each takes an equal share of every batch.

In a training of one process, the share is the batch, and the functions return their arguments.

Rows and random numbers are drawn for the whole batch and then cut to the share. So results do not depend on the number
of processes, except for floating-point noise.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, distributed, nn

from fewlabel.utils.errors import InputError, TrainingError
from fewlabel.utils.log import LOG

T = TypeVar("T")
Batch = TypeVar("Batch", Tensor, NDArray[np.int64])

PATIENCE = timedelta(days=7)
"""Longest wait for another process, which may itself wait for a free GPU. A process that ends is noticed at once."""
FIRST_TIME = timedelta(seconds=20)
"""Time that the first process has to fail, too."""
FAILED = "fewlabel/failed"
"""Key of its message."""

_of_gpus: list[distributed.ProcessGroup] = []


@contextmanager
def joined() -> Iterator[None]:
    """Work with the other processes that torchrun started for this training, until the block ends.

    Raises:
        TrainingError: another process ended.
    """
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield
        return
    level = LOG.level
    distributed.init_process_group("gloo", timeout=PATIENCE)
    if not is_first():
        LOG.setLevel(logging.ERROR)
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, TrainingError) or not _is_lost_connection(error):
            _let_first_speak(error)
            raise
        raise TrainingError(
            f"process {rank() + 1} of {count()}: another process of this training ended; its message is in this log; "
            "to fix: see there, and run the same command again, which resumes"
        ) from None
    except (InputError, OSError) as error:
        _let_first_speak(error)
        raise
    finally:
        LOG.setLevel(level)
        _of_gpus.clear()
        distributed.destroy_process_group()


def _let_first_speak(error: Exception) -> None:
    """End silently, with exit code 1, if the first process fails too: it has printed its message, mostly the same."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store = distributed.TCPStore(host, port, is_master=False, timeout=FIRST_TIME)  # type: ignore[attr-defined]
        if is_first():
            store.set(FAILED, str(error))
            return
        store.get(FAILED)  # waits for it
    except RuntimeError:
        return
    raise SystemExit(1) from None


def _is_lost_connection(error: RuntimeError) -> bool:
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


def refuse_several(what: str) -> None:
    """Raise an InputError if torchrun started several processes that have not joined: one does the work."""
    started = distributed.is_available() and distributed.is_torchelastic_launched()
    if started and count() == 1 and (number := os.environ["WORLD_SIZE"]) != "1":
        raise InputError(f"{what}: started in {number} processes; accepted: 1; to fix: start it without torchrun")


def count() -> int:
    """Number of processes of this training."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if count() > 1 else 0


def is_first() -> bool:
    """Whether this process writes files and messages."""
    return rank() == 0


def count_of_node() -> int:
    """Number of processes of this training on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if count() > 1 else 1


def number_on_node() -> int:
    """Number of this process among those on this machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if count() > 1 else 0


def use_gpu(device: torch.device) -> None:
    """Exchange tensors of GPUs by NCCL from now on; a CPU needs no call."""
    if count() > 1 and device.type == "cuda":
        torch.cuda.set_device(device)
        _of_gpus[:] = [distributed.new_group(backend="nccl")]


def _group(tensor: Tensor) -> distributed.ProcessGroup | None:
    """The group that exchanges this tensor; None: the one of CPUs."""
    return _of_gpus[0] if tensor.device.type == "cuda" else None


# ------------------------------------------------------------------------------------------------ shares of a batch
def share(batch: Batch, axis: int = 0) -> Batch:
    """This process's part of a batch: equal parts along an axis, in the order of ranks."""
    if count() == 1:
        return batch
    each = batch.shape[axis] // count()
    part = slice(rank() * each, (rank() + 1) * each)
    return batch[(slice(None),) * axis + (part,)]


def uniform(shape: Sequence[int], generator: Generator, axis: int = 0) -> Tensor:
    """Numbers from 0 to 1 for this process's share, of this shape, on the generator's device; `axis`: of the batch."""
    return share(torch.rand(_whole(shape, axis), generator=generator, device=generator.device), axis)


def normal(shape: Sequence[int], generator: Generator, axis: int = 0) -> Tensor:
    """Standard normal numbers for this process's share; see `uniform`."""
    return share(torch.randn(_whole(shape, axis), generator=generator, device=generator.device), axis)


def _whole(shape: Sequence[int], axis: int) -> list[int]:
    return [size * count() if place == axis else size for place, size in enumerate(shape)]


# -------------------------------------------------------------------------------------------- losses over the batch
def parallel(objective: nn.Module) -> nn.Module:
    """The objective, whose gradients are averaged over the processes where there are several.

    The mean of the losses that its processes return must be the loss of the whole batch.
    """
    if count() == 1:
        return objective
    group = _group(next(objective.parameters()))
    return nn.parallel.DistributedDataParallel(objective, process_group=group, gradient_as_bucket_view=True)


def gather(part: Tensor, axis: int = 0) -> Tensor:
    """The whole batch from each process's part, with gradients.

    Every process must compute the same loss from it: that of the whole batch.
    """
    return part if count() == 1 else cast(Tensor, _Gathered.apply(part.movedim(axis, 0))).movedim(0, axis)  # type: ignore[no-untyped-call]


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(count())]
        distributed.all_gather(parts, part.contiguous(), group=_group(part))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # Since all processes compute the same loss, the sum of their gradients is this one times their number.
        return share(gradients[0]) * count()


def mean_over_batch(total: Tensor, number: Tensor) -> Tensor:
    """A mean over elements of the whole batch, from the sum over this share and the number of its elements.

    Returns:
        A loss for `parallel`: the sum over this share, divided by the mean number of elements of a share.
    """
    return total / mean(number)


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the processes, without gradient."""
    if count() == 1:
        return value
    result = value.detach().to(torch.float64 if value.device.type == "cpu" else torch.float32)
    distributed.all_reduce(result, group=_group(value))
    return result.div_(count()).to(value.dtype if value.is_floating_point() else torch.float32)


# ------------------------------------------------------------------------------------------------------- agreement
def gather_numbers(numbers: Sequence[int]) -> list[list[int]]:
    """The numbers of each process, by rank."""
    if count() == 1:
        return [list(numbers)]
    parts = [torch.empty(len(numbers), dtype=torch.int64) for _ in range(count())]
    distributed.all_gather(parts, torch.tensor(numbers, dtype=torch.int64))
    return [part.tolist() for part in parts]


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes."""
    if count() == 1:
        return make()
    made = [make() if is_first() else None]
    distributed.broadcast_object_list(made)
    return cast(T, made[0])


def one_each(make: Callable[[], Sequence[T]]) -> T:
    """One of the items that the first process of each machine makes: as many as this machine has processes."""
    if count() == 1:
        return make()[0]
    number = number_on_node()
    made: list[Any] = [None] * count()
    distributed.all_gather_object(made, None if number else list(make()))
    return cast(T, made[rank() - number][number])


def wait_for_all() -> None:
    """Wait until all processes are here."""
    if count() > 1:
        distributed.barrier()
