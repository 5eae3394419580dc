"""Coils that see mostly streaks are left out: what is done by hand, made automatic (Xue et al. 2012, MRM 67:470)."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.imaging.radial.gridding import Complex


def streak_ratios(reference: Complex, fewer: Complex) -> NDArray[np.float64]:
    """How much of each coil's image changes when fewer spokes make it, relative to the best coil.

    Args:
        reference: (slice, coil, row, column), of all spokes.
        fewer: the same of half of them, which streaks more.

    Returns:
        (coil,), 1 for the coil that changes least, infinite for one without any signal.
    """
    axes = (0, 2, 3)
    return _to_best(np.abs(reference - fewer).sum(axis=axes), np.abs(reference).sum(axis=axes))


def background_ratios(images: Complex, region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same from finished images, which have no spokes: mean signal of the interference region over that elsewhere.

    Args:
        images: (slice, coil, row, column).
        region: (slice, row, column), where interference is seen.

    Returns:
        (coil,), 1 for the coil with the least, infinite for one without signal elsewhere.
    """
    magnitude = np.abs(np.moveaxis(images, 1, 0))
    return _to_best(magnitude[:, region].mean(axis=1), magnitude[:, ~region].mean(axis=1))


def kept_coils(ratios: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Coils whose ratio is at most the threshold; the best is always among them."""
    return np.flatnonzero(ratios <= max(threshold, ratios.min()))


def _to_best(streaks: NDArray[np.float32], signal: NDArray[np.float32]) -> NDArray[np.float64]:
    ratios = np.divide(streaks, signal, out=np.full(len(signal), np.inf), where=signal > 0, dtype=np.float64)
    return np.asarray(ratios / max(ratios.min(), np.finfo(np.float32).tiny), dtype=np.float64)
