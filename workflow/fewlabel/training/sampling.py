"""Which slices make a step's batch: pure functions of the index and (seed, step), and the way from rows to tensors."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from fewlabel.data.store.slice_store import Store
from fewlabel.utils.seeds import generator, seed64

Rows = NDArray[np.int64]


def torch_generator(device: torch.device, *parts: int | str) -> torch.Generator:
    """A generator on the training device, from numbers and names."""
    return torch.Generator(device).manual_seed(seed64(*parts))


def uniform_rows(rows: Rows, count: int, seed: int, step: int) -> Rows:
    """`count` slices, each as likely as any other; without repetition as far as there are enough."""
    draw = generator(seed, "uniform", step)
    return draw.choice(rows, count, replace=count > len(rows))


def foreground_rows(rows: Rows, target: NDArray[np.bool_], count: int, share: float, seed: int, step: int) -> Rows:
    """A share of slices that hold the target, the rest from all.

    Args:
        rows: slices of the labelled subjects.
        target: for each of `rows`, whether the slice holds the target.
        count: slices in the batch.
        share: 0 to 1; rounded to whole slices.
    """
    wanted = round(count * share) if target.any() else 0
    with_target = uniform_rows(rows[target], wanted, seed, step) if wanted else rows[:0]
    rest = generator(seed, "rest", step).choice(rows, count - wanted, replace=count - wanted > len(rows))
    return np.concatenate([with_target, rest])


def partition_rows(
    volumes: Sequence[Rows], partitions: int, count: int, seed: int, step: int
) -> tuple[Rows, Rows, Rows]:
    """One slice of every part of every drawn volume, so that parts and volumes are balanced.

    Args:
        volumes: rows of each volume, in the order of its slices.
        partitions: equal parts of a volume along the slice axis.
        count: slices in the batch: partitions x volumes.

    Returns:
        Rows, and the part and the volume (index into `volumes`) of each.
    """
    draw = generator(seed, "partitions", step)
    drawn = count // partitions
    chosen = draw.choice(len(volumes), drawn, replace=drawn > len(volumes))
    place = draw.random((drawn, partitions))
    parts = np.tile(np.arange(partitions), drawn)
    owners = np.repeat(chosen, partitions)
    along = (parts + place.ravel()) / partitions
    drawn_volumes = [volumes[owner] for owner in owners.tolist()]
    rows = [volume[int(share * len(volume))] for volume, share in zip(drawn_volumes, along, strict=True)]
    return np.array(rows, dtype=np.int64), parts, owners


def rows_by_volume(index: pd.DataFrame, subjects: Iterable[str]) -> list[Rows]:
    """Rows of each subject in the order of its slices."""
    wanted = set(subjects)
    groups = index.reset_index(drop=True).groupby("subject", sort=False)
    return [frame.sort_values("slice").index.to_numpy(np.int64) for name, frame in groups if name in wanted]


@dataclass(frozen=True)
class Sampler:
    """The batches of a stage, as pure functions of the step (from 0).

    Attributes:
        rows: which slices of the store make the batch.
        tensors: what the objective is called with.
    """

    rows: Callable[[int], Rows]
    tensors: Callable[[int], tuple[Tensor | torch.Generator, ...]]


def subjects_of(index: pd.DataFrame, rows: Rows) -> list[str]:
    """Whose slices these are, each once, by name."""
    return sorted(set(index["subject"].iloc[rows].astype(str)))


class Slices:
    """A store's slices as tensors on the training device.

    On a GPU with room for them all slices are moved there once; otherwise each batch is read from the memory map.
    """

    def __init__(self, store: Store, device: torch.device) -> None:
        self.store, self.device = store, device
        self._images: NDArray[np.float16] | Tensor = store.images
        self._masks: NDArray[np.uint8] | Tensor = store.masks
        if (
            device.type == "cuda"
            and store.images.nbytes + store.masks.nbytes < 0.4 * torch.cuda.mem_get_info(device)[0]
        ):
            self._images = torch.from_numpy(np.array(store.images)).to(device)
            self._masks = torch.from_numpy(np.array(store.masks)).to(device)

    def images(self, rows: Rows) -> Tensor:
        """float32 (batch, 1, rows, columns)."""
        return self._take(self._images, rows)

    def masks(self, rows: Rows) -> Tensor:
        """float32 (batch, 1, rows, columns), 0 or 1."""
        return self._take(self._masks, rows)

    def _take(self, array: "NDArray[np.float16] | NDArray[np.uint8] | Tensor", rows: Rows) -> Tensor:
        if isinstance(array, Tensor):
            taken = array[torch.from_numpy(rows).to(self.device)]
        else:
            taken = torch.from_numpy(array[rows]).to(self.device)
        return taken.float().unsqueeze(1)
