"""B-STAR: coils combined for the most signal over interference (Mandava et al. 2019, Magn Reson Med 81:3).

At each pixel the weights w maximise (w^H S w) / (w^H (I + l 1) w), where S is the covariance of the coil vectors around
the pixel, I that of the interference, and the diagonal loading l trades streaks against signal. As in adaptive coil
combination (Walsh et al. 2000, Magn Reson Med 43:682), which this is for I = 0.
"""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.destreaking.covariance import Matrix, mix
from fewlabel.data.reconstruction.radial.gridding import Complex

AROUND = 5
"""Rows and columns over which a pixel's signal covariance is averaged."""
ITERATIONS = 12
"""Iterations of the power method; in regions with signal, the leading eigenvalue is far above the others."""


def weights(coil_images: Complex, interference: Matrix, loading: float) -> Complex:
    """Combination weights of one slice.

    Args:
        coil_images: (coil, row, column).
        interference: (coil, coil) covariance.
        loading: l, in mean eigenvalues of `interference`; above 0.

    Returns:
        (coil, row, column), of unit length: white noise keeps its strength, and signal can only be lost.
    """
    coils = len(interference)
    level = float(np.trace(interference).real) / coils
    # Without interference, this is adaptive combination.
    loaded = interference + (loading * level if level > 0 else 1) * np.eye(coils)
    whitening = np.linalg.inv(np.linalg.cholesky(loaded))
    whitened = mix(whitening, coil_images, axis=0)
    white = _leading(whitened)
    combined = mix(whitening.conj().T, white, axis=0)
    length = np.sqrt((np.abs(combined) ** 2).sum(axis=0))
    return np.asarray(combined / np.maximum(length, np.finfo(np.float32).tiny))


def combine(coil_images: Complex, combination: Complex) -> NDArray[np.float32]:
    """Magnitude of w^H y: (coil, row, column) each, to (row, column)."""
    return np.asarray(np.abs((combination.conj() * coil_images).sum(axis=0)), dtype=np.float32)


def _leading(vectors: Complex) -> Complex:
    """At each pixel, the leading eigenvector of the mean of v v^H around it; (coil, row, column)."""
    covariance = _around(vectors)
    leading = vectors
    for _ in range(ITERATIONS):
        leading = np.einsum("abrc,brc->arc", covariance, leading)
        length = np.sqrt((np.abs(leading) ** 2).sum(axis=0))
        leading = leading / np.maximum(length, np.finfo(np.float32).tiny)
    return leading


def _around(vectors: Complex) -> Complex:
    """Covariance of the vectors around each pixel: (coil, coil, row, column)."""
    from scipy import ndimage

    covariance = np.empty((len(vectors), *vectors.shape), dtype=np.complex64)
    # One coil at a time: all pairs together would need gigabytes.
    for coil, vector in enumerate(vectors):
        products = vector * vectors.conj()
        for part, filtered in ((products.real, covariance[coil].real), (products.imag, covariance[coil].imag)):
            ndimage.uniform_filter(part, (1, AROUND, AROUND), output=filtered)
    return covariance
