"""A gallery: slices of one test subject with the truth and the predictions of each method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fewlabel.config.jobs.figures.gallery import GallerySettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.preprocessing.volume import AXES
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import height, text_lines, wrapped
from fewlabel.reporting.images.class_legend import class_legend, legend_height, several_classes
from fewlabel.reporting.images.gallery_case import Case, Mask, choose_slices, crop, read_case, slice_dice
from fewlabel.reporting.images.outlines import DARK, LIGHT, class_outlines, outline
from fewlabel.reporting.statistics.scores import read_scores

FILL = 0.3
"""Opacity of a prediction."""
CLASS_FILL = 0.5
"""Opacity of the prediction of one of several classes, which has no line of its own."""
GAP, EDGE, UNDER = 0.05, 0.06, 0.13
"""Inches: between pictures, around the figure, for the line below a picture."""
ROOM = 0.97
"""Share of a width for text: rendered letters are wider than their outlines."""
TITLE, HEAD, NOTE, INSIDE = 8.5, 7.0, 6.5, 6.0
"""Sizes of type, in points."""
SPACE = "\N{NO-BREAK SPACE}"
BARS = (100, 50, 20, 10, 5, 2, 1)
"""Lengths of the scale bar, in mm."""
OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class Pictures:
    """A case with its slices, the part of each that is shown, the size of a picture in inches, and classes.

    `classes` are colours by name, in the order of the numbers of the classes; empty for one class.
    """

    case: Case
    slices: Sequence[int]
    part: tuple[slice, slice]
    width: float
    height: float
    classes: Mapping[str, str]

    def of(self, array: Mask, index: int) -> Mask:
        """One picture of a volume."""
        cut: Mask = array[(index, *self.part)]
        return cut


def draw(results: Path, settings: GallerySettings) -> Figure:
    """The figure of a study, from its folder."""
    return gallery(read_case(read_scores(results / LAYOUT.scores), results, settings), settings)


def gallery(case: Case, settings: GallerySettings) -> Figure:
    """Draw a case.

    Rows are slices, from the first to the last. The first column shows the truth, the others the prediction of one
    network each in the colour of its method, with the truth as a cyan line. Of several classes, each has a colour, and
    a legend names them. Dice of the volume is above a column, Dice of the slice below each picture. Pixels have the
    aspect ratio of the native grid.

    Args:
        case: from `gallery_case.read_case`.
        settings: columns, slices, margin, sizes.

    Returns:
        A figure for `style.save`; its height follows from the pictures.

    Raises:
        InputError: the settings name a slice that the volume does not have.
    """
    shown = settings.figure
    part = crop([case.truth, *case.predictions], case.spacing, shown.margin_mm)
    rows, columns = ((edge.stop - edge.start) * mm for edge, mm in zip(part, case.spacing[1:], strict=True))
    slices = choose_slices(case.truth, shown.slices)
    classes = style.class_colours(several_classes(settings.source))
    pictures = Pictures(case, slices, part, shown.panel_in, shown.panel_in * rows / columns, classes)
    with style.applied():
        return _draw(pictures, settings)


def _draw(pictures: Pictures, settings: GallerySettings) -> Figure:
    colours = style.method_colours(settings.methods)
    number = 1 + len(settings.columns)
    width = 2 * EDGE + number * (pictures.width + GAP) - GAP
    room = ROOM * (width - 2 * EDGE)
    title = wrapped(settings.title.title, room, TITLE, bold=True)
    heads = _heads(pictures, settings)
    notes = wrapped(_note(pictures, settings), room, NOTE)
    names = max(len(names) for names, _ in heads)
    under_title = EDGE + height(title, TITLE) + 0.03
    top = under_title + (names + max(len(lines) for _, lines in heads)) * height([""], HEAD) + 0.03
    pitch = pictures.height + UNDER + GAP
    bottom = top + len(pictures.slices) * pitch
    legend = legend_height(list(pictures.classes), room, NOTE)
    high = bottom + legend + height(notes, NOTE) + EDGE
    figure = Figure(figsize=(width, high))
    FigureCanvasAgg(figure)
    text_lines(figure, (EDGE, EDGE), title, TITLE, weight="bold")
    for column, (name, lines) in enumerate(heads):
        left = EDGE + column * (pictures.width + GAP)
        colour = colours[settings.columns[column - 1].method] if column else style.INK
        # Names end above their numbers, whose first lines are level.
        below = text_lines(
            figure,
            (left, under_title + (names - len(name)) * height([""], HEAD)),
            name,
            HEAD,
            weight="bold",
            color=colour,
        )
        text_lines(figure, (left, below), lines, HEAD)
        for row, index in enumerate(pictures.slices):
            y = top + row * pitch
            box = (left / width, 1 - (y + pictures.height) / high, pictures.width / width, pictures.height / high)
            _picture(figure.add_axes(box), pictures, settings, index, column)
            text_lines(figure, (left, y + pictures.height), [_under(pictures, index, column)], INSIDE, color="#444444")
    _direction(figure.axes[0], settings)
    _scale_bar(figure.axes[len(pictures.slices) - 1], pictures)
    class_legend(figure, (EDGE, bottom), pictures.classes, room, NOTE)
    text_lines(figure, (EDGE, bottom + legend), notes, NOTE, color="#555555")
    return figure


def _heads(pictures: Pictures, settings: GallerySettings) -> list[tuple[list[str], list[str]]]:
    """Name and further lines above each column."""
    case, width = pictures.case, ROOM * pictures.width
    found = [(["Truth"], wrapped(case.subject, width, HEAD))]
    for column, score in zip(settings.columns, case.dice, strict=True):
        name = wrapped(settings.methods[column.method].title, width, HEAD, bold=True)
        found.append((name, wrapped(f"N{SPACE}={SPACE}{column.labels}, Dice{SPACE}{score:.2f}", width, HEAD)))
    return found


def _under(pictures: Pictures, index: int, column: int) -> str:
    """The line below a picture."""
    if not column:
        return f"slice {index}"
    case = pictures.case
    found = slice_dice(case.predictions[column - 1][index], case.truth[index], len(pictures.classes))
    return f"Dice {found:.2f}"


def _note(pictures: Pictures, settings: GallerySettings) -> str:
    """Lines, numbers, and how the subject was chosen."""
    case = pictures.case
    over = ", by the mean over the columns" if len(settings.columns) > 1 else ""
    chosen = "chosen by name" if settings.figure.subject else f"the one of median Dice of {case.subjects}{over}"
    left_out = len(settings.methods) - len({column.method for column in settings.columns})
    others = f" {left_out} more methods are not shown." if left_out > 1 else ""
    others = " One more method is not shown." if left_out == 1 else others
    looks = (
        "Lines: truth. Areas: predictions. Dice above a column: mean of the classes in the volume; below a picture: in"
        " the slice."
        if pictures.classes
        else "Cyan line: truth. Coloured areas: predictions. Dice above a column: of the volume; below a picture: of"
        " the slice."
    )
    channels = settings.source.channel_names
    channel = f" Channel: {channels[0]} of {', '.join(channels)}." if len(channels) > 1 else ""
    return f"{looks} Subject: {chosen}. Draw {settings.figure.draw} of {settings.draws}.{others}{channel}"


# ------------------------------------------------------------------------------------------------- one picture
def _picture(axes: Axes, pictures: Pictures, settings: GallerySettings, index: int, column: int) -> None:
    """One slice: the truth alone in column 0, a prediction below it in the others."""
    case = pictures.case
    axes.set_gid(f"slice{index}/{column}")
    image = case.image[(index, *pictures.part)]
    aspect = case.spacing[1] / case.spacing[2]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, aspect=aspect)
    if pictures.classes:
        colours = list(pictures.classes.values())
        if column:
            predicted = pictures.of(case.predictions[column - 1], index)
            axes.imshow(_class_field(predicted, colours), aspect=aspect, interpolation="nearest")
        class_outlines(axes, pictures.of(case.truth, index), colours, 0.8)
        axes.set_axis_off()
        return
    if column:
        colour = style.method_colours(settings.methods)[settings.columns[column - 1].method]
        predicted = pictures.of(case.predictions[column - 1], index)
        axes.imshow(_field(predicted, colour), aspect=aspect, interpolation="nearest")
        # A dark line needs a wide light edge on dark tissue.
        outline(axes, predicted, colour, 1.5, LIGHT, 1.6 if colour == style.INK else 0.8)
    outline(axes, pictures.of(case.truth, index), style.TRUTH, 0.7)
    axes.set_axis_off()


def _field(mask: Mask, colour: str) -> np.ndarray:
    """Red, green, blue and opacity of each pixel."""
    return np.concatenate([np.broadcast_to(to_rgb(colour), (*mask.shape, 3)), mask[..., None] * FILL], axis=-1)


def _class_field(mask: Mask, colours: Sequence[str]) -> np.ndarray:
    """Red, green, blue and opacity of each pixel of a mask of class numbers."""
    table = np.array([(0, 0, 0, 0), *((*to_rgb(colour), CLASS_FILL) for colour in colours)])
    field: np.ndarray = table[np.where(mask <= len(colours), mask, 0)]
    return field


def _inside(axes: Axes, at: tuple[float, float], text: str, **look: Any) -> None:
    """Text on a picture, readable on black and on white."""
    edge = effects.withStroke(linewidth=1.4, foreground=DARK)
    axes.text(*at, text, transform=axes.transAxes, size=INSIDE, color="white", path_effects=[edge], **look)


def _direction(axes: Axes, settings: GallerySettings) -> None:
    """The direction at the left side of the picture: the right of the patient in radiological display."""
    grows = AXES[settings.grid.plane][2]
    _inside(axes, (0.03, 0.5), OPPOSITE[grows], ha="left", va="center")


def _scale_bar(axes: Axes, pictures: Pictures) -> None:
    """A bar of the longest round length that takes at most two fifths of the picture."""
    columns = pictures.part[1].stop - pictures.part[1].start
    wide = columns * pictures.case.spacing[2]
    length = next((bar for bar in BARS if bar <= 0.4 * wide), BARS[-1])
    axes.plot(
        [0.95 - length / wide, 0.95], [0.06, 0.06], transform=axes.transAxes, color="white", linewidth=1.4,
        solid_capstyle="butt", path_effects=[effects.withStroke(linewidth=2.2, foreground=DARK)],
    )  # fmt: skip
    unit = f"{length // 10} cm" if length >= 10 else f"{length} mm"
    _inside(axes, (0.95 - length / wide / 2, 0.09), unit, ha="center", va="bottom")
