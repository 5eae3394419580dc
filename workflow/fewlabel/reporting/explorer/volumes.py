"""A test subject's volume for the page: slices, true mask and all predictions, with the Dice of each slice."""

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
from fewlabel.data.preprocessing.volume import AXES, Orientation, first_channel, read_result_nifti
from fewlabel.data.preprocessing.working_grid import scale_intensity
from fewlabel.data.sources import registry
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.explorer.selection import shown_size, shown_slices
from fewlabel.reporting.explorer.sprites import class_sprite, image_sprite, mask_sprite, sprite_columns
from fewlabel.reporting.images.class_legend import several_classes
from fewlabel.utils.errors import InputError

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class ShownRun:
    """A finetuning whose predictions are shown; `n` is a number also for runs on all labels."""

    method: str
    n: int
    draw: int
    run: Run


@dataclass(frozen=True)
class Sizes:
    """Largest side of a slice in pixels, and largest number of slices of a volume."""

    side_px: int
    slices: int


class CohortVolumes:
    """The native volumes of one cohort."""

    def __init__(self, results: Path, cohort: str, images: Images) -> None:
        self.results, self.cohort, self.images = results, cohort, images
        self.classes = len(several_classes(images.source))

    @cached_property
    def _listed(self) -> dict[str, Subject]:
        return {subject.subject: subject for subject in registry.list_subjects(self.images.source)}

    def _image(self, subject: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The image in the results (synthetic or reconstructed), else that of the cohort."""
        kept = self.results / LAYOUT.native_image(self.cohort, subject)
        if kept.is_file():
            return read_result_nifti(kept)
        if subject not in self._listed:
            raise InputError(
                f"{self.cohort}: the volume of {subject} is missing in the cohort's folder; to fix: restore it, or run"
                " the study again without it"
            )
        volume = registry.read_volume(self.images.source, self._listed[subject])
        return first_channel(volume.image), volume.affine

    def block(self, subject: str, runs: Sequence[ShownRun], sizes: Sizes) -> dict[str, Any]:
        """The page's content of one subject.

        Returns:
            `slices`: native numbers, from 1, of the shown slices, of `count`; `rows`, `columns`: of a shown slice,
            `native`: of a slice of the volume; `axes`: the directions in which slices, rows and columns grow (`SPL`),
            `spacing`: their distances in mm as shown; `across`: slices in a row of each picture; `image`, `truth`:
            pictures; `file`: of the truth; `predictions`: method, n, draw, `file`, `mask` (a picture) and `dice` (of
            each shown slice, on the native grid; None if both masks are empty there). Of several classes also their
            number as `classes`; then pictures of masks hold class numbers, `dice` is the mean of the classes in the
            slice, and `class_dice` has a list for each class.

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
            "axes": AXES[self.images.grid.plane],
            "spacing": [
                round(mm * native / shown, 4)
                for mm, native, shown in zip(spacing, whole.shape, (len(whole), *side), strict=True)
            ],
            "across": sprite_columns(len(chosen), *side),
            "image": image_sprite(resize_slices(whole[chosen], side)),
            "truth": self._sprite(truth, side),
            "file": f"{LAYOUT.native_labels(self.cohort)}/{subject}.nii.gz",
            "predictions": [
                self._prediction(run, subject, whole.shape, orientation, chosen, truth, side) for run in runs
            ],
            **({"classes": self.classes} if self.classes else {}),
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
        by_class = [
            slice_dice((mask == number).astype(np.uint8), (truth == number).astype(np.uint8))
            for number in range(1, self.classes + 1)
        ]
        return {
            "method": run.method,
            "n": run.n,
            "draw": run.draw,
            "file": f"{LAYOUT.predictions(run.run)}/{subject}.nii.gz",
            "mask": self._sprite(mask, side),
            "dice": mean_dice(by_class) if by_class else slice_dice(mask, truth),
            **({"class_dice": by_class} if by_class else {}),
        }

    def _sprite(self, mask: Mask, side: tuple[int, int]) -> str:
        if not self.classes:
            return mask_sprite(resize_masks(mask, side))
        return class_sprite(resize_classes(mask, side), self.classes)

    def _mask(self, folder: Path, subject: str, shape: tuple[int, ...], orientation: Orientation) -> Mask:
        array, _ = read_result_nifti(folder / f"{subject}.nii.gz")
        mask = orientation.slices((np.rint(array) if self.classes else array).astype(np.uint8))
        if mask.shape != shape:
            place = f"{folder.relative_to(self.results)}/{subject}.nii.gz"
            raise InputError(
                f"{place}: {mask.shape} voxels, but its image has {shape}, so the volume was changed; to fix: run the "
                "study again"
            )
        return mask


def slice_dice(predicted: Mask, truth: Mask) -> list[float | None]:
    """Dice of each slice of two masks (slice, row, column), to 3 digits; None if both are empty."""
    common = (predicted & truth).sum(axis=(1, 2), dtype=np.int64)
    total = predicted.sum(axis=(1, 2), dtype=np.int64) + truth.sum(axis=(1, 2), dtype=np.int64)
    return [
        round(2 * int(overlap) / int(size), 3) if size else None for overlap, size in zip(common, total, strict=True)
    ]


def mean_dice(by_class: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The mean of each slice over the classes that are in it, to 3 digits; None if there is none."""
    by_slice = ([value for value in values if value is not None] for values in zip(*by_class, strict=True))
    return [round(sum(known) / len(known), 3) if known else None for known in by_slice]


def resize_slices(slices: NDArray[np.float32], side: tuple[int, int]) -> NDArray[np.float32]:
    """Resize slices (slice, row, column) to `side` rows and columns; each new pixel is the mean over its area."""
    if slices.shape[1:] == side:
        return slices
    rows, columns = side
    pictures = (Image.fromarray(image).resize((columns, rows), Image.Resampling.BOX) for image in slices)
    return np.stack([np.asarray(picture, dtype=np.float32) for picture in pictures])


def resize_masks(slices: Mask, side: tuple[int, int]) -> Mask:
    """Resize masks (slice, row, column); a pixel is 1 if at least half of it is inside."""
    if slices.shape[1:] == side:
        return slices
    resized = np.zeros((len(slices), *side), np.uint8)
    filled = np.flatnonzero(slices.any(axis=(1, 2)))
    if filled.size:
        resized[filled] = resize_slices(slices[filled].astype(np.float32), side) >= 0.5
    return resized


def resize_classes(slices: Mask, side: tuple[int, int]) -> Mask:
    """Resize masks of class numbers (slice, row, column): what covers most of a pixel that is at least half target."""
    if slices.shape[1:] == side:
        return slices
    numbers = [int(number) for number in np.unique(slices) if number]
    shares = [resize_slices((slices == number).astype(np.float32), side) for number in numbers]
    if not shares:
        return np.zeros((len(slices), *side), np.uint8)
    largest = np.array(numbers, np.uint8)[np.argmax(shares, axis=0)]
    return np.where(np.sum(shares, axis=0) >= 0.5, largest, 0).astype(np.uint8)
