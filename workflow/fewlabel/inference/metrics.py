"""Distances between the surfaces of two masks, as MONAI's metrics have them, bit for bit (a test compares).

MONAI itself takes longer to import than a run takes to be scored; what it does here is a tree of SciPy's.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree
from torch import Tensor

Mask = NDArray[np.uint8]
LEAF = 32
"""Points in a leaf of the tree, which is asked once."""


def surface_distances(predicted: Mask, truth: Mask, spacing: Sequence[float]) -> tuple[Tensor, Tensor]:
    """From each surface voxel of one mask to the nearest of the other: from the predicted one, from the truth.

    A surface voxel is inside, and one of its six neighbours is not (what lies beyond the volume is outside).

    Args:
        predicted, truth: (axis, axis, axis), 1 inside, of one shape; neither is empty.
        spacing: voxel size along these axes, in mm.

    Returns:
        float32, in mm.
    """
    box = _bounding_box(predicted | truth)
    ours, theirs = (_surface(mask[box]) * np.asarray(spacing, np.float64) for mask in (predicted, truth))
    return _nearest(ours, theirs), _nearest(theirs, ours)


def hd95(distances: tuple[Tensor, Tensor]) -> float:
    """The larger of both directions' 95th percentiles (Hausdorff distance without outliers), in mm."""
    return float(torch.stack([torch.quantile(each, 0.95) for each in distances]).max())


def assd(distances: tuple[Tensor, Tensor]) -> float:
    """The mean over both directions (average symmetric surface distance), in mm."""
    return float(torch.cat(distances).mean())


def _nearest(points: NDArray[np.float64], others: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(KDTree(others, leafsize=LEAF).query(points)[0].astype(np.float32))


def _surface(mask: Mask) -> NDArray[np.float64]:
    inside = np.pad(mask, 1).astype(bool)
    return np.argwhere(inside & ~binary_erosion(inside)).astype(np.float64)


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    """The smallest box around a mask."""
    return tuple(
        slice(int(at.min()), int(at.max()) + 1)
        for at in (np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))
    )


def dice(predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """2 |A and B| / (|A| + |B|) of masks of one shape, 1 inside; 1 where both are empty."""
    total = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / total if total else 1.0
