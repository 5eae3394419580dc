"""Measure de-streaking methods on the abdomen phantom with arms, where the image without streaks is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.config.jobs.figures.destreaking import NO_SOURCE, MeasureSettings
from fewlabel.config.sources.phantom import PhantomSource, RadialPhantom
from fewlabel.data.phantoms.abdomen import TARGET
from fewlabel.data.phantoms.canvas import Labels
from fewlabel.data.phantoms.source import list_subjects, read_acquisition
from fewlabel.data.reconstruction.destreaking.coil_images import coil_images
from fewlabel.data.reconstruction.destreaking.covariance import mix
from fewlabel.data.reconstruction.destreaking.destreaking_filter import Remedy, from_images, from_kspace
from fewlabel.data.reconstruction.destreaking.interference_region import root_sum_of_squares
from fewlabel.data.reconstruction.destreaking.measures import Images, Known, quality
from fewlabel.data.reconstruction.radial.acquisition import Acquisition
from fewlabel.data.reconstruction.radial.gridding import Complex
from fewlabel.utils.parallel import map_subjects

SLICE_STEP = 4
"""Every such slice with target is measured."""
NOISELESS_SNR = 1e6
"""SNR of an acquisition practically without noise."""


@dataclass(frozen=True)
class Trial:
    """One way to remove streaks."""

    method: Literal["none", "remove_coils", "cactus", "bstar"]  # `destreak.method`
    images: bool = False  # whether interference is estimated from coil images instead of k-space
    rescaled: bool = False  # whether the result is scaled to the brightness of the image with streaks


TRIALS: Mapping[str, Trial] = {
    "none": Trial("none"),
    "remove_coils": Trial("remove_coils"),
    # Removed coils reduce the signal, which any display would compensate.
    "remove_coils_rescaled": Trial("remove_coils", rescaled=True),
    "cactus": Trial("cactus"),
    "cactus_images": Trial("cactus", images=True),
    "bstar": Trial("bstar"),
}


def measure(settings: MeasureSettings, workers: int = 1) -> tuple[pd.DataFrame, dict[str, Images]]:
    """Measure all methods at all strengths, on `workers` processes.

    Returns:
        A row for each subject, strength and trial, with the measures of `measures.Quality`; and of the first subject
        the middle slice (row, column) without arms (`NO_SOURCE`) and after each trial at the example strength.
    """
    subjects = list_subjects(settings.source)[: settings.subjects]
    numbers = {subject.subject: number for number, subject in enumerate(subjects)}
    measured = map_subjects(partial(_of_subject, settings), numbers, workers, "measure")
    rows = [
        {"subject": name, **row}
        for name, (subject_rows, _) in zip(numbers, measured, strict=True)
        for row in subject_rows
    ]
    return pd.DataFrame(rows), measured[0][1]


def scale_to(before: Images, after: Images) -> float:
    """The factor that scales `after` to `before` (least squares)."""
    return float((before * after).sum(dtype=np.float64) / np.square(after, dtype=np.float64).sum())


def _of_subject(settings: MeasureSettings, number: int) -> tuple[list[dict[str, Any]], dict[str, Images]]:
    from scipy import ndimage

    acquisition, tissues = _acquired(settings.source, number, streaks=0)
    target = np.isin(tissues, [int(tissue) for tissue in TARGET])
    slices = np.flatnonzero(target.any(axis=(1, 2)))[SLICE_STEP // 2 :: SLICE_STEP]
    matrix, target = acquisition.matrix, target[slices]
    body = np.stack([ndimage.binary_fill_holes(image > 0) for image in tissues[slices]])
    outside = ~ndimage.binary_dilation(body, np.ones((1, 3, 3)), iterations=2)
    clean = coil_images(_of_slices(acquisition, slices), matrix)
    quiet = coil_images(_of_slices(_acquired(settings.source, number, 0, NOISELESS_SNR)[0], slices), matrix)
    middle = len(slices) // 2
    rows, examples = [], {NO_SOURCE: root_sum_of_squares(clean)[middle]}
    for streaks in settings.strengths:
        streaked = _of_slices(_acquired(settings.source, number, streaks)[0], slices)
        images = coil_images(streaked, matrix)
        reference = Known(root_sum_of_squares(images), root_sum_of_squares(clean), target, body, outside)
        for name, trial in TRIALS.items():
            destreak = _radial(settings.source).destreak.model_copy(update={"method": trial.method})
            remedy = from_images(destreak, images) if trial.images else from_kspace(destreak, streaked)
            remedied = _remedied(remedy, (images, clean, quiet))
            if trial.rescaled:
                factor = np.float32(scale_to(reference.streaked, remedied[0]))
                remedied = [factor * each for each in remedied]
            rows.append({"streaks": streaks, "method": name, **vars(quality(reference, *remedied))})
            if streaks == settings.shown:
                examples[name] = remedied[0][middle]
    return rows, examples


def _remedied(remedy: Remedy, all_images: Sequence[Complex]) -> list[Images]:
    """Magnitudes after the remedy that was estimated from the first of these coil images."""
    mixed = [mix(remedy.mixing, images, axis=1) for images in all_images]
    # B-STAR's weights are those of the streaked images; a sum of squares has none.
    like = mixed[0] if remedy.interference is not None else None
    return [remedy.combined(images, like) for images in mixed]


def _acquired(
    source: PhantomSource, number: int, streaks: float, snr: float | None = None
) -> tuple[Acquisition, Labels]:
    """A subject with another signal of the arms and, optionally, another SNR."""
    radial = _radial(source).model_copy(update={"streaks": streaks})
    acquired = source.model_copy(update={"radial": radial, "snr": source.snr if snr is None else snr})
    return read_acquisition(acquired, list_subjects(acquired)[number])


def _radial(source: PhantomSource) -> RadialPhantom:
    assert source.radial is not None
    return source.radial


def _of_slices(acquisition: Acquisition, slices: NDArray[np.intp]) -> Acquisition:
    return replace(acquisition, kspace=acquisition.kspace[slices])
