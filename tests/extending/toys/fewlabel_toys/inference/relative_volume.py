"""Computes the relative volume difference."""

import math

import numpy as np
from numpy.typing import NDArray


def relative_volume(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8], spacing: tuple[float, float, float]
) -> float:
    """Predicted minus true volume, in percent of the true one; NaN if the true mask is empty.

    Args:
        predicted, truth: 1 inside, of one shape.
        spacing: voxel size along their axes in mm; it cancels here.
    """
    true = int(truth.sum())
    return 100 * (int(predicted.sum()) - true) / true if true else math.nan
