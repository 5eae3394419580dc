"""A contact sheet: slices of every subject of a cohort as the network sees them, with the mask's outline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from fewlabel.config.jobs.figures.quality import ContactSheetSettings
from fewlabel.data.store.slice_store import Store
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import LINE, POINT, text_width, wrapped
from fewlabel.reporting.images.gallery_case import choose_slices

OUTLINE = "#e8202a"
WARNED = "#b34700"
NO_MASK = ", no mask"
FEW = 24
"""Subjects of which three slices are shown where the settings leave it open; of more, one each."""
EDGE, GAP = 0.08, 0.03
"""Inches: around the sheet, between subjects."""
TITLE, NOTE, NAME = 8.5, 6.5, 5.5
"""Sizes of type, in points."""
ROOM = 0.98
"""Of the width, for lines of text: pixels make letters wider than their outlines are."""
WHITE = 255

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """Where things lie on the sheet, in pixels.

    Attributes:
        slices: of each subject, beside each other.
        tile: width and height of one slice.
        beside: subjects in a row.
        cell: width and height of a subject with its name and the gap behind.
        edge: around the sheet.
        top: where the first row begins.
    """

    slices: int
    tile: tuple[int, int]
    beside: int
    cell: tuple[int, int]
    edge: int
    top: int

    def corner(self, number: int) -> tuple[int, int]:
        """Left and top of a subject's first slice."""
        row, column = divmod(number, self.beside)
        return self.edge + column * self.cell[0], self.top + row * self.cell[1]


def contact_sheet(store: Store, quality: pd.DataFrame, settings: ContactSheetSettings) -> Figure:
    """Draw the sheet.

    Slices are spread evenly over those that hold the target (over all where none does); scaled intensities are shown
    from 0, black, to 1, white. Subjects with warnings come first, under names in another colour.

    Args:
        store: of the cohort's slices; unlabelled subjects are marked as such.
        quality: subject and warnings, as `quality.quality_rows` gives them.
        settings: of the sheet.

    Returns:
        A figure to be written with its own dpi; its height follows from the number of subjects.
    """
    masked = store.subjects["labelled"] == 1
    labelled = [str(name) for name in store.subjects.loc[masked, "subject"]]
    unlabelled = {str(name) for name in store.subjects.loc[~masked, "subject"]}
    everybody = [*labelled, *(str(name) for name in store.subjects.loc[~masked, "subject"])]
    told = quality.set_index("subject")["warnings"]
    warned = {name for name in everybody if str(told.get(name, ""))}
    shown = choose_subjects(everybody, warned, settings.figure.most)
    slices = settings.figure.slices or (3 if len(shown) <= FEW else 1)
    dpi, width_in = settings.figure.dpi, settings.figure.width_in
    room = ROOM * (width_in - 2 * EDGE)
    notes = wrapped(_note(shown, everybody, len(unlabelled), warned, slices, settings), room, NOTE)
    title = wrapped(settings.title, room, TITLE, bold=True)
    above = EDGE + (len(title) * TITLE + len(notes) * NOTE) * LINE * POINT + 2 * GAP
    layout = _layout(settings, slices, round(above * dpi))
    rows = -(-len(shown) // layout.beside)
    width, height = round(width_in * dpi), layout.top + rows * layout.cell[1] + layout.edge
    sheet = np.full((height, width, 3), WHITE, np.uint8)
    for number, name in enumerate(shown):
        left, top = layout.corner(number)
        for place, picture in enumerate(tiles(store, name, layout)):
            x = left + place * layout.tile[0]
            sheet[top : top + layout.tile[1], x : x + layout.tile[0]] = picture
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    with style.applied():
        figure.figimage(sheet, 0, 0)
        _lines(figure, EDGE, EDGE, title, TITLE, weight="bold")
        _lines(figure, EDGE, EDGE + len(title) * TITLE * LINE * POINT, notes, NOTE, color="#555555")
        for number, name in enumerate(shown):
            left, top = layout.corner(number)
            room = layout.slices * layout.tile[0] / dpi
            colour = WARNED if name in warned else style.INK
            under = (top + layout.tile[1]) / dpi
            mark = NO_MASK if name in unlabelled else ""
            _lines(figure, left / dpi, under, [shortened(name, room, mark) + mark], NAME, color=colour)
    return figure


def choose_subjects(labelled: Sequence[str], warned: set[str], most: int) -> list[str]:
    """Those with warnings first; where there are more than `most`, the others evenly spread over the cohort."""
    first = [name for name in labelled if name in warned][:most]
    others = [name for name in labelled if name not in warned]
    room = min(most - len(first), len(others))
    return [*first, *(others[int((index + 0.5) / room * len(others))] for index in range(room))]


def tiles(store: Store, subject: str, layout: Layout) -> list[Pixels]:
    """A subject's slices (row, column, RGB), with the border of the mask."""
    rows = store.rows([subject])
    masks = store.masks[rows]
    return [tile(store.images[rows[index]], masks[index], layout.tile) for index in choose_slices(masks, layout.slices)]


def tile(image: NDArray[np.float16], mask: NDArray[np.uint8], size: tuple[int, int]) -> Pixels:
    """One slice of the working grid as a picture of that width and height, with the border of the mask."""
    grey = (np.clip(image.astype(np.float32), 0, 1) * WHITE).astype(np.uint8)
    picture = np.repeat(_resized(grey, size)[..., None], 3, axis=2)
    inside = _resized(mask * WHITE, size) >= (WHITE + 1) / 2
    picture[inside & ~binary_erosion(inside)] = np.round(np.array(to_rgb(OUTLINE)) * WHITE)
    return picture


def shortened(text: str, room_in: float, behind: str = "") -> str:
    """A name that fits into so many inches beside what stands behind it, its middle left out where it must be."""
    short = text
    for cut in range(1, len(text)):
        if text_width(short + behind, NAME) <= room_in:
            break
        keep = len(text) - cut
        short = f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"
    return short


def _layout(settings: ContactSheetSettings, slices: int, top: int) -> Layout:
    dpi, rows_columns = settings.figure.dpi, settings.grid.matrix
    edge, gap = round(EDGE * dpi), max(1, round(GAP * dpi))
    beside = max(1, settings.figure.columns // slices)
    cell = (round(settings.figure.width_in * dpi) - 2 * edge) // beside
    width = max(1, (cell - gap) // slices)
    height = max(1, round(width * rows_columns[0] / rows_columns[1]))
    name = round(NAME * LINE * POINT * dpi)
    return Layout(slices, (width, height), beside, (cell, height + name + gap), edge, top)


def _note(
    shown: Sequence[str],
    subjects: Sequence[str],
    unlabelled: int,
    warned: set[str],
    slices: int,
    settings: ContactSheetSettings,
) -> str:
    grid = settings.grid
    count = f"{len(shown)} of {len(subjects)}" if len(shown) < len(subjects) else f"All {len(subjects)}"
    bare, over = (f"; {unlabelled} without a mask", " (without a mask: of all)") if unlabelled else ("", "")
    which = "the middle one of the slices" if slices == 1 else f"{slices} slices, spread evenly over those"
    seen = "it" if slices == 1 else "them"
    warnings = f"{len(warned)} with warnings, first, names in brown" if warned else "none with warnings"
    return (
        f"{count} subjects ({warnings}{bare}); {which} with target{over}, as the network sees {seen}: "
        f"{grid.matrix[0]}\N{NO-BREAK SPACE}x\N{NO-BREAK SPACE}{grid.matrix[1]} pixels of "
        f"{grid.spacing_mm:g}\N{NO-BREAK SPACE}mm, {grid.plane}. Red: the mask."
    )


def _resized(array: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(array)).resize(size, Image.Resampling.BILINEAR))


def _lines(figure: Figure, left: float, top: float, lines: Sequence[str], size: float, **look: Any) -> None:
    """Lines from a place downwards, in inches from the top left corner."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(lines):
        y = top + (number + 0.5) * size * LINE * POINT
        figure.text(left / width, 1 - y / height, line, fontsize=size, va="center_baseline", **look)
