"""CACTUS: coil data projected onto the null space of the interference (ISMRM 2021, #0670).

The interference lies in few directions of the space of coils, those in which its source is received. They are the
leading eigenvectors U of its covariance; P = 1 - U U^H takes them out of every coil vector. P mixes coils alone, so it
may be applied to k-space or to images: gridding is linear. The abstract gives no more detail; the rest is ours.
"""

import numpy as np

from fewlabel.data.reconstruction.destreaking.covariance import Matrix


def interference_subspace(covariance: Matrix, energy: float) -> Matrix:
    """The fewest directions that contain a share of the interference.

    Args:
        covariance: (coil, coil) of the interference region. Its median eigenvalue counts as noise, which all directions
            contain equally, and is subtracted.
        energy: share of the interference, 0 to 1.

    Returns:
        (coil, k), orthonormal columns, the strongest first; k is less than the number of coils, and 0 without
        interference.
    """
    values, vectors = np.linalg.eigh(covariance)
    excess = np.maximum(values[::-1] - np.median(values), 0)
    if not excess.sum() > 0:
        return np.zeros((len(values), 0), dtype=np.complex128)
    share = np.cumsum(excess) / excess.sum()
    count = min(int(np.searchsorted(share, energy)) + 1, len(values) - 1)
    return np.asarray(vectors[:, ::-1][:, :count])


def null_projection(subspace: Matrix) -> Matrix:
    """The projection (coil, coil) onto the orthogonal complement of the subspace (coil, k)."""
    return np.asarray(np.eye(len(subspace)) - subspace @ subspace.conj().T)
