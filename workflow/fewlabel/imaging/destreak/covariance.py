"""What coils have in common in a region."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.imaging.radial.gridding import Complex

Matrix = NDArray[np.complex128]


def coil_covariance(coil_images: Complex, region: NDArray[np.bool_]) -> Matrix:
    """Mean of y y^H over the coil vectors y of a region.

    Args:
        coil_images: (slice, coil, row, column).
        region: (slice, row, column).

    Returns:
        (coil, coil), Hermitian; zeros where the region is empty.
    """
    vectors = np.moveaxis(coil_images, 1, 0)[:, region].astype(np.complex128)
    return np.asarray(vectors @ vectors.conj().T / max(vectors.shape[1], 1))


def mix(matrix: NDArray[Any], data: Complex, axis: int) -> Complex:
    """Coils mixed by a matrix (new coil, coil), at every pixel or sample alike."""
    return np.moveaxis(np.tensordot(matrix.astype(np.complex64), data, axes=(1, axis)), 0, axis)
