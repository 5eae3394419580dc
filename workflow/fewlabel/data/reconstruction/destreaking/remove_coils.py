"""Leave out coils that receive mostly streaks, automatically (Xue et al. 2012, MRM 67:470)."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.destreaking.coil_images import each
from fewlabel.data.reconstruction.radial.acquisition import PerSlice


def streak_ratios(reference: PerSlice, fewer: PerSlice) -> NDArray[np.float64]:
    """Relative change of each coil's image if fewer spokes are used, compared with the best coil.

    Args:
        reference: (slice, coil, row, column), of all spokes.
        fewer: of half of the spokes, with more streaks.

    Returns:
        (coil,), 1 for the coil that changes least, infinite for one without any signal.
    """
    streaks, signal = np.zeros((2, reference.shape[1]))
    for images, other in zip(each(reference), each(fewer), strict=True):
        streaks += np.abs(images - other).sum(axis=(1, 2))
        signal += np.abs(images).sum(axis=(1, 2))
    return _to_best(streaks, signal)


def background_ratios(images: PerSlice, region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same for finished images without spokes: mean signal inside over that outside the interference region.

    Args:
        images: (slice, coil, row, column).
        region: (slice, row, column), True in the interference region.

    Returns:
        (coil,), 1 for the coil with the least, infinite for one without signal outside.
    """
    streaks, signal = np.zeros((2, images.shape[1]))
    for image, mask in zip(each(images), region, strict=True):
        magnitude = np.abs(image)
        streaks += magnitude[:, mask].sum(axis=1)
        signal += magnitude[:, ~mask].sum(axis=1)
    return _to_best(streaks / region.sum(), signal / (~region).sum())


def usable_coils(ratios: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Coils whose ratio is at most the threshold, including the best coil."""
    return np.flatnonzero(ratios <= max(threshold, ratios.min()))


def _to_best(streaks: NDArray[np.float64], signal: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = np.divide(streaks, signal, out=np.full(len(signal), np.inf), where=signal > 0)
    return np.asarray(ratios / max(ratios.min(), np.finfo(np.float32).tiny), dtype=np.float64)
