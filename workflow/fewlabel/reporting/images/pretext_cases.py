"""Content of figure 1: slices that a regression restores, and views that a contrastive encoder compares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fewlabel.config.pretexts.contrastive import ContrastiveMethod
from fewlabel.data.store.slice_store import Store
from fewlabel.training.augmentation import augment
from fewlabel.training.pretexts.contrastive import GlobalContrast
from fewlabel.training.pretexts.regression import Regression, corrupt, corruption_mask
from fewlabel.training.pretexts.restore import RestoredPretext
from fewlabel.training.sampling import Slices, torch_generator
from fewlabel.utils.errors import InputError

Image = NDArray[np.float32]
CPU = torch.device("cpu")
VOLUMES = 3
"""Largest number of volumes in the matrix of similarities."""


@dataclass(frozen=True)
class Restored:
    """One slice of a regression; images are (rows, columns) of the channel that is shown, 0 to 1 between percentiles.

    Attributes:
        number: of the slice in its volume, from 0.
        image, corrupted, restored: target, input and output of the network.
        mask: True where the input was replaced.
    """

    number: int
    image: Image
    mask: NDArray[np.bool_]
    corrupted: Image
    restored: Image

    @property
    def error(self) -> Image:
        """Absolute, of every pixel."""
        error: Image = np.abs(self.restored - self.image)
        return error

    @property
    def loss(self) -> float:
        """Mean error over the corrupted pixels, which the pretext minimises."""
        return float(self.error[self.mask].mean())


@dataclass(frozen=True)
class Compared:
    """Similarities of slices and views.

    Attributes:
        names: of the images.
        images: (rows, columns); all are compared with the first.
        cosines: of their global representations with that of the first, -1 to 1.
        matrix: cosines of a batch, each slice in two views, ordered by part, then volume, then view.
        parts: number of parts in the matrix.
        volumes: number of volumes in the matrix.
    """

    names: Sequence[str]
    images: Sequence[Image]
    cosines: Sequence[float]
    matrix: NDArray[np.float64]
    parts: int
    volumes: int


def cosines(first: torch.Tensor, second: torch.Tensor) -> NDArray[np.float64]:
    """Cosine similarities of all rows (n, features) with all rows (m, features): (n, m)."""
    one, two = (functional.normalize(rows.double(), dim=-1) for rows in (first, second))
    matrix: NDArray[np.float64] = (one @ two.T).clamp(-1, 1).numpy()
    return matrix


def shown_subjects(roles: pd.DataFrame, named: Sequence[str | None], settings: str) -> list[str]:
    """All subjects of a cohort in the order of their use: those named, test subjects, the others.

    Raises:
        InputError: the cohort has no subject of that name.
    """
    names = [str(name) for name in roles["subject"]]
    for name in named:
        if name is not None and name not in names:
            raise InputError(f"figures.{settings}: the cohort has no subject {name!r}; accepted: {', '.join(names)}")
    tested = [name for name, role in zip(names, roles["role"], strict=True) if role == "test"]
    return list(dict.fromkeys([*(name for name in named if name), *tested, *names]))


def inputs_of(store: Store, subject: str, context: int) -> torch.Tensor:
    """All slices of a subject as a network sees them: float32 (slice, channel, row, column).

    Args:
        store: of the cohort.
        subject: its name.
        context: number of neighbouring slices that are channels (`Network.context`).
    """
    return Slices(store, CPU, context).images(store.rows([subject]))


def shown_channel(store: Store, context: int) -> int:
    """The channel of a network's input that pictures show: the first of the slice itself."""
    return context // 2 * (store.images.shape[1] if store.images.ndim == 4 else 1)


def target_sizes(store: Store, subject: str) -> NDArray[np.int64]:
    """Pixels of the target in each slice of a subject; 0 without a label."""
    return store.index["target_px"].to_numpy()[store.rows([subject])]


def largest_target(sizes: NDArray[np.int64]) -> int:
    """The slice with the largest target, the first of equals; without a target the middle slice."""
    return int(sizes.argmax()) if sizes.any() else len(sizes) // 2


def spread_slices(sizes: NDArray[np.int64], count: int) -> list[int]:
    """`count` slices, spread evenly over those with target, or over all without one."""
    held = np.flatnonzero(sizes) if sizes.any() else np.arange(len(sizes))
    places = (np.arange(min(count, len(held))) + 0.5) / min(count, len(held)) * len(held)
    return [int(held[int(place)]) for place in places]


def restored(pretext: RestoredPretext, store: Store, subject: str, count: int, seed: int) -> list[Restored]:
    """Slices of a subject, corrupted and restored; mask and noise follow from the seed.

    Raises:
        InputError: the pretext is not a regression.
    """
    objective = pretext.find("training", Regression)
    if objective is None:
        raise InputError("pretext.safetensors: of no regression; give that of a regression pretraining")
    numbers, context = spread_slices(target_sizes(store, subject), count), pretext.settings.network.context
    images, shown = inputs_of(store, subject, context)[numbers], shown_channel(store, context)
    chance = torch_generator(CPU, seed, "figure 1", "corruption")
    masks = corruption_mask(tuple(images.shape), objective.corrupted, objective.block, chance)
    inputs = corrupt(images, masks, objective.noise_scale, chance)
    with torch.inference_mode():
        outputs = objective.network(inputs)
    arrays = [tensor[:, min(shown, tensor.shape[1] - 1)].numpy() for tensor in (images, masks, inputs, outputs)]
    return [Restored(number, *parts) for number, *parts in zip(numbers, *arrays, strict=True)]


def compared(pretext: RestoredPretext, store: Store, subjects: Sequence[str], seed: int) -> Compared:
    """Two views of a slice of the first subject, its neighbour in the second subject, and a dissimilar slice.

    The slice is the one with the largest target. The neighbour has the nearest relative position in the second subject;
    the dissimilar slice is the middle of the part of the volume that is farthest away. Views are drawn as in
    pretraining. With one subject there is no neighbour.

    Raises:
        InputError: the pretext has no global stage, or slices of another size.
    """
    stage, method = pretext.find("global_stage", GlobalContrast), pretext.settings.method
    if stage is None or not isinstance(method, ContrastiveMethod):
        raise InputError("pretext.safetensors: of no contrastive method; give that of a contrastive pretraining")
    fits(pretext, stage, store)
    parts = method.global_stage.partitions

    def view(images: torch.Tensor, name: str) -> torch.Tensor:
        chance = torch_generator(CPU, seed, "figure 1", name)
        augmentation = pretext.settings.augmentations["global_stage"]
        return augment(images, None, augmentation, pretext.settings.flip, chance)[0]

    context = pretext.settings.network.context
    own, other = (inputs_of(store, name, context) for name in (subjects[0], subjects[min(1, len(subjects) - 1)]))
    number = largest_target(target_sizes(store, subjects[0]))
    position = (number + 0.5) / len(own)
    part = int(position * parts)
    farthest = max(range(parts), key=lambda index: abs(index - part))
    anchor = own[number][None]
    shown = {"view 1": view(anchor, "first"), "view 2": view(anchor, "second")}
    if len(subjects) > 1:
        shown["neighbour"] = other[int(position * len(other))][None]
    shown["dissimilar"] = other[int((farthest + 0.5) / parts * len(other))][None]
    volumes = [inputs_of(store, name, context) for name in subjects[:VOLUMES]]
    middles = [volume[int((index + 0.5) / parts * len(volume))] for index in range(parts) for volume in volumes]
    batch = torch.stack(middles)
    with torch.inference_mode():
        known = stage.represent(torch.cat(list(shown.values())))
        pairs = torch.stack([stage.represent(view(batch, name)) for name in ("batch 1", "batch 2")], dim=1).flatten(
            0, 1
        )
    images = [image[0, shown_channel(store, context)].numpy() for image in shown.values()]
    return Compared(
        list(shown), images, cosines(known[:1], known)[0].tolist(), cosines(pairs, pairs), parts, len(volumes)
    )


def fits(pretext: RestoredPretext, stage: GlobalContrast, store: Store) -> None:
    """Check that the head of the global stage takes slices of this size.

    Raises:
        InputError: it does not.
    """
    widths, side = pretext.settings.network.widths, pretext.settings.network.reduction
    rows, columns = store.images.shape[-2:]
    if stage.head[1].in_features != widths[-1] * (rows // side) * (columns // side):
        raise InputError(
            f"pretext.safetensors: its network was pretrained on slices of another size than {rows} x {columns}; "
            "give that of this cohort"
        )
