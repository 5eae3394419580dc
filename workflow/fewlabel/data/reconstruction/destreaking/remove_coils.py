"""Coils that see mostly streaks are left out: what is done by hand, made automatic (Xue et al. 2012, MRM 67:470)."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.destreaking.coil_images import each
from fewlabel.data.reconstruction.radial.acquisition import PerSlice


def streak_ratios(reference: PerSlice, fewer: PerSlice) -> NDArray[np.float64]:
    """How much of each coil's image changes when fewer spokes make it, relative to the best coil.

    Args:
        reference: (slice, coil, row, column), of all spokes.
        fewer: the same of half of them, which streaks more.

    Returns:
        (coil,), 1 for the coil that changes least, infinite for one without any signal.
    """
    streaks, signal = np.zeros((2, reference.shape[1]))
    for images, other in zip(each(reference), each(fewer), strict=True):
        streaks += np.abs(images - other).sum(axis=(1, 2))
        signal += np.abs(images).sum(axis=(1, 2))
    return _to_best(streaks, signal)


def background_ratios(images: PerSlice, region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same from finished images, which have no spokes: mean signal of the interference region over that elsewhere.

    Args:
        images: (slice, coil, row, column).
        region: (slice, row, column), where interference is seen.

    Returns:
        (coil,), 1 for the coil with the least, infinite for one without signal elsewhere.
    """
    streaks, signal = np.zeros((2, images.shape[1]))
    for image, seen in zip(each(images), region, strict=True):
        magnitude = np.abs(image)
        streaks += magnitude[:, seen].sum(axis=1)
        signal += magnitude[:, ~seen].sum(axis=1)
    return _to_best(streaks / region.sum(), signal / (~region).sum())


def kept_coils(ratios: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Coils whose ratio is at most the threshold; the best is always among them."""
    return np.flatnonzero(ratios <= max(threshold, ratios.min()))


def _to_best(streaks: NDArray[np.float64], signal: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = np.divide(streaks, signal, out=np.full(len(signal), np.inf), where=signal > 0)
    return np.asarray(ratios / max(ratios.min(), np.finfo(np.float32).tiny), dtype=np.float64)
