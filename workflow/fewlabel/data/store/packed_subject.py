"""Preprocess one subject for a slice store, and describe it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.jobs.data import Preparation
from fewlabel.config.study_layout import IMAGES, LABELS
from fewlabel.data.csv_tables import CLASS_ML
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.preprocessing.working_grid import Frame, intensity_quartiles, preprocess, why_lost
from fewlabel.data.store.prepared_subjects import PreparedSubject, load_prepared, save_prepared, volume_key
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError
from fewlabel.utils.system_errors import refuse_out_of_memory

QUARTILES = ("q25", "q50", "q75")
"""Columns of `subjects.csv` with the quartiles of a subject's images; stores of earlier versions lack them."""
LARGEST = 6e4
"""Largest stored value, within float16's range: a voxel far above the 99th percentile must not become infinite."""


def as_stored(images: NDArray[np.float32]) -> NDArray[np.float16]:
    """Convert images to the store's type, float16, which networks are trained on."""
    return images.clip(-LARGEST, LARGEST).astype(np.float16)


@dataclass(frozen=True)
class PackedSubject:
    """A preprocessed subject, before its store is packed. All of a cohort are in memory: numbers, not slices."""

    subject: Subject
    slices: PreparedSubject
    facts: dict[str, Any]


@dataclass(frozen=True)
class SubjectWork:
    """What is done with each subject; arguments of `pack`."""

    read: Callable[[Subject], Volume]
    preparation: Preparation
    key: str  # of the preparation
    parts: Path  # folder of the cache
    native: Path
    classes: Sequence[str]

    def __call__(self, subject: Subject) -> PackedSubject:
        """Read, cache and describe a subject."""
        with refuse_out_of_memory():
            return self._prepared(subject)

    def _prepared(self, subject: Subject) -> PackedSubject:
        volume = self.read(subject)
        self._refuse_misfit(volume)
        frame = Frame.of(volume.shape, volume.affine, self.preparation.grid)
        own_key, place = volume_key(volume, self.key), self.parts / subject.subject
        slices = load_prepared(place, own_key) or save_prepared(place, own_key, *self._slices(volume))
        if volume.mask is not None:
            save_nifti(self.native / LABELS / f"{subject.subject}.nii.gz", volume.mask, volume.affine, volume.placement)
        if subject.image is None or subject.computed:
            save_nifti(self.native / IMAGES / f"{subject.subject}.nii.gz", volume.image, volume.affine)
        facts = _facts(subject, volume, frame, self.classes)
        return PackedSubject(subject, slices, {**facts, **_quartiles(slices.images)})

    def _refuse_misfit(self, volume: Volume) -> None:
        """Refuse other channels or classes than those of the settings, which a source of a package may ignore."""
        names = self.preparation.channels
        if len(volume.channels) != max(1, len(names)):
            text = ", ".join(names) or "its source has no `channels`"
            raise InputError(f"{len(volume.channels)} channels; accepted: {max(1, len(names))} ({text})")
        highest = 0 if volume.mask is None else int(volume.mask.max())
        if highest > max(1, len(self.classes)):
            text = ", ".join(self.classes) or "its source has no `classes`"
            raise InputError(f"class number {highest} in its mask; accepted: 0 to {max(1, len(self.classes))} ({text})")

    def _slices(self, volume: Volume) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        grid = self.preparation.grid
        images, masks, _ = preprocess(volume, grid, self.preparation.bias_correction)
        if masks is None or volume.mask is None:
            return as_stored(images), np.zeros((len(images), *grid.matrix), np.uint8)
        names = {number: f"class {name}" for number, name in enumerate(self.classes, start=1)}
        reasons = [
            why_lost(volume.mask, volume.affine, grid, number, names.get(number, "target"))
            for number in np.setdiff1d(volume.mask, masks).tolist()
            if number
        ]
        if reasons:
            raise InputError("; ".join(reasons))
        return as_stored(images), masks


def _facts(subject: Subject, volume: Volume, frame: Frame, classes: Sequence[str]) -> dict[str, Any]:
    slices, rows, columns = frame.native
    slice_mm, row_mm, column_mm = (round(mm, 6) for mm in frame.spacing)
    voxel_ml = float(np.prod(frame.spacing)) / 1000

    def millilitres(inside: NDArray[Any] | None) -> float | None:
        return None if inside is None else round(int(np.count_nonzero(inside)) * voxel_ml, 3)

    mask = volume.mask
    return {
        "subject": subject.subject,
        "patient": subject.patient,
        "labelled": int(subject.labelled),
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "slice_mm": slice_mm,
        "row_mm": row_mm,
        "column_mm": column_mm,
        "target_ml": millilitres(mask),
        **{
            f"{CLASS_ML}{name}": millilitres(None if mask is None else mask == number)
            for number, name in enumerate(classes, start=1)
        },
        "affine": json.dumps(volume.affine.tolist()),
        "shape": json.dumps(list(volume.shape)),
    }


def _quartiles(images: Path) -> dict[str, float]:
    quartiles = intensity_quartiles(np.load(images, mmap_mode="r")).round(6)
    return dict(zip(QUARTILES, quartiles.tolist(), strict=True))
