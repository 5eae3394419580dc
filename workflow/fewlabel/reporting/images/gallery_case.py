"""Content of a gallery: image, truth and predictions of one test subject on its native grid, and its slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.config.jobs.figures.gallery import Column, GallerySettings, run_of
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.preprocessing.volume import Orientation, first_channel, read_result_nifti
from fewlabel.data.preprocessing.working_grid import scale_intensity
from fewlabel.inference.metrics import dice
from fewlabel.reporting.images.class_legend import several_classes
from fewlabel.reporting.statistics.scores import fold_of_subject
from fewlabel.utils.errors import InputError

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """One subject; arrays are (slice, row, column) of the native grid.

    Attributes:
        subject: its id.
        image: float32, 0 to 1 between the grid's percentiles of the volume, not clipped.
        truth: 1 inside the target; of several classes their numbers, from 1.
        predictions: a mask for each column, like the truth.
        dice: of the whole volume, 0 to 1, for each column; of several classes their mean.
        spacing: (slice, row, column) in mm.
        subjects: number of test subjects.
    """

    subject: str
    image: NDArray[np.float32]
    truth: Mask
    predictions: Sequence[Mask]
    dice: Sequence[float]
    spacing: tuple[float, float, float]
    subjects: int


def dice_table(scores: pd.DataFrame, settings: GallerySettings) -> pd.DataFrame:
    """Dice of each test subject (row, by name) in each column of the gallery.

    Raises:
        InputError: a column has no scores, or they are not of the same subjects.
    """
    rows = scores[(scores["cohort"] == settings.cohort) & (scores["draw"] == settings.figure.draw)]
    table = pd.DataFrame({index: _of_run(rows, column) for index, column in enumerate(settings.columns)}).sort_index()
    for index, column in enumerate(settings.columns):
        if absent := [str(name) for name in table.index[table[index].isna()]]:
            run = run_of(settings, column)
            raise InputError(f"scores.csv: no score of {', '.join(absent[:5])} in {run}; run what is missing")
    if table.empty:
        raise InputError(f"scores.csv: no scores of {run_of(settings, settings.columns[0])}; run what is missing")
    return table


def _of_run(rows: pd.DataFrame, column: Column) -> pd.Series:
    """Dice by subject; `all` is the largest N of the method."""
    own = rows[rows["method"] == column.method]
    return own[own["n"] == (own["n"].max() if column.labels == "all" else column.labels)].set_index("subject")["dice"]


def choose_subject(table: pd.DataFrame, named: str | None) -> str:
    """The subject of the settings, else the one of median Dice.

    Subjects are ordered by their mean over the columns, equal ones by name. Of two subjects in the middle it is the
    lower one.

    Args:
        table: from `dice_table`.
        named: subject of the settings.

    Raises:
        InputError: the subject of the settings is not a test subject.
    """
    if named is not None:
        if named not in table.index:
            some = ", ".join(map(str, table.index[:10]))
            raise InputError(f"figures.galleries: subject {named!r} is no test subject; accepted: {some}")
        return named
    # Rounded, since equal means may differ in their last bit.
    means = table.mean(axis=1).round(9)
    ordered = sorted(means.index, key=lambda subject: (means[subject], subject))
    return str(ordered[(len(ordered) - 1) // 2])


def choose_slices(truth: Mask, asked: int | Sequence[int]) -> list[int]:
    """The slices of the settings, or `asked` slices, spread evenly over those with target (all of them if fewer).

    Without a target they are spread over the whole volume.

    Raises:
        InputError: the volume has no such slice.
    """
    if not isinstance(asked, int):
        if beyond := [index for index in asked if index >= len(truth)]:
            accepted = f"accepted: 0 to {len(truth) - 1}"
            raise InputError(f"figures.galleries: no slice {beyond[0]} in a volume of {len(truth)}; {accepted}")
        return list(asked)
    holding = np.flatnonzero(truth.any(axis=(1, 2)))
    holding = holding if len(holding) else np.arange(len(truth))
    number = min(asked, len(holding))
    return [int(holding[int((index + 0.5) / number * len(holding))]) for index in range(number)]


def slice_dice(predicted: Mask, truth: Mask, classes: int) -> float:
    """Dice of one slice; of several classes the mean over those that are in the slice, 1 if there is none."""
    if not classes:
        return dice(predicted, truth)
    present = np.union1d(predicted, truth)
    values = [
        dice((predicted == number).astype(np.uint8), (truth == number).astype(np.uint8))
        for number in range(1, classes + 1)
        if number in present
    ]
    return float(np.mean(values)) if values else 1.0


def crop(masks: Sequence[Mask], spacing: tuple[float, float, float], margin_mm: float | None) -> tuple[slice, slice]:
    """Rows and columns around all masks with a margin; the whole slice without margin or masks."""
    whole = masks[0].shape[1:]
    found = np.any([mask.any(axis=0) for mask in masks], axis=0)
    if margin_mm is None or not found.any():
        return slice(0, whole[0]), slice(0, whole[1])
    edges = []
    for axis, mm in ((1, spacing[1]), (0, spacing[2])):
        at, room = np.flatnonzero(found.any(axis=axis)), round(margin_mm / mm)
        edges.append(slice(max(0, int(at[0]) - room), int(at[-1]) + 1 + room))
    return slice(edges[0].start, min(edges[0].stop, whole[0])), slice(edges[1].start, min(edges[1].stop, whole[1]))


def read_case(scores: pd.DataFrame, results: Path, settings: GallerySettings) -> Case:
    """Choose the subject, and read its image, truth and predictions.

    Args:
        scores: from `scores.read_scores`.
        results: folder of the study.
        settings: cohort, columns and subject.

    Raises:
        InputError: scores, volumes or predictions are missing, or not on one grid.
    """
    table = dice_table(scores, settings)
    subject = choose_subject(table, settings.figure.subject)
    folder = results / LAYOUT.native(settings.cohort)
    truth, affine = read_result_nifti(folder / "labels" / f"{subject}.nii.gz")
    image = _image(folder / "images" / f"{subject}.nii.gz", subject, settings)
    fold = fold_of_subject(scores[scores["cohort"] == settings.cohort], subject)
    predictions = [
        read_result_nifti(results / LAYOUT.predictions(run_of(settings, column, fold)) / f"{subject}.nii.gz")[0]
        for column in settings.columns
    ]
    if any(array.shape != truth.shape for array in (image, *predictions)):
        raise InputError(f"{settings.cohort}: image, truth and predictions of {subject} are on different grids")
    orientation = Orientation.of(affine, settings.grid.plane)

    def mask(array: NDArray[Any]) -> Mask:
        numbers = np.rint(array) if several_classes(settings.source) else array > 0.5
        return orientation.slices(numbers.astype(np.uint8))

    return Case(
        subject=subject,
        image=orientation.slices(scale_intensity(image, settings.grid.percentiles)),
        truth=mask(truth),
        predictions=[mask(prediction) for prediction in predictions],
        dice=[float(value) for value in table.loc[subject].to_numpy()],
        spacing=orientation.spacing(affine),
        subjects=len(table),
    )


def _image(kept: Path, subject: str, settings: GallerySettings) -> NDArray[np.float32]:
    """The image of the results (of volumes that are made or computed), else the file of the cohort."""
    if kept.is_file():
        return read_result_nifti(kept)[0]
    from fewlabel.data.sources import registry

    listed = {one.subject: one for one in registry.list_subjects(settings.source)}
    if subject not in listed:
        raise InputError(f"{settings.cohort}: no volume of {subject}, which was prepared; to fix: put it back")
    return first_channel(registry.read_volume(settings.source, listed[subject]).image)
