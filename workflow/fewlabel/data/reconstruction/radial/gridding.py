"""Between images and radial k-space: the non-uniform Fourier transform (FINUFFT) and its weighted adjoint.

Pixel n // 2 of an axis of n pixels is the centre. Both directions follow s(k) = sum over r of m(r) exp(-2 pi i k r).
"""

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex64]

PRECISION = 1e-5
"""Relative error of the transform: single precision."""


def sample(images: Complex, points: NDArray[np.float64]) -> Complex:
    """k-space (..., spoke, sample) of images (..., row, column); `points`: (spoke, sample, 2), cycles per pixel."""
    import finufft

    first, second = _flat(points)
    stack = np.ascontiguousarray(images.reshape(-1, *images.shape[-2:]), dtype=np.complex64)
    # One thread, since only then are results bit-identical each time.
    kspace = finufft.nufft2d2(first, second, stack, isign=-1, eps=PRECISION, nthreads=1)
    return np.asarray(kspace).reshape(*images.shape[:-2], *points.shape[:-1])


def grid(kspace: Complex, points: NDArray[np.float64], weights: NDArray[np.float64], matrix: int) -> Complex:
    """Images (..., matrix, matrix) of k-space (..., spoke, sample), in the units of the object.

    Args:
        points: (spoke, sample, 2), cycles per pixel.
        weights: (spoke, sample), from `density`.
        matrix: rows and columns; above those of the field of view, the image extends beyond it.
    """
    import finufft

    used = np.flatnonzero(weights)
    first, second = (axis[used] for axis in _flat(points))
    flat = kspace.reshape(-1, weights.size)[:, used] * weights.ravel()[used].astype(np.float32)
    stack = np.ascontiguousarray(flat, dtype=np.complex64)
    images = finufft.nufft2d1(first, second, stack, (matrix, matrix), isign=1, eps=PRECISION, nthreads=1)
    return np.asarray(images).reshape(*kspace.shape[:-2], matrix, matrix)


def _flat(points: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    radians = (2 * np.pi * points.reshape(-1, 2)).astype(np.float32)
    return np.ascontiguousarray(radians[:, 0]), np.ascontiguousarray(radians[:, 1])
