"""Dice and surface distances of two masks; distances are bit-identical to MONAI's (tested).

MONAI is not imported here, since its import takes longer than scoring a run.
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
"""Points in a leaf of the search tree."""


def surface_distances(predicted: Mask, truth: Mask, spacing: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Distances from each surface voxel of one mask to the nearest surface voxel of the other.

    A surface voxel is inside the mask and has an outside voxel among its six neighbours; voxels beyond the volume
    count as outside.

    Args:
        predicted, truth: (axis, axis, axis), 1 inside, equal shapes; neither is empty.
        spacing: voxel size along these axes, in mm.

    Returns:
        Distances from the predicted surface and from the true surface, each float32 (voxel,), in mm.
    """
    box = _bounding_box(predicted | truth)
    predicted_surface, truth_surface = (
        _surface(mask[box]) * np.asarray(spacing, np.float64) for mask in (predicted, truth)
    )
    return _nearest(predicted_surface, truth_surface), _nearest(truth_surface, predicted_surface)


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
    """2 |A and B| / (|A| + |B|) of masks of equal shape, 1 inside; 1 if both are empty."""
    total = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / total if total else 1.0
