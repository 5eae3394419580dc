"""Detect masks among images and images among masks by their voxels, independent of file names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.utils.formatting import listed

HANDFUL = 8
"""Largest number of distinct values of an image that counts as a mask."""
DOZENS = 24
"""Masks with more values are checked further: whole-body masks have a hundred."""
SAMPLE = 4096


def mask_among_images(image: NDArray[np.float32], name: str) -> list[str]:
    """Refuse an image with a handful of values, which is a mask; the image must be finite."""
    sample = image.ravel()[:: max(1, image.size // SAMPLE)]
    if np.unique(sample).size > HANDFUL:
        return []
    values = np.unique(image)
    if values.size > HANDFUL:
        return []
    return [
        f"{name}: has only {values.size} values ({listed([f'{value:g}' for value in values])}), so it is a mask; "
        "accepted: an image; to fix: move it to the masks, or remove it"
    ]


def image_among_masks(mask: NDArray[np.float32], values: NDArray[np.float32], name: str) -> list[str]:
    """Refuse a mask with many distinct values that change from voxel to voxel, which is an image."""
    if values.size <= DOZENS or _share_of_equal_neighbours(mask) >= 0.5:
        return []
    return [
        f"{name}: has {values.size} values that change from voxel to voxel, so it is an image; accepted: a mask with "
        "one value per structure; to fix: replace it by the mask, and move images to the images"
    ]


def _share_of_equal_neighbours(array: NDArray[Any]) -> float:
    """Share of equal pairs among neighbours that are not both 0."""
    equal = pairs = 0
    for axis in range(array.ndim):
        first, second = (np.moveaxis(array, axis, 0)[part] for part in (slice(1, None), slice(None, -1)))
        inside = (first != 0) | (second != 0)
        pairs += int(np.count_nonzero(inside))
        equal += int(np.count_nonzero(inside & (first == second)))
    return equal / pairs if pairs else 1.0
