"""One test subject's volume for the page: its slices, the truth, and every prediction, with the Dice of each slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewlabel.config.jobs.figures.explorer import Images
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.preprocessing.volume import Orientation, read_result_nifti
from fewlabel.data.preprocessing.working_grid import scale_intensity
from fewlabel.data.sources import registry
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.explorer.selection import shown_size, shown_slices
from fewlabel.reporting.explorer.sprites import across, image_sprite, mask_sprite
from fewlabel.utils.errors import InputError

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class ShownRun:
    """One finetuning whose predictions are shown; `n` is a number where the run has all labels, too."""

    method: str
    n: int
    draw: int
    run: Run


@dataclass(frozen=True)
class Sizes:
    """What of a volume is shown at most."""

    side_px: int
    slices: int


class CohortVolumes:
    """The native volumes of one cohort."""

    def __init__(self, results: Path, cohort: str, images: Images) -> None:
        self.results, self.cohort, self.images = results, cohort, images

    @cached_property
    def _listed(self) -> dict[str, Subject]:
        return {subject.subject: subject for subject in registry.list_subjects(self.images.source)}

    def _image(self, subject: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The image where `prepare` kept it (it was made by code or computed), else where the cohort lies."""
        kept = self.results / LAYOUT.native_image(self.cohort, subject)
        if kept.is_file():
            return read_result_nifti(kept)
        if subject not in self._listed:
            raise InputError(
                f"{self.cohort}: the volume of {subject} is gone from the cohort's folder; put it back, or run the"
                " study again without it"
            )
        volume = registry.read_volume(self.images.source, self._listed[subject])
        return volume.image, volume.affine

    def block(self, subject: str, runs: Sequence[ShownRun], sizes: Sizes) -> dict[str, Any]:
        """What the page holds of one subject.

        Returns:
            `slices`: native numbers, from 1, of those shown, of `count`; `rows`, `columns`: of a shown slice, `native`
            of one of the volume; `ratio`: width over height in mm; `across`: slices side by side in each picture;
            `image`, `truth`: pictures; `predictions`: method, n, draw, `mask` (a picture) and `dice` (of each shown
            slice, on the native grid; None where neither mask has a pixel there).

        Raises:
            InputError: a file is missing, damaged or on another grid.
        """
        image, affine = self._image(subject)
        orientation = Orientation.of(affine, self.images.grid.plane)
        spacing = orientation.spacing(affine)
        whole = orientation.slices(scale_intensity(image, self.images.grid.percentiles))
        chosen = shown_slices(len(whole), sizes.slices)
        side = shown_size(whole.shape[1], whole.shape[2], sizes.side_px)
        truth = self._mask(self.results / LAYOUT.native_labels(self.cohort), subject, whole.shape, orientation)[chosen]
        return {
            "subject": subject,
            "slices": [int(index) + 1 for index in chosen],
            "count": len(whole),
            "rows": side[0],
            "columns": side[1],
            "native": [whole.shape[1], whole.shape[2]],
            "ratio": round(whole.shape[2] * spacing[2] / (whole.shape[1] * spacing[1]), 4),
            "across": across(len(chosen), *side),
            "image": image_sprite(smaller(whole[chosen], side)),
            "truth": mask_sprite(smaller_mask(truth, side)),
            "predictions": [
                self._prediction(run, subject, whole.shape, orientation, chosen, truth, side) for run in runs
            ],
        }

    def _prediction(
        self,
        run: ShownRun,
        subject: str,
        shape: tuple[int, ...],
        orientation: Orientation,
        chosen: NDArray[np.int64],
        truth: Mask,
        side: tuple[int, int],
    ) -> dict[str, Any]:
        mask = self._mask(self.results / LAYOUT.predictions(run.run), subject, shape, orientation)[chosen]
        picture = mask_sprite(smaller_mask(mask, side))
        return {
            "method": run.method,
            "n": run.n,
            "draw": run.draw,
            "mask": picture,
            "dice": slice_dice(mask, truth),
        }

    def _mask(self, folder: Path, subject: str, shape: tuple[int, ...], orientation: Orientation) -> Mask:
        array, _ = read_result_nifti(folder / f"{subject}.nii.gz")
        mask = orientation.slices(array.astype(np.uint8))
        if mask.shape != shape:
            place = f"{folder.relative_to(self.results)}/{subject}.nii.gz"
            raise InputError(
                f"{place}: {mask.shape} voxels, but its image has {shape}; the volume was changed: run the study again"
            )
        return mask


def slice_dice(predicted: Mask, truth: Mask) -> list[float | None]:
    """Dice of each slice of two masks (slice, row, column), to 3 digits; None where both are empty there."""
    common = (predicted & truth).sum(axis=(1, 2), dtype=np.int64)
    total = predicted.sum(axis=(1, 2), dtype=np.int64) + truth.sum(axis=(1, 2), dtype=np.int64)
    return [round(2 * int(one) / int(all_), 3) if all_ else None for one, all_ in zip(common, total, strict=True)]


def smaller(slices: NDArray[np.float32], side: tuple[int, int]) -> NDArray[np.float32]:
    """Slices (slice, row, column) with so many rows and columns: each new pixel is the mean over its area."""
    if slices.shape[1:] == side:
        return slices
    rows, columns = side
    pictures = (Image.fromarray(one).resize((columns, rows), Image.Resampling.BOX) for one in slices)
    return np.stack([np.asarray(picture, dtype=np.float32) for picture in pictures])


def smaller_mask(slices: Mask, side: tuple[int, int]) -> Mask:
    """The same of a mask: a pixel is 1 where at least half of it lies inside."""
    if slices.shape[1:] == side:
        return slices
    found = np.zeros((len(slices), *side), np.uint8)
    filled = np.flatnonzero(slices.any(axis=(1, 2)))
    if filled.size:
        found[filled] = smaller(slices[filled].astype(np.float32), side) >= 0.5
    return found
