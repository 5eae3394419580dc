"""Where interference is seen, found in the coil images alone: no outline of the body is needed."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.imaging.radial.gridding import Complex

SMOOTH_PX = 1.5
"""Power is averaged over a Gaussian of this deviation, so that noise is not taken for signal."""
QUIET = 5.0
"""Percentile of the power outside the body that counts as noise."""
CLEAR = 1.4
"""Interference is at least this many times the noise, which the averaging leaves uneven."""
FEW = 0.02
"""Fewer of the corners' pixels than this share are chance."""


def root_sum_of_squares(coil_images: Complex) -> NDArray[np.float32]:
    """Magnitude over the coils: (..., coil, row, column) to (..., row, column)."""
    return np.asarray(np.sqrt((np.abs(coil_images) ** 2).sum(axis=-3)), dtype=np.float32)


def beyond_view(magnitude: NDArray[np.float32], matrix: int, share: float = 0.5) -> NDArray[np.bool_]:
    """Bright pixels beyond the field of view: the sources of streaks themselves.

    Args:
        magnitude: (slice, row, column), gridded wider than the field of view.
        matrix: pixels along a side of the field of view, which lies in the middle.
        share: of the signal in the middle of the body, from which on a pixel belongs to a source.

    Returns:
        Mask of the same shape. Empty where there is no source, and so nothing to remove.
    """
    axis = np.arange(magnitude.shape[-1]) - magnitude.shape[-1] // 2
    within = (axis >= -(matrix // 2)) & (axis < matrix - matrix // 2)
    return _bright(magnitude, ~(within[:, None] & within[None, :]), matrix, share)


def corners(magnitude: NDArray[np.float32], share: float = 0.15) -> NDArray[np.bool_]:
    """Pixels with signal in the corners of the field of view, where no body reaches: streaks.

    Args:
        magnitude: (slice, row, column), of the field of view.
        share: of the signal in the middle of the body, from which on a pixel counts.

    Returns:
        Mask of the same shape, within what lies outside the inscribed ellipse; empty where there are no streaks.
    """
    rows, columns = magnitude.shape[1:]
    outside = _distance(rows, columns) > 1
    found = _bright(magnitude, outside, min(rows, columns), share)
    return found if found.sum() >= FEW * len(magnitude) * outside.sum() else np.zeros_like(found)


def _bright(magnitude: NDArray[np.float32], outside: NDArray[np.bool_], matrix: int, share: float) -> NDArray[np.bool_]:
    from scipy import ndimage

    power = ndimage.gaussian_filter(magnitude.astype(np.float64) ** 2, (0, SMOOTH_PX, SMOOTH_PX))
    noise = np.percentile(power[:, outside], QUIET)
    rows, columns = magnitude.shape[1:]
    middle = _distance(rows, columns) * min(rows, columns) < matrix / 3
    signal = np.median(power[:, middle]) - noise
    return np.asarray(outside & (power > CLEAR * noise) & (power - noise > share**2 * max(signal, 0)))


def _distance(rows: int, columns: int) -> NDArray[np.float64]:
    """(row, column): 0 in the middle, 1 on the ellipse that touches the sides."""
    first, second = (2 * (np.arange(side) - side // 2) / side for side in (rows, columns))
    return np.asarray(np.hypot(first[:, None], second[None, :]))
