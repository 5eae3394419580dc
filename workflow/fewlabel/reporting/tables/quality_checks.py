"""Quality checks of a cohort: facts of each volume, and warnings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.figures.quality import QualitySettings
from fewlabel.config.sources.registry import Source
from fewlabel.config.study_layout import IMAGES, LABELS
from fewlabel.data.preprocessing.volume import Orientation, Volume, first_channel, read_result_nifti
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.data.sources import registry
from fewlabel.data.store.slice_store import Store
from fewlabel.data.subjects.subject import Subject
from fewlabel.reporting.tables.quality_classes import DIGITS as CLASS_DIGITS
from fewlabel.reporting.tables.quality_classes import (
    GRID_DICE,
    TINY,
    class_facts,
    class_medians,
    class_warnings,
    columns_of,
    grid_dice,
)
from fewlabel.utils.errors import InputError
from fewlabel.utils.parallel import map_subjects

SPACING = 1.5
"""A voxel so many times as long or as short as the median of the cohort gives a warning."""
CLIPPED = 0.001
"""Share of voxels with the highest value; every volume of whole numbers has a few."""
USUAL = 0.5
"""If so large a share of a cohort's volumes is clipped, they were published so: one note instead of warnings."""
OBLIQUE = 30.0
"""Degrees. Prostates are planned along the rectum: 12 to 23 degrees are usual."""
KEPT = 0.9
"""Share of the target on the working grid; less gives a warning."""
SPACINGS = {"slice_mm": "slice distance", "row_mm": "row distance", "column_mm": "column distance"}
DIGITS = {"oblique_deg": 2, "clipped": 6, "target_ml": 3, "kept": 4, "grid_dice": 4}


def quality_rows(
    store: Store, roles: pd.DataFrame, native: Path, settings: QualitySettings, workers: int = 1
) -> pd.DataFrame:
    """One row a subject, in the store's order.

    Args:
        store: of the cohort's slices.
        roles: the cohort's split: subject, role.
        native: the folder with native masks, and with images of volumes that have no file of their own.
        settings: of the table.
        workers: processes; each holds one volume.

    Returns:
        Columns subject, role, labelled (0 or 1); orientation, oblique_deg; slices, rows, columns and slice_mm, row_mm,
        column_mm of the native grid; lowest, p1, p99, highest, clipped (see `VolumeFacts`); target_ml, target_slices,
        kept (the share of the target's volume that the working grid holds) and grid_dice (see `VolumeFacts`), empty
        without a mask; with named classes those of `class_facts`, where grid_dice is the mean of the classes; warnings,
        separated by semicolons.

    Raises:
        InputError: volumes are missing or damaged since the cohort was prepared; names all of them.
    """
    subjects = store.subjects[["subject", "labelled", "slices", "rows", "columns", *SPACINGS]]
    labelled = set(subjects.loc[subjects["labelled"] == 1, "subject"])
    files = image_files(list(subjects["subject"]), native, settings)
    classes = list(settings.source.classes)
    work = partial(_facts, source=settings.source, native=native, labelled=labelled, grid=settings.grid)
    facts = pd.DataFrame(map_subjects(work, files, workers, "examine")).astype({"grid_dice": float})
    rows = subjects.reset_index(drop=True).join(facts)
    on_grid = store.index.groupby("subject")["target_px"].sum().to_dict()
    rows["kept"] = [
        _kept(store, row["subject"], int(on_grid[row["subject"]]), row["target_ml"], settings)
        if row["labelled"] and row["target_ml"]
        else None
        for row in rows.to_dict("records")
    ]
    rows.insert(1, "role", rows["subject"].map(roles.set_index("subject")["role"]).fillna(""))
    digits = {f"{fact}_{name}": number for name in classes for fact, number in CLASS_DIGITS.items()}
    rows = rows.astype(dict.fromkeys(digits, float)).round({**DIGITS, **digits})
    scaled = 1 - settings.grid.percentiles[1] / 100
    radial = settings.source.reconstruction
    bounded = radial is not None and radial.input == "t2_map"
    usual = Usual.of(rows)
    medians = class_medians(rows, classes)
    rows["warnings"] = [
        "; ".join([*warnings(row, usual, scaled, bounded, list(classes)), *_of_classes(row, medians, classes)])
        for row in rows.to_dict("records")
    ]
    order = ["subject", "role", "labelled", "orientation", "oblique_deg", "slices", "rows", "columns", *SPACINGS]
    order += ["lowest", "p1", "p99", "highest", "clipped", "target_ml", "target_slices", "kept"]
    of_classes = [column for name in classes for column in columns_of(name)]
    order += ["grid_dice", *of_classes, "warnings"]
    counts = [column for column in of_classes if column not in digits]
    return rows[order].astype(dict.fromkeys(["target_slices", *counts], "Int64"))


def _of_classes(row: Mapping[Any, Any], medians: Mapping[str, float], classes: Sequence[str]) -> Iterator[str]:
    """Warnings of the classes; an empty mask has a warning already."""
    return class_warnings(row, medians, classes) if row["labelled"] and row["target_ml"] else iter(())


def clipped_alike(rows: pd.DataFrame) -> int:
    """Number of clipped volumes if that is usual in the cohort, else 0."""
    count = int((rows["clipped"] >= CLIPPED).sum())
    return count if count >= USUAL * len(rows) else 0


@dataclass(frozen=True)
class Usual:
    """What is usual in a cohort."""

    target_ml: float  # median
    spacings: Mapping[str, float]  # medians in mm, by column
    is_clipped: bool  # whether most volumes are (see `clipped_alike`)

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Usual":
        """Of the facts of all subjects."""
        spacings = {column: float(rows[column].median()) for column in SPACINGS}
        return cls(rows["target_ml"].median(), spacings, bool(clipped_alike(rows)))


def warnings(
    row: Mapping[Any, Any], cohort: Usual, scaled: float, bounded: bool = False, classes: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the warnings of one subject, given what is usual in its cohort.

    Args:
        row: of the subject.
        cohort: of all subjects.
        scaled: share of voxels that scaling maps above 1. If so many voxels have the highest value, tissue contrast is
            lost. Fewer give a warning if other volumes of the cohort are not clipped and values are not `bounded`.
        bounded: whether values are bounded, as those of T2 maps by their fit.
        classes: named ones, whose Dice of the grid `class_warnings` judges.
    """
    target, median = row["target_ml"], cohort.target_ml
    if row["labelled"] and target == 0:
        yield "empty mask"
    elif row["labelled"] and target < TINY * median:
        yield f"tiny mask: {target:.2g} ml, median {median:.3g} ml"
    if row["labelled"] and row["kept"] < KEPT:
        yield f"the working grid holds {100 * row['kept']:.0f} % of the target"
    elif row["labelled"] and not classes and row["grid_dice"] < GRID_DICE:
        yield f"the mask has a Dice of {row['grid_dice']:.2f} with itself after resampling to the working grid and back"
    for column, name in SPACINGS.items():
        usual = cohort.spacings[column]
        if not 1 / SPACING <= row[column] / usual <= SPACING:
            yield f"{name} {row[column]:.3g} mm, median {usual:.3g} mm"
    if row["clipped"] >= (max(scaled, CLIPPED) if bounded or cohort.is_clipped else CLIPPED):
        yield f"{100 * row['clipped']:.2g} % of the voxels hold the highest value, {row['highest']:g}"
    if row["oblique_deg"] > OBLIQUE:
        yield f"oblique by {row['oblique_deg']:.0f} degrees"


def image_files(subjects: list[str], native: Path, settings: QualitySettings) -> dict[str, Subject]:
    """The subjects with their files: images that the results keep, else those of the source.

    Raises:
        InputError: subjects are missing since the cohort was prepared.
    """
    kept = {name: native / IMAGES / f"{name}.nii.gz" for name in subjects}
    missing = [name for name, path in kept.items() if not path.is_file()]
    listed = {one.subject: one for one in registry.list_subjects(settings.source)} if missing else {}
    if gone := [name for name in missing if name not in listed]:
        raise InputError(
            f"{settings.cohort}: volumes are missing since the cohort was prepared ({', '.join(gone[:5])}); to fix:"
            " put them back"
        )
    return {
        name: listed[name] if name in listed else Subject(name, name, labelled=False, image=kept[name])
        for name in subjects
    }


def _facts(subject: Subject, source: Source, native: Path, labelled: set[str], grid: Grid) -> dict[str, Any]:
    kept = native / IMAGES / f"{subject.subject}.nii.gz"
    volume = Volume(*read_result_nifti(kept)) if subject.image == kept else registry.read_volume(source, subject)
    image = first_channel(volume.image)
    mask, numbers = None, None
    if subject.subject in labelled:
        array, _ = read_result_nifti(native / LABELS / f"{subject.subject}.nii.gz")
        mask, numbers = (array > 0.5).astype(np.uint8), np.rint(array).astype(np.uint8)
        if mask.shape != image.shape:
            raise InputError(f"image {image.shape} and kept mask {mask.shape} differ; run prepare again")
    facts = asdict(volume_facts(Volume(image, volume.affine, mask), grid, with_grid=not source.classes))
    if source.classes:
        facts |= class_facts(numbers, volume.affine, grid, list(source.classes))
        known = [facts[f"grid_dice_{name}"] for name in source.classes if facts[f"grid_dice_{name}"] is not None]
        facts["grid_dice"] = float(np.mean(known)) if known else None
    return facts


def _kept(store: Store, subject: str, target_px: int, native_ml: float, settings: QualitySettings) -> float:
    """Volume of the target on the working grid, as a share of its native volume; `target_px`: on the grid."""
    frame, _ = store.frame(subject, settings.grid)
    voxel_ml = np.prod(np.multiply(frame.native, frame.spacing) / frame.resampled) / 1000
    return float(target_px * voxel_ml / native_ml)


@dataclass(frozen=True)
class VolumeFacts:
    """Facts of one volume.

    Attributes:
        orientation: the patient's directions in which the file's axes grow (LPS: left, posterior, superior).
        oblique_deg: the largest angle between an axis of the file and the patient's axis that it is taken for.
        lowest, p1, p99, highest: of the intensities, as stored; p1 and p99 are percentiles.
        clipped: share of the voxels that hold the highest value, 0 to 1.
        target_ml: volume of the target; None without a mask.
        target_slices: slices that hold any of it; None without a mask.
        grid_dice: Dice of the mask with itself after it went onto the working grid and back, as a prediction does;
            None without a target.
    """

    orientation: str
    oblique_deg: float
    lowest: float
    p1: float
    p99: float
    highest: float
    clipped: float
    target_ml: float | None
    target_slices: int | None
    grid_dice: float | None


def volume_facts(volume: Volume, grid: Grid, with_grid: bool = True) -> VolumeFacts:
    """The facts of a volume with one channel, for this working grid; its Dice of the grid only if asked."""
    image, mask = volume.image, volume.mask
    p1, p99 = (float(value) for value in np.percentile(image, (1, 99)))
    highest = float(image.max())
    voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000
    slices = None if mask is None else Orientation.of(volume.affine, grid.plane).slices(mask)
    return VolumeFacts(
        orientation="".join(nib.orientations.aff2axcodes(volume.affine)),
        oblique_deg=oblique_degrees(volume.affine),
        lowest=float(image.min()),
        p1=p1,
        p99=p99,
        highest=highest,
        clipped=float(np.count_nonzero(image == highest) / image.size),
        target_ml=None if mask is None else int(mask.sum()) * voxel_ml,
        target_slices=None if slices is None else int(slices.any(axis=(1, 2)).sum()),
        grid_dice=(
            grid_dice(mask, Frame.of(mask.shape, volume.affine, grid))
            if with_grid and mask is not None and mask.any()
            else None
        ),
    )


def oblique_degrees(affine: NDArray[np.float64]) -> float:
    """The largest angle between an axis of the grid and the nearest axis of the patient; 0: along the axes."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    taken = nib.orientations.io_orientation(affine)[:, 0].astype(int)
    along = np.abs(directions[taken, np.arange(3)])
    return float(np.rad2deg(np.arccos(np.clip(along, 0, 1))).max())
