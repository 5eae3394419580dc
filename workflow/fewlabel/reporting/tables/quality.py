"""The quality table of a cohort: volumes with warnings first."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fewlabel.config.jobs.figures.quality import ContactSheetSettings, QualitySettings
from fewlabel.reporting.tables.quality_checks import CLIPPED, KEPT, OBLIQUE, SPACING, clipped_alike
from fewlabel.reporting.tables.quality_classes import GRID_DICE, TINY, class_cells, class_summary
from fewlabel.reporting.tables.table import NONE, Section, Table
from fewlabel.utils.formatting import counted

SPACE = "\N{NO-BREAK SPACE}"
CLASSES = "Classes: medians and ranges over the subjects that have them"
CLASS_NOTE = (
    "Classes: volume, slices and voxels of each on the native grid, and its separate parts (26 neighbours) if there are"
    " several. Dice of the grid: mean of the classes. Warnings of a class: absent or tiny where it is usual, in more"
    " parts than in most subjects, or with a low Dice of the grid."
)
IN_ONE_LINE = ("size", "voxel, mm", "orientation", "target, ml", "slices with target", "kept", "Dice of the grid")


def quality_table(rows: pd.DataFrame, settings: QualitySettings | ContactSheetSettings) -> Table:
    """The table of `quality_checks.quality_rows`, or of its CSV."""
    rows = rows.astype({"target_slices": "Int64"})
    warned = rows["warnings"] != ""
    parts = [(f"{counted(int(warned.sum()), 'subject')} with warnings", rows[warned])]
    parts.append((f"{counted(int((~warned).sum()), 'subject')} without warnings", rows[~warned]))
    classes = settings.classes
    sections = [Section(title, _body(part), numbers=False) for title, part in parts if len(part)]
    if classes:
        sections.insert(0, Section(CLASSES, class_summary(rows, classes), numbers=False))
        ordered = pd.concat([part for _, part in parts])
        sections.append(Section("Classes of each subject", class_cells(ordered, classes, NONE), numbers=False))
    grid = settings.grid
    return Table(
        rows=rows,
        number=None,
        title=f"{settings.title}: quality of the volumes",
        sections=sections,
        notes=[
            *_summary(rows),
            *([] if settings.channel is None else [f"Intensities are those of the first channel, {settings.channel}."]),
            "Sizes are slices x rows x columns of the native grid; orientation: the directions in which the axes of "
            "the file grow (LPS: left, posterior, superior); intensities as stored, before any correction.",
            f"Kept: share of the target's volume inside the working grid ({grid.matrix[0]} x {grid.matrix[1]} pixels "
            f"of {grid.spacing_mm:g} mm). Dice of the grid: of the mask with itself after resampling to that grid and "
            "back, as predictions are; smaller pixels raise it.",
            *([CLASS_NOTE] if classes else []),
            f"Warnings: an empty target, or one below {100 * TINY:g} % of the median; less than "
            f"{100 * KEPT:g} % of it kept, or a Dice of the grid below {GRID_DICE:g}; voxels "
            f"{SPACING:g} times as long or as short as the median; {100 * CLIPPED:g} % of the voxels "
            f"or more at the highest value ({100 - grid.percentiles[1]:g} % in T2 maps, and where most volumes of the "
            f"cohort are clipped); axes more than {OBLIQUE:g} degrees oblique (slices follow the nearest axis).",
        ],
    )


def _summary(rows: pd.DataFrame) -> list[str]:
    """Notes on the cohort as a whole."""
    clipped = rows.loc[rows["clipped"] >= CLIPPED, "clipped"] * 100
    if not clipped_alike(rows):
        return []
    return [
        f"In {len(clipped)} of {len(rows)} volumes {clipped.min():.2g} to {clipped.max():.2g} % of the voxels hold the "
        "highest value: they were published clipped, or are T2 maps with an upper bound."
    ]


def _body(rows: pd.DataFrame) -> pd.DataFrame:
    cells = pd.DataFrame([_cells(row) for row in rows.to_dict("records")])
    cells = cells.assign(**{name: cells[name].str.replace(" ", SPACE) for name in IN_ONE_LINE})
    return cells if rows["warnings"].any() else cells.drop(columns="warnings")


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    intensities = [f"{row[name]:.4g}" for name in ("p1", "p99", "lowest", "highest")]
    return {
        "subject": str(row["subject"]),
        "role": row["role"] or NONE,
        "warnings": row["warnings"] or NONE,
        "size": f"{row['slices']} x {row['rows']} x {row['columns']}",
        "voxel, mm": f"{row['slice_mm']:.3g} x {row['row_mm']:.3g} x {row['column_mm']:.3g}",
        "orientation": _orientation(row["orientation"], row["oblique_deg"]),
        "1st to 99th percentile (range)": "{0}_to_{1} ({2}_to_{3})".replace("_", SPACE).format(*intensities),
        "target, ml": NONE if pd.isna(row["target_ml"]) else f"{row['target_ml']:.1f}",
        "slices with target": NONE if pd.isna(row["target_slices"]) else f"{row['target_slices']} of {row['slices']}",
        "kept": NONE if pd.isna(row["kept"]) else f"{100 * min(1, row['kept']):.0f} %",
        "Dice of the grid": NONE if pd.isna(row["grid_dice"]) else f"{row['grid_dice']:.3f}",
    }


def _orientation(codes: str, degrees: float) -> str:
    return codes if round(degrees) == 0 else f"{codes}, {degrees:.0f}° off"
