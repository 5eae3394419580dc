"""Covariance of coils in a region."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.radial.acquisition import PerSlice
from fewlabel.data.reconstruction.radial.gridding import Complex

Matrix = NDArray[np.complex128]


def coil_covariance(coil_images: PerSlice, region: NDArray[np.bool_]) -> Matrix:
    """Mean of y y^H over the coil vectors y of a region.

    Args:
        coil_images: (slice, coil, row, column).
        region: (slice, row, column).

    Returns:
        (coil, coil), Hermitian; zeros where the region is empty.
    """
    products = np.zeros((coil_images.shape[1],) * 2, dtype=np.complex128)
    for number in np.flatnonzero(region.any(axis=(1, 2))).tolist():
        vectors = coil_images[number][:, region[number]].astype(np.complex128)
        products += vectors @ vectors.conj().T
    return products / max(int(region.sum()), 1)


def mix(matrix: NDArray[Any], data: Complex, axis: int) -> Complex:
    """Mix coils by a matrix (new coil, coil), equally at every pixel or sample."""
    return np.moveaxis(np.tensordot(matrix.astype(np.complex64), data, axes=(1, axis)), 0, axis)
