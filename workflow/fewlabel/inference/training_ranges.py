"""Ranges of a network's training cohort, and checks whether an image and its mask are inside them.

A network returns a mask for any image. Voxel sizes, field of view and intensities on the working grid show whether the
image resembles the training cohort; the volume of the mask shows whether the mask does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fewlabel.config.base import Name
from fewlabel.data.csv_tables import CLASS_ML
from fewlabel.data.preprocessing.working_grid import Frame, intensity_quartiles
from fewlabel.data.store.packed_subject import QUARTILES
from fewlabel.data.store.slice_store import Store

RANGES = "cohort_ranges"
"""Key of the ranges among the facts of a weights file."""
MM_MARGIN = 1.25
"""Factor by which voxel sizes and fields of view may be outside the range of the cohort."""
INTENSITY_MARGIN = 0.1
"""Distance by which quartiles may be outside the cohort's, where 1 is the range between the grid's percentiles."""
VOLUME_MARGIN = 1.5
"""The same as `MM_MARGIN` for the target's volume."""
DIRECTIONS = ("across slices", "along columns", "along rows")
"""Names of the axes slice, row and column in messages."""


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"two rising numbers, but got {value[0]} and {value[1]}")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_rising)]
"""Smallest and largest."""


class Ranges(BaseModel):
    """Smallest and largest values over the subjects of a pool; three are by axis: slice, row, column."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    subjects: int = Field(ge=1)
    """Number of subjects."""
    voxel_mm: tuple[Range, Range, Range]
    view_mm: tuple[Range, Range, Range]
    """Field of view: voxels along the axis times their size."""
    target_ml: Range
    """Volume of the target in the masks of labelled subjects."""
    class_ml: dict[Name, Range] = Field({}, max_length=100, exclude_if=lambda value: not value)
    """The same of each class with a name."""
    quartiles: tuple[Range, Range, Range] | None = None
    """Quartiles of intensities on the working grid, where the grid's percentiles are 0 and 1; None: unknown."""


def ranges_of(store: Store, subjects: Sequence[str]) -> Ranges | None:
    """Ranges over these subjects; None if none of them is labelled."""
    ranges = ranges_of_table(store.subjects, subjects)
    if ranges is None:
        return None
    return ranges.model_copy(update={"quartiles": _three(_quartiles(store, subjects))})


def _quartiles(store: Store, subjects: Sequence[str]) -> NDArray[np.float64]:
    """Quartiles of each subject's images, (subject, 3): those of its preparation, or read from all of its slices."""
    if set(QUARTILES) <= set(store.subjects):
        return store.subjects.set_index("subject").loc[list(subjects), list(QUARTILES)].to_numpy(np.float64)
    return np.array([intensity_quartiles(store.images[store.rows([subject])]) for subject in subjects])


def ranges_of_table(subjects_table: pd.DataFrame, subjects: Sequence[str]) -> Ranges | None:
    """Ranges without intensities, from the table of a slice store (`subjects.csv`); None if no subject is labelled."""
    table = subjects_table.set_index("subject").loc[list(subjects)]
    volumes = table.loc[table["labelled"] == 1, "target_ml"].dropna()
    if not len(volumes):
        return None
    classes = [str(column) for column in table if str(column).startswith(CLASS_ML)]
    of_classes = table.loc[volumes.index, classes].astype(np.float64)
    voxels = table[["slice_mm", "row_mm", "column_mm"]].to_numpy(np.float64)
    sides = table[["slices", "rows", "columns"]].to_numpy(np.float64)
    return Ranges(
        subjects=len(table),
        voxel_mm=_three(voxels),
        view_mm=_three(voxels * sides),
        target_ml=_range(volumes.to_numpy(np.float64)),
        class_ml={name.removeprefix(CLASS_ML): _range(of_classes[name].to_numpy()) for name in classes},
    )


def outliers(ranges: Ranges, frame: Frame, images: NDArray[Any], volumes_ml: Mapping[str, float]) -> list[str]:
    """Messages on properties of an image and its mask that are outside the ranges by more than the margins.

    Args:
        images: (slice, row, column) on the working grid.
        volumes_ml: of the mask, by class; the key of a target without a name is empty. An empty mask is always
            reported, and an empty class unless the class is also empty in the cohort.
    """
    views = [count * mm for count, mm in zip(frame.native, frame.spacing, strict=True)]
    messages = [*_sizes("voxel size", frame.spacing, ranges.voxel_mm), *_sizes("field of view", views, ranges.view_mm)]
    names = ("lower quartile", "median", "upper quartile")
    for name, value, (low, high) in zip(names, intensity_quartiles(images), ranges.quartiles or (), strict=False):
        if not low - INTENSITY_MARGIN <= value <= high + INTENSITY_MARGIN:
            messages.append(f"{name} of scaled intensities {value:.2g} (cohort: {_words(low, high)})")
    for name, volume_ml in volumes_ml.items():
        messages += _volume(name, volume_ml, ranges)
    return messages


def _volume(name: str, volume_ml: float, ranges: Ranges) -> Iterator[str]:
    """A message on the volume of a class that is outside; `name`: empty for a target without a name."""
    known = ranges.class_ml.get(name) if name else ranges.target_ml
    if known is None:
        return
    low, high = known
    cohort = f"(cohort targets: {_words(low, high)} ml)"
    if volume_ml and not low / VOLUME_MARGIN <= volume_ml <= high * VOLUME_MARGIN:
        yield f"{name or 'mask'} of {volume_ml:.4g} ml {cohort}"
    elif not volume_ml and not (name and low == 0):
        yield f"{f'no {name}' if name else 'empty mask'} {cohort}"


def _sizes(what: str, values: Sequence[float], accepted: Sequence[Range]) -> Iterator[str]:
    """Messages on lengths in mm along the three axes that are outside."""
    for direction, value, (low, high) in zip(DIRECTIONS, values, accepted, strict=True):
        if not low / MM_MARGIN <= value <= high * MM_MARGIN:
            yield f"{what} {direction} {value:.4g} mm (cohort: {_words(low, high)})"


def _words(low: float, high: float) -> str:
    first, last = f"{low:.4g}", f"{high:.4g}"
    return first if first == last else f"{first} to {last}"


def _three(values: NDArray[np.float64]) -> tuple[Range, Range, Range]:
    first, second, third = map(_range, values.T)
    return first, second, third


def _range(values: NDArray[np.float64]) -> Range:
    return round(float(values.min()), 6), round(float(values.max()), 6)
