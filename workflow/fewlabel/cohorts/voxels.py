"""What voxels tell of a file, whatever its name: a mask among images, an image among masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.cohorts.layout import listed

HANDFUL = 8
"""No image of so few values was ever measured."""
DOZENS = 24
"""Masks of more values are looked at: those of whole bodies have a hundred."""
SAMPLE = 4096


def mask_among_images(image: NDArray[np.float32], name: str) -> list[str]:
    """An image of a handful of values is a mask; it may not hold NaN or infinite values."""
    sample = image.ravel()[:: max(1, image.size // SAMPLE)]
    if np.unique(sample).size > HANDFUL:
        return []
    values = np.unique(image)
    if values.size > HANDFUL:
        return []
    return [
        f"{name}: holds only {values.size} values ({listed([f'{value:g}' for value in values])}), so it is a mask; "
        "accepted: an image; move masks to the masks, or remove it"
    ]


def image_among_masks(mask: NDArray[np.float32], values: NDArray[np.float32], name: str) -> list[str]:
    """A mask has few values, or many that are equal over whole structures; an image's change from voxel to voxel.

    Args:
        mask: the array of the file.
        values: those in it, each once.
        name: of the file in messages.
    """
    if values.size <= DOZENS or _share_of_equal_neighbours(mask) >= 0.5:
        return []
    return [
        f"{name}: holds {values.size} values that change from voxel to voxel, so it is an image; accepted: a mask, one "
        "value for each structure; move images to the images, and put the mask there"
    ]


def _share_of_equal_neighbours(array: NDArray[Any]) -> float:
    """Of pairs of neighbours that are not both 0, how many are equal."""
    equal = pairs = 0
    for axis in range(array.ndim):
        first, second = (np.moveaxis(array, axis, 0)[part] for part in (slice(1, None), slice(None, -1)))
        inside = (first != 0) | (second != 0)
        pairs += int(np.count_nonzero(inside))
        equal += int(np.count_nonzero(inside & (first == second)))
    return equal / pairs if pairs else 1.0
