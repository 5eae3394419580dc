"""Detect the region of interference in coil images, without an outline of the body."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.destreaking.coil_images import each
from fewlabel.data.reconstruction.radial.acquisition import PerSlice

SMOOTH_PX = 1.0
"""Standard deviation of the Gaussian by which power is averaged, so that noise does not count as signal."""
QUIET = 5.0
"""Percentile of the power outside the body that counts as noise."""
CLEAR = 1.4
"""Least ratio of interference to noise, which remains uneven after averaging."""
LOUD = 95.0
"""Percentile of the power within the view that represents the body's bright tissue."""
FEW = 0.01
"""Smallest share of the examined pixels; fewer are the body's rim, or chance."""
RIM_PX = 3
"""Pixels along the edge, beyond the view, that are ignored: a body that is cut off there causes ringing."""
CORNER = 1.15
"""Corners start at this multiple of the inscribed ellipse's radius; a broad body extends slightly beyond it."""


def root_sum_of_squares(coil_images: PerSlice) -> NDArray[np.float32]:
    """Magnitude over the coils: (slice, coil, row, column) to (slice, row, column)."""
    slices = [np.sqrt((np.abs(images) ** 2).sum(axis=0)) for images in each(coil_images)]
    return np.stack(slices).astype(np.float32, copy=False)


def beyond_view(magnitude: NDArray[np.float32], matrix: int, share: float = 0.3) -> NDArray[np.bool_]:
    """Bright pixels beyond the field of view: the sources of streaks.

    Args:
        magnitude: (slice, row, column), gridded wider than the field of view.
        matrix: pixels along a side of the field of view, which is in the middle.
        share: of the signal of the body's bright tissue, from which a pixel belongs to a source.

    Returns:
        Mask of the same shape; empty without a source, and so nothing to remove.
    """
    axis = np.arange(magnitude.shape[-1]) - magnitude.shape[-1] // 2
    near = (axis >= -(matrix // 2) - RIM_PX) & (axis < matrix - matrix // 2 + RIM_PX)
    return _bright(magnitude, ~(near[:, None] & near[None, :]), matrix / magnitude.shape[-1], share)


def corners(magnitude: NDArray[np.float32], share: float = 0.1) -> NDArray[np.bool_]:
    """Pixels with signal in the corners of the field of view, outside any body: streaks.

    Args:
        magnitude: (slice, row, column), of the field of view.
        share: of the signal of the body's bright tissue, from which a pixel counts.

    Returns:
        Mask of the same shape; empty without streaks.
    """
    return _bright(magnitude, _distance(*magnitude.shape[1:]) > CORNER, 1.0, share)


def _bright(magnitude: NDArray[np.float32], outside: NDArray[np.bool_], view: float, share: float) -> NDArray[np.bool_]:
    """Pixels outside the body that are bright; `view` is the share of the sides within the field of view."""
    from scipy import ndimage

    power = np.stack([ndimage.gaussian_filter(image.astype(np.float64) ** 2, SMOOTH_PX) for image in magnitude])
    noise = np.percentile(power[:, outside], QUIET)
    loud = np.percentile(power[:, _distance(*magnitude.shape[1:]) < view], LOUD) - noise
    bright = outside & (power > CLEAR * noise) & (power - noise > share**2 * max(loud, 0))
    return np.asarray(bright if bright.sum() >= FEW * len(magnitude) * outside.sum() else np.zeros_like(bright))


def _distance(rows: int, columns: int) -> NDArray[np.float64]:
    """(row, column): 0 in the middle, 1 on the ellipse that touches the sides."""
    first, second = (2 * (np.arange(side) - side // 2) / side for side in (rows, columns))
    return np.asarray(np.hypot(first[:, None], second[None, :]))
