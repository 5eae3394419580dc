"""Post-processing of predicted label maps on native grids (`evaluation` of an experiment)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from fewlabel.config.evaluation import EvaluationOptions

NEIGHBOURS = np.ones((3, 3, 3), bool)
"""Voxels that share a face, an edge or a corner are connected (26 neighbours)."""
ROUNDING = 1e-5
"""Headers hold voxel sizes in float32, so a volume is known to about this share of itself."""


def postprocess(
    labels: NDArray[np.uint8], voxel_ml: float, options: EvaluationOptions, classes: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Remove connected components from each class of a label map; removed voxels become background.

    Each class is treated by itself: first its largest component is kept, then components below the smallest volume are
    removed, so that a class whose largest component is smaller becomes empty. Of equally large components, the first
    in the order of the array is kept.

    Args:
        labels: class numbers on the native grid, three axes; 0 is background.
        voxel_ml: volume of a voxel in ml.
        options: which steps; with default options `labels` is returned unchanged.
        classes: names in the order of their numbers, from 1; empty: one class without a name.

    Returns:
        The label map, of the same shape.
    """
    if not options.largest_component and not options.smallest_ml:
        return labels
    kept = labels.copy()
    for number, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        name = classes[number - 1] if classes else ""
        inside = labels[box] == number
        components, count = label(inside, NEIGHBOURS)
        sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
        keep = sizes * voxel_ml >= options.smallest_ml * (1 - ROUNDING)
        if options.largest_only(name):
            keep &= np.arange(count) == sizes.argmax()
        kept[box][inside & ~np.concatenate([[False], keep])[components]] = 0
    return kept
