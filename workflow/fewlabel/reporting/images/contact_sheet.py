"""A contact sheet: slices of each subject of a cohort as the network sees them, with outlined masks and warnings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from fewlabel.config.jobs.figures.quality import ContactSheetSettings
from fewlabel.data.preprocessing.working_grid import shown_images
from fewlabel.data.store.slice_store import Store
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import LINE, POINT, text_lines, wrapped
from fewlabel.reporting.images.class_legend import class_legend, legend_height
from fewlabel.reporting.images.gallery_case import choose_slices

WARNED = "#b34700"
FEW = 24
"""Up to so many subjects are shown with three slices by default, more with one."""
EDGE, GAP, ROW_GAP = 0.08, 0.03, 0.07
"""Inches: around the sheet, between subjects, between rows."""
TITLE, NOTE, NAME = 8.5, 6.5, 5.5
"""Sizes of type, in points."""
ROOM = 0.98
"""Share of the width for text: rendered letters are wider than their outlines."""
WHITE = 255

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Caption:
    """Lines below the slices of a subject: its name, then its warnings."""

    name: Sequence[str]
    warnings: Sequence[str]

    @property
    def height_in(self) -> float:
        """Of all lines, in inches."""
        return (len(self.name) + len(self.warnings)) * NAME * LINE * POINT


@dataclass(frozen=True)
class Layout:
    """Positions on the sheet, in pixels.

    Attributes:
        slices: of each subject, side by side.
        tile: width and height of one slice.
        beside: subjects in a row.
        width: of a subject with the gap behind it.
        edge: around the sheet.
    """

    slices: int
    tile: tuple[int, int]
    beside: int
    width: int
    edge: int

    def corners(self, captions: Sequence[Caption], top: int, dpi: int) -> list[tuple[int, int]]:
        """Left and top of each subject's first slice, then those of the row below the last.

        A row is as high as its longest caption.
        """
        found: list[tuple[int, int]] = []
        for first in range(0, len(captions), self.beside):
            row = captions[first : first + self.beside]
            found += [(self.edge + column * self.width, top) for column in range(len(row))]
            top += self.tile[1] + round((max(caption.height_in for caption in row) + ROW_GAP) * dpi)
        return [*found, (self.edge, top)]


def contact_sheet(store: Store, quality: pd.DataFrame, settings: ContactSheetSettings) -> Figure:
    """Draw the sheet.

    Slices are spread evenly over those with target, or over all without a target. Intensities are shown from 0 (black)
    to 1 (white). Subjects with warnings come first, with their warnings below their names. Of several classes, each has
    a colour, and a legend names them; of several channels, the first is shown.

    Args:
        store: of the cohort's slices.
        quality: subject and warnings, as `quality_checks.quality_rows` gives them.
        settings: of the sheet.

    Returns:
        A figure to be saved with its own dpi; its height follows from its content.
    """
    masked = store.subjects["labelled"] == 1
    unlabelled = [str(name) for name in store.subjects.loc[~masked, "subject"]]
    subjects = [*(str(name) for name in store.subjects.loc[masked, "subject"]), *unlabelled]
    warnings = {
        str(name): str(text) for name, text in zip(quality["subject"], quality["warnings"], strict=True) if text
    }
    warned, bare = set(warnings) & set(subjects), set(unlabelled)
    shown = choose_subjects(subjects, warned, settings.figure.most)
    slices = settings.figure.slices or (3 if len(shown) <= FEW else 1)
    dpi, width_in = settings.figure.dpi, settings.figure.width_in
    room = ROOM * (width_in - 2 * EDGE)
    colours = style.class_colours(settings.classes if len(settings.classes) > 1 else [])
    notes = wrapped(_note(shown, subjects, len(unlabelled), len(warned), slices, settings), room, NOTE)
    title = wrapped(settings.title, room, TITLE, bold=True)
    layout = _layout(settings, slices)
    captions = [
        _caption([name, *(["no mask"] if name in bare else [])], warnings.get(name, ""), layout, dpi) for name in shown
    ]
    above = EDGE + (len(title) * TITLE + len(notes) * NOTE) * LINE * POINT + 2 * GAP
    above += legend_height(list(colours), room, NOTE)
    *corners, (_, bottom) = layout.corners(captions, round(above * dpi), dpi)
    width, height = round(width_in * dpi), bottom + layout.edge
    sheet = np.full((height, width, 3), WHITE, np.uint8)
    for name, (left, top) in zip(shown, corners, strict=True):
        for place, picture in enumerate(tiles(store, name, layout, list(colours.values()))):
            x = left + place * layout.tile[0]
            sheet[top : top + layout.tile[1], x : x + layout.tile[0]] = picture
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    with style.applied():
        figure.figimage(sheet, 0, 0)
        below = text_lines(figure, (EDGE, EDGE), title, TITLE, weight="bold")
        below = text_lines(figure, (EDGE, below), notes, NOTE, color="#555555")
        class_legend(figure, (EDGE, below), colours, room, NOTE)
        for caption, (left, top) in zip(captions, corners, strict=True):
            under = text_lines(figure, (left / dpi, (top + layout.tile[1]) / dpi), caption.name, NAME, color=style.INK)
            text_lines(figure, (left / dpi, under), caption.warnings, NAME, color=WARNED)
    return figure


def choose_subjects(labelled: Sequence[str], warned: set[str], most: int) -> list[str]:
    """At most so many subjects: those with warnings first, then others, evenly spread over the cohort."""
    first = [name for name in labelled if name in warned][:most]
    others = [name for name in labelled if name not in warned]
    room = min(most - len(first), len(others))
    return [*first, *(others[int((index + 0.5) / room * len(others))] for index in range(room))]


def tiles(store: Store, subject: str, layout: Layout, colours: Sequence[str] = ()) -> list[Pixels]:
    """A subject's slices (row, column, RGB) of the first channel, with the border of the mask, or of each class."""
    rows, images = store.rows([subject]), shown_images(store.images)
    masks = store.masks[rows]
    return [
        tile(images[rows[index]], masks[index], layout.tile, colours) for index in choose_slices(masks, layout.slices)
    ]


def tile(
    image: NDArray[np.float16], mask: NDArray[np.uint8], size: tuple[int, int], colours: Sequence[str] = ()
) -> Pixels:
    """One slice of the working grid as a picture of that width and height, with the border of the mask.

    Args:
        image: (row, column), 0 to 1.
        mask: of the same shape: 1 inside, or class numbers.
        size: width and height in pixels.
        colours: of several classes, in the order of their numbers.
    """
    grey = (np.clip(image.astype(np.float32), 0, 1) * WHITE).astype(np.uint8)
    picture = np.repeat(_resized(grey, size)[..., None], 3, axis=2)
    present = [number for number in range(1, len(colours) + 1) if (mask == number).any()]
    shares = [_resized((mask == number) * np.uint8(WHITE), size) for number in present] or [
        _resized(mask * WHITE, size)
    ]
    largest = np.argmax(shares, axis=0)
    inside = np.sum(shares, axis=0) >= (WHITE + 1) / 2
    picture[binary_dilation(inside) & ~inside] = 0
    for place, colour in enumerate([colours[number - 1] for number in present] or [style.TRUTH]):
        own = inside & (largest == place)
        picture[own & ~binary_erosion(own)] = np.round(np.array(to_rgb(colour)) * WHITE)
    return picture


def _caption(texts: Sequence[str], warnings: str, layout: Layout, dpi: int) -> Caption:
    """Texts and warnings in lines that fit under the slices; nothing is cut off."""
    room = ROOM * layout.slices * layout.tile[0] / dpi
    lines = [line for text in texts for line in wrapped(text, room, NAME)]
    return Caption(lines, wrapped(warnings, room, NAME) if warnings else ())


def _layout(settings: ContactSheetSettings, slices: int) -> Layout:
    dpi, matrix = settings.figure.dpi, settings.grid.matrix
    edge, gap = round(EDGE * dpi), max(1, round(GAP * dpi))
    beside = max(1, settings.figure.columns // slices)
    cell = (round(settings.figure.width_in * dpi) - 2 * edge) // beside
    width = max(1, (cell - gap) // slices)
    return Layout(slices, (width, max(1, round(width * matrix[0] / matrix[1]))), beside, cell, edge)


def _note(
    shown: Sequence[str], subjects: Sequence[str], unlabelled: int, warned: int, slices: int,
    settings: ContactSheetSettings,
) -> str:  # fmt: skip
    grid, space = settings.grid, "\N{NO-BREAK SPACE}"
    count = f"{len(shown)} of {len(subjects)}" if len(shown) < len(subjects) else f"All {len(subjects)}"
    warnings = f"{warned} with warnings come first, warnings in brown" if warned else "none with warnings"
    bare, over = (f"; {unlabelled} without a mask", " (without a mask: of all slices)") if unlabelled else ("", "")
    which = "The middle slice" if slices == 1 else f"{slices} slices, spread evenly,"
    size = f"{grid.matrix[0]} x {grid.matrix[1]} pixels of {grid.spacing_mm:g} mm, {grid.plane}".replace(" ", space)
    lines = "Lines: the classes of the mask." if len(settings.classes) > 1 else "Cyan line: the mask."
    channel = "" if settings.channel is None else f" Channel: {settings.channel}, the first."
    return (
        f"{count} subjects: {warnings}{bare}. {which} of those with target{over}, on the working grid: {size}. {lines}"
        f"{channel}"
    )


def _resized(array: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(np.ascontiguousarray(array)).resize(size, Image.Resampling.BILINEAR))
