"""How well streaks were removed, where the image without their source is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Quality:
    """Measures of one subject."""

    streak_energy: float  # outside the body, as a share of that without any remedy
    snr: float  # of the target: mean signal over the root mean square of what noise and streaks add
    similarity: float  # structural similarity (Wang et al. 2004) to the image without source, mean over the body.
    signal_loss: float  # share of the target's signal that the remedy takes, streaks aside


@dataclass(frozen=True)
class Known:
    """What is known of a simulated subject; all arrays are (slice, row, column)."""

    streaked: Images  # with the source of streaks, not remedied
    clean: Images  # the same noise, no source
    target: Mask  # pixels of the target
    body: Mask  # pixels of the body, its cavities too
    outside: Mask  # pixels clear of the body


def quality(known: Known, remedied: Images, remedied_clean: Images, noiseless: Images) -> Quality:
    """What a remedy does.

    Args:
        remedied: the streaked acquisition with the remedy.
        remedied_clean: the acquisition without source with the very same remedy: so that what the remedy takes from the
            body, or from the noise, does not count as streaks.
        noiseless: the acquisition with neither source nor noise, with the very same remedy.
    """
    streaks = np.square(remedied - remedied_clean, dtype=np.float64)[known.outside].sum()
    before = np.square(known.streaked - known.clean, dtype=np.float64)[known.outside].sum()
    added = (remedied - noiseless)[known.target].astype(np.float64)
    return Quality(
        streak_energy=float(streaks / before),
        snr=float(noiseless[known.target].mean() / np.sqrt((added**2).mean())),
        similarity=_similarity(remedied, known.clean, known.body),
        signal_loss=float(1 - remedied_clean[known.target].mean() / known.clean[known.target].mean()),
    )


def _similarity(images: Images, reference: Images, body: Mask) -> float:
    from skimage.metrics import structural_similarity

    bright = float(np.percentile(reference, 99.5))
    maps = [
        structural_similarity(image, truth, data_range=bright, gaussian_weights=True, full=True)[1]
        for image, truth in zip(images, reference, strict=True)
    ]
    return float(np.stack(maps)[body].mean())
