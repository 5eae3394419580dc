"""Quality checks of the classes of a cohort: size and parts of each class in each volume, and warnings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from fewlabel.config.cohort import Grid
from fewlabel.data.preprocessing.volume import Orientation
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.inference.metrics import dice
from fewlabel.reporting.statistics.classes import class_title
from fewlabel.utils.formatting import counted

TINY = 0.1
"""Share of the median target volume of the cohort; smaller targets get a warning."""
GRID_DICE = 0.95
"""Of the mask with itself after resampling to the working grid and back; a lower one hides differences of methods."""
FACTS = ("voxels", "ml", "slices", "components", "smallest", "grid_dice")
NEIGHBOURS = np.ones((3, 3, 3), int)
"""Of a voxel: the 26 around it, as in post-processing (`evaluation.largest_component`)."""
ABSENT = "absent"
DIGITS = {"ml": 3, "grid_dice": 4}


def columns_of(name: str) -> list[str]:
    """The columns of a class in the quality table."""
    return [f"{fact}_{name}" for fact in FACTS]


def class_facts(
    mask: NDArray[np.uint8] | None, affine: NDArray[np.float64], grid: Grid, classes: Sequence[str]
) -> dict[str, Any]:
    """The facts of all classes of one volume.

    Args:
        mask: class numbers from 1, on the native axes; None: no mask.
        affine: of the mask.
        grid: the working grid.
        classes: names, in the order of their numbers.

    Returns:
        For each class, with `_<name>` behind: voxels, ml, slices (that hold it), components (parts that do not touch,
        with 26 neighbours), smallest (voxels of the smallest part), grid_dice (see `quality_checks.VolumeFacts`). None
        without a mask; smallest and grid_dice also without a voxel.
    """
    if mask is None:
        return {column: None for name in classes for column in columns_of(name)}
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    frame, orientation = Frame.of(mask.shape, affine, grid), Orientation.of(affine, grid.plane)
    boxes = find_objects(mask, max_label=len(classes))
    found: dict[str, Any] = {}
    for number, (name, box) in enumerate(zip(classes, boxes, strict=True), 1):
        if box is None:
            values = [0, 0.0, 0, 0, None, None]
        else:
            inside = (mask == number).astype(np.uint8)
            parts, count = label(inside[box], structure=NEIGHBOURS)
            voxels, slices = int(inside.sum()), orientation.slices(inside).any(axis=(1, 2)).sum()
            smallest = int(np.bincount(parts.ravel())[1:].min())
            values = [voxels, voxels * voxel_ml, int(slices), count, smallest, grid_dice(inside, frame)]
        found |= dict(zip(columns_of(name), values, strict=True))
    return found


def grid_dice(mask: NDArray[np.uint8], frame: Frame) -> float:
    """Dice of a native mask, 1 inside, with itself after it went onto the working grid and back, as predictions do."""
    return dice(frame.native_mask(frame.mask_slices(mask).astype(np.float32)), mask)


def class_medians(rows: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    """Medians of volume and number of parts over the labelled subjects, by column."""
    columns = [f"{fact}_{name}" for name in classes for fact in ("ml", "components")]
    return {column: float(pd.to_numeric(rows[column]).median()) for column in columns}


def class_warnings(row: Mapping[Any, Any], medians: Mapping[str, float], classes: Sequence[str]) -> Iterator[str]:
    """Yield the warnings of one labelled subject with a target, by class, given what is usual in its cohort."""
    coarse = []
    for name in classes:
        title, usual_ml, usual_parts = class_title(name), medians[f"ml_{name}"], medians[f"components_{name}"]
        if not row[f"voxels_{name}"]:
            if usual_ml > 0:
                yield f"{title} is {ABSENT}"
            continue
        if row[f"ml_{name}"] < TINY * usual_ml:
            yield f"tiny {title}: {row[f'ml_{name}']:.2g} ml, median {usual_ml:.3g} ml"
        if (parts := int(row[f"components_{name}"])) > max(1.0, usual_parts):
            smallest = counted(int(row[f"smallest_{name}"]), "voxel")
            yield f"{title} in {parts} separate parts, median {usual_parts:g}, the smallest of {smallest}"
        if row[f"grid_dice_{name}"] < GRID_DICE:
            coarse.append(f"{title} {row[f'grid_dice_{name}']:.2f}")
    if coarse:
        yield f"low Dice with itself after resampling to the working grid and back: {', '.join(coarse)}"


def class_cells(rows: pd.DataFrame, classes: Sequence[str], none: str) -> pd.DataFrame:
    """Cells of one row a subject and one column a class, by the title of the class; `none`: of no mask."""
    cells = [
        {"subject": str(row["subject"]), **{class_title(name): _cell(row, name, none) for name in classes}}
        for row in rows.to_dict("records")
    ]
    return pd.DataFrame(cells)


def _cell(row: Mapping[Any, Any], name: str, none: str) -> str:
    voxels, ml, slices, parts = (row[f"{fact}_{name}"] for fact in ("voxels", "ml", "slices", "components"))
    if voxels in ("", None) or pd.isna(voxels):
        return none
    if not int(voxels):
        return ABSENT
    texts = [f"{float(ml):.3g} ml", counted(int(slices), "slice"), f"{int(voxels):,} voxels"]
    texts += [f"{int(parts)} parts"] if int(parts) > 1 else []
    return ", ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text in texts)


def class_summary(rows: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Cells of one row a class: subjects with it, and medians (and ranges) of its size over these."""
    cells = []
    labelled = rows[rows["labelled"].astype(int) == 1]
    for name in classes:
        facts = {fact: pd.to_numeric(labelled[f"{fact}_{name}"]) for fact in FACTS}
        holding = facts["voxels"] > 0
        sizes = {
            title: _spread(facts[fact][holding], form)
            for title, fact, form in (
                ("volume, ml", "ml", ".3g"),
                ("slices", "slices", ".0f"),
                ("voxels", "voxels", ",.0f"),
            )
        }
        several = f"{int((facts['components'] > 1).sum())}"
        subjects = f"{int(holding.sum())} of {len(labelled)}"
        cells.append({"class": class_title(name), "subjects": subjects, **sizes, "in several parts": several})
    return pd.DataFrame(cells)


def _spread(values: pd.Series, form: str) -> str:
    if values.empty:
        return "-"
    middle, low, high = values.median(), values.min(), values.max()
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"
