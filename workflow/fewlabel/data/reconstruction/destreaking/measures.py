"""Measures of de-streaking, for phantoms, whose image without streaks is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """Measures of one subject."""

    streak_energy: float  # outside the body, as a share of that without any remedy
    snr: float  # of the target: mean signal over the root mean square of noise and streaks
    similarity: float  # structural similarity (Wang et al. 2004) to the image without source, mean over the body.
    signal_loss: float  # share of the target's signal that the remedy removes


@dataclass(frozen=True)
class Known:
    """Reference images and masks of a simulated subject; all arrays are (slice, row, column)."""

    streaked: Images  # with the source of streaks, not remedied
    clean: Images  # the same noise, no source
    target: Mask  # pixels of the target
    body: Mask  # pixels of the body, its cavities too
    outside: Mask  # pixels clear of the body


def quality(reference: Known, remedied: Images, remedied_clean: Images, noiseless: Images) -> Quality:
    """Measure the effect of a remedy.

    Args:
        reference: the acquisition without source and without remedy.
        remedied: the streaked acquisition with the remedy.
        remedied_clean: the acquisition without source with the same remedy, so that losses of body signal or noise do
            not count as streaks.
        noiseless: the acquisition with neither source nor noise, with the same remedy.
    """
    streaks = np.square(remedied - remedied_clean, dtype=np.float64)[reference.outside].sum()
    before = np.square(reference.streaked - reference.clean, dtype=np.float64)[reference.outside].sum()
    added = (remedied - noiseless)[reference.target].astype(np.float64)
    return Quality(
        streak_energy=float(streaks / before),
        snr=float(noiseless[reference.target].mean() / np.sqrt((added**2).mean())),
        similarity=_similarity(remedied, reference.clean, reference.body),
        signal_loss=float(1 - remedied_clean[reference.target].mean() / reference.clean[reference.target].mean()),
    )


def _similarity(images: Images, reference: Images, body: Mask) -> float:
    from skimage.metrics import structural_similarity

    bright = float(np.percentile(reference, 99.5))
    maps = [
        structural_similarity(image, truth, data_range=bright, gaussian_weights=True, full=True)[1]
        for image, truth in zip(images, reference, strict=True)
    ]
    return float(np.stack(maps)[body].mean())
