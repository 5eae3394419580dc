"""Sampling of batches as pure functions of (seed, step), and conversion of a store's slices to tensors."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewlabel.data.store.npy import take_rows
from fewlabel.data.store.slice_store import Store
from fewlabel.utils.seeds import generator, seed64

Rows = NDArray[np.int64]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the CPU to a device; from pinned memory, so that neither processor nor GPU waits."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def torch_generator(device: torch.device, *parts: int | str) -> torch.Generator:
    """A torch generator on the training device, from numbers and names."""
    return torch.Generator(device).manual_seed(seed64(*parts))


def uniform_rows(rows: Rows, count: int, seed: int, step: int) -> Rows:
    """Draw `count` slices uniformly, without repetition if `rows` has enough."""
    draw = generator(seed, "uniform", step)
    return draw.choice(rows, count, replace=count > len(rows))


def foreground_rows(rows: Rows, target: NDArray[np.bool_], count: int, share: float, seed: int, step: int) -> Rows:
    """Draw a share of the batch from slices that contain the target, and the rest from all slices.

    Args:
        rows: slices of the labelled subjects, (slice,).
        target: whether each of these slices contains the target, (slice,).
        count: slices in the batch.
        share: 0 to 1; rounded to whole slices.
    """
    with_target_count = round(count * share) if target.any() else 0
    with_target = uniform_rows(rows[target], with_target_count, seed, step) if with_target_count else rows[:0]
    rest = generator(seed, "rest", step).choice(
        rows, count - with_target_count, replace=count - with_target_count > len(rows)
    )
    return np.concatenate([with_target, rest])


def partition_rows(
    volumes: Sequence[Rows], partitions: int, count: int, seed: int, step: int
) -> tuple[Rows, Rows, Rows]:
    """Draw volumes, and one slice of each of their partitions, so that both are balanced in a batch.

    Args:
        volumes: rows of each volume, in the order of its slices.
        partitions: equal parts of a volume along the slice axis.
        count: slices in the batch: partitions x volumes.

    Returns:
        Rows, and the partition and the volume (index into `volumes`) of each, all (slice,).
    """
    draw = generator(seed, "partitions", step)
    volume_count = count // partitions
    chosen = draw.choice(len(volumes), volume_count, replace=volume_count > len(volumes))
    positions = draw.random((volume_count, partitions))
    parts = np.tile(np.arange(partitions), volume_count)
    owners = np.repeat(chosen, partitions)
    along = (parts + positions.ravel()) / partitions
    owner_volumes = [volumes[owner] for owner in owners.tolist()]
    rows = [volume[int(share * len(volume))] for volume, share in zip(owner_volumes, along, strict=True)]
    return np.array(rows, dtype=np.int64), parts, owners


def rows_by_volume(index: pd.DataFrame, subjects: Iterable[str]) -> list[Rows]:
    """Rows of each subject in the order of its slices."""
    names, numbers = set(subjects), index["slice"].to_numpy()
    groups = {name: np.asarray(rows, np.int64) for name, rows in index.groupby("subject").indices.items()}
    ordered = (groups[name] for name in index["subject"].unique() if name in names)
    return [rows[np.argsort(numbers[rows], kind="stable")] for rows in ordered]


def neighbours(index: pd.DataFrame, context: int) -> Rows:
    """Rows of each slice and its neighbours in its volume, (slice, context), from the lowest to the highest.

    Beyond the ends of a volume its outermost slice is repeated.

    Args:
        index: of a store.
        context: odd number of slices, the slice itself in the middle.
    """
    found = np.empty((len(index), context), np.int64)
    steps = np.arange(context) - context // 2
    for rows in rows_by_volume(index, index["subject"]):
        found[rows] = rows[np.clip(np.arange(len(rows))[:, None] + steps, 0, len(rows) - 1)]
    return found


@dataclass(frozen=True)
class Sampler:
    """The batches of a stage, as pure functions of the step (from 0)."""

    rows: Callable[[int], Rows]  # returns the rows of a batch
    tensors: Callable[[int], tuple[Tensor | torch.Generator, ...]]  # returns the arguments of the objective


def subjects_of(index: pd.DataFrame, rows: Rows) -> list[str]:
    """Names of the subjects of these slices, sorted, without repetition."""
    return sorted(set(index["subject"].iloc[rows].astype(str)))


BLOCK = 256
"""Slices that are copied to a device at once."""


def copied_to(device: torch.device, array: NDArray[Any]) -> Tensor:
    """A copy of an array (slice, …) on a device, of which the host holds one block at a time."""
    whole = torch.empty(array.shape, dtype=torch.from_numpy(np.empty(0, array.dtype)).dtype, device=device)
    for start in range(0, len(array), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(array)))
        whole[start : start + BLOCK] = torch.from_numpy(take_rows(array, rows))
    return whole


class Slices:
    """A store's slices as tensors on the training device.

    If they fit on a GPU, all slices are copied there once, block by block; otherwise each batch is read from the memory
    map. The host never holds all of them.
    """

    def __init__(self, store: Store, device: torch.device, context: int = 1) -> None:
        """`context`: odd number of neighbouring slices that images have as channels (`Network.context`)."""
        self.store, self.device = store, device
        self._neighbours = None if context == 1 else neighbours(store.index, context)
        self._images: NDArray[np.float16] | Tensor = store.images
        self._masks: NDArray[np.uint8] | Tensor = store.masks
        if (
            device.type == "cuda"
            and store.images.nbytes + store.masks.nbytes < 0.4 * torch.cuda.mem_get_info(device)[0]
        ):
            self._images = copied_to(device, store.images)
            self._masks = copied_to(device, store.masks)

    def images(self, rows: Rows) -> Tensor:
        """Images, float32 (batch, channel, row, column); with context, all channels of the lowest slice come first."""
        if self._neighbours is None:
            images = self._take(self._images, rows)
            return images.unsqueeze(1) if images.ndim == 3 else images
        seen = self._take(self._images, self._neighbours[rows].ravel())
        return seen.reshape(len(rows), -1, *seen.shape[-2:])

    def masks(self, rows: Rows) -> Tensor:
        """Masks, float32 (batch, 1, row, column): class numbers, 0 background."""
        return self._take(self._masks, rows).unsqueeze(1)

    def _take(self, array: "NDArray[np.float16] | NDArray[np.uint8] | Tensor", rows: Rows) -> Tensor:
        if isinstance(array, Tensor):
            batch = array[to_device(torch.from_numpy(rows), self.device)]
        else:
            batch = to_device(torch.from_numpy(take_rows(array, rows)), self.device)
        return batch.float()
