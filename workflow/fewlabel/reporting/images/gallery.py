"""A gallery: slices of one test subject with the truth in red and the predictions of finetunings beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fewlabel.config.jobs.figures.gallery import Column, GallerySettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.preprocessing.volume import AXES
from fewlabel.inference.metrics import dice
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import LINE, POINT, text_width, wrapped
from fewlabel.reporting.images.gallery_case import Case, Mask, choose_slices, crop, read_case
from fewlabel.reporting.statistics.scores import read_scores

FILL = 0.32
"""Opacity of a prediction: form tells it from the truth's line, for eyes that do not tell red from orange."""
LEFT, GAP, EDGE = 0.17, 0.04, 0.06
"""Inches: for the numbers of slices, between pictures, around the figure."""
HANDLE = 0.42
"""Inches that an entry of the legend takes beside its text."""
TITLE, HEAD, NOTE, INSIDE = 8.5, 7.0, 6.5, 6.0
"""Sizes of type, in points."""
BARS = (100, 50, 20, 10, 5, 2, 1)
"""Lengths that the scale bar may have, in mm."""
OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class Pictures:
    """One case as it is drawn: its slices, the part of each, and the size of a picture in inches."""

    case: Case
    slices: Sequence[int]
    part: tuple[slice, slice]
    width: float
    height: float

    def of(self, array: Mask, index: int) -> Mask:
        """One picture of a volume."""
        cut: Mask = array[(index, *self.part)]
        return cut


def draw(results: Path, settings: GallerySettings) -> Figure:
    """The figure of a study, from its folder."""
    return gallery(read_case(read_scores(results / LAYOUT.scores), results, settings), settings)


def gallery(case: Case, settings: GallerySettings) -> Figure:
    """Draw a case.

    Rows are slices, from the first to the last. The first column shows the truth as a red line; every further one the
    prediction of a finetuning as a field of its method's colour, beneath the same line. Above each stands the Dice of
    the volume, in each picture that of the slice. Pixels have the aspect ratio of the native grid.

    Args:
        case: as `gallery_case.read_case` gives it.
        settings: what the columns are, slices, margin, sizes.

    Returns:
        A figure to be written with `style.save`; its height follows from the pictures.

    Raises:
        InputError: the settings name a slice that the volume does not have.
    """
    shown = settings.figure
    part = crop([case.truth, *case.predictions], case.spacing, shown.margin_mm)
    rows, columns = ((edge.stop - edge.start) * mm for edge, mm in zip(part, case.spacing[1:], strict=True))
    slices = choose_slices(case.truth, shown.slices)
    pictures = Pictures(case, slices, part, shown.panel_in, shown.panel_in * rows / columns)
    with style.applied():
        return _draw(pictures, settings)


def _draw(pictures: Pictures, settings: GallerySettings) -> Figure:
    number = 1 + len(settings.columns)
    width = 2 * EDGE + LEFT + number * (pictures.width + GAP) - GAP
    title = wrapped(settings.title.title, width - 2 * EDGE, TITLE, bold=True)
    heads = _heads(pictures, settings)
    notes = wrapped(_note(pictures.case, settings), width - 2 * EDGE, NOTE)
    above = EDGE + len(title) * _high(TITLE) + 0.03
    top = above + max(map(len, heads)) * _high(HEAD) + 0.03
    bottom = top + len(pictures.slices) * (pictures.height + GAP)
    legend = _legend(settings, width - 2 * EDGE)
    height = bottom + 0.05 + 0.15 * len(legend) + len(notes) * _high(NOTE) + EDGE
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    _text(figure, (EDGE, EDGE), title, TITLE, weight="bold")
    for column, head in enumerate(heads):
        left = EDGE + LEFT + column * (pictures.width + GAP)
        _text(figure, (left, above), head, HEAD)
    for row, index in enumerate(pictures.slices):
        y = top + row * (pictures.height + GAP)
        middle = 1 - (y + pictures.height / 2) / height
        figure.text(
            (EDGE + LEFT / 2 - 0.02) / width, middle, f"slice {index}", size=INSIDE, rotation=90, ha="center",
            va="center", color="#555555",
        )  # fmt: skip
        for column in range(number):
            left = EDGE + LEFT + column * (pictures.width + GAP)
            box = (left / width, 1 - (y + pictures.height) / height, pictures.width / width, pictures.height / height)
            _picture(figure.add_axes(box), pictures, settings, index, column)
    first, last = figure.axes[0], figure.axes[number * (len(pictures.slices) - 1)]
    _direction(first, settings)
    _scale_bar(last, pictures)
    y = bottom + 0.05
    for entries in legend:
        labels, handles = [label for label, _ in entries], [handle for _, handle in entries]
        figure.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(EDGE / width, 1 - y / height),
            borderpad=0, borderaxespad=0, fontsize=NOTE, handlelength=1.6, handleheight=0.9, ncols=len(entries),
        )  # fmt: skip
        y += 0.15
    _text(figure, (EDGE, y), notes, NOTE, color="#555555")
    return figure


def _high(size: float) -> float:
    return size * LINE * POINT


def _text(figure: Figure, at: tuple[float, float], lines: Sequence[str], size: float, **look: Any) -> None:
    """Lines from a place downwards, in inches from the top left corner."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(lines):
        y = at[1] + (number + 0.5) * _high(size)
        figure.text(at[0] / width, 1 - y / height, line, size=size, va="center_baseline", **look)


def _heads(pictures: Pictures, settings: GallerySettings) -> list[list[str]]:
    """The lines above each column."""
    case, width = pictures.case, pictures.width
    found = [[*wrapped("Truth", width, HEAD), *wrapped(case.subject, width, HEAD)]]
    for column, score in zip(settings.columns, case.dice, strict=True):
        title = wrapped(settings.methods[column.method].title, width, HEAD)
        found.append([*title, *wrapped(f"{_short(column)}, Dice {score:.3f}", width, HEAD)])
    most = max(map(len, found))
    return [[*[""] * (most - len(head)), *head] for head in found]


def _short(column: Column) -> str:
    """The paper's name of a finetuning: TR-N."""
    return "TR, all" if column.labels == "all" else f"TR-{column.labels}"


def _note(case: Case, settings: GallerySettings) -> str:
    """How the subject was chosen, and what the numbers are."""
    draw = f"draw {settings.figure.draw} of {settings.draws}"
    chosen = (
        "chosen by name"
        if settings.figure.subject is not None
        else f"median of {case.subjects} by Dice, mean over what is shown"
        if len(settings.columns) > 1
        else f"median of {case.subjects} by Dice"
    )
    return f"Subject: {chosen}; {draw}. Dice above: of the volume; in pictures: of the slice."


def _legend(settings: GallerySettings, width_in: float) -> list[list[tuple[str, Artist]]]:
    """Truth and a field for each method: in one row where they fit, else one beneath the other."""
    colours = style.method_colours(settings.methods)
    methods = list(dict.fromkeys(column.method for column in settings.columns))
    found: list[tuple[str, Artist]] = [("truth", Line2D([], [], color=style.TRUTH, linewidth=1))]
    for name in methods:
        label = "predicted" if len(methods) == 1 else f"predicted: {settings.methods[name].title}"
        face = (*to_rgb(colours[name]), FILL)
        found.append((label, Patch(facecolor=face, edgecolor=colours[name], linewidth=0.6)))
    if sum(text_width(label, NOTE) + HANDLE for label, _ in found) <= width_in:
        return [found]
    return [[entry] for entry in found]


# ------------------------------------------------------------------------------------------------- one picture
def _picture(axes: Axes, pictures: Pictures, settings: GallerySettings, index: int, column: int) -> None:
    """One slice: the truth alone in column 0, a prediction beneath it in the others."""
    case = pictures.case
    axes.set_gid(f"slice{index}/{column}")
    image = case.image[(index, *pictures.part)]
    aspect = case.spacing[1] / case.spacing[2]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, aspect=aspect)
    truth = pictures.of(case.truth, index)
    if column:
        colour = style.method_colours(settings.methods)[settings.columns[column - 1].method]
        predicted = pictures.of(case.predictions[column - 1], index)
        axes.imshow(_field(predicted, colour), aspect=aspect, interpolation="nearest")
        _outline(axes, predicted, colour, 0.6)
        whole_slice = dice(case.predictions[column - 1][index], case.truth[index])
        _inside(axes, (0.03, 0.03), f"{whole_slice:.2f}", ha="left", va="bottom")
    _outline(axes, truth, style.TRUTH, 0.9)
    axes.set_axis_off()


def _field(mask: Mask, colour: str) -> np.ndarray:
    """Red, green, blue and opacity of each pixel."""
    return np.concatenate([np.broadcast_to(to_rgb(colour), (*mask.shape, 3)), mask[..., None] * FILL], axis=-1)


def _outline(axes: Axes, mask: Mask, colour: str, width: float) -> None:
    """The border of a mask, closed where the picture cuts it."""
    if mask.any():
        framed = np.pad(mask.astype(np.float32), 1)
        y, x = (np.arange(side) - 1.0 for side in framed.shape)
        axes.contour(x, y, framed, levels=[0.5], colors=[colour], linewidths=width)
        axes.set_xlim(-0.5, mask.shape[1] - 0.5)
        axes.set_ylim(mask.shape[0] - 0.5, -0.5)


def _inside(axes: Axes, at: tuple[float, float], text: str, **look: Any) -> None:
    """Text on a picture, readable on black and on white."""
    axes.text(
        *at, text, transform=axes.transAxes, size=INSIDE, color="white",
        path_effects=[effects.withStroke(linewidth=1.4, foreground="#000000b0")], **look,
    )  # fmt: skip


def _direction(axes: Axes, settings: GallerySettings) -> None:
    """What is at the picture's left side: patients' right in radiological display."""
    grows = AXES[settings.grid.plane][2]
    _inside(axes, (0.03, 0.5), OPPOSITE[grows], ha="left", va="center")


def _scale_bar(axes: Axes, pictures: Pictures) -> None:
    """The longest round length that takes no more than two fifths of the picture."""
    columns = pictures.part[1].stop - pictures.part[1].start
    wide = columns * pictures.case.spacing[2]
    length = next((bar for bar in BARS if bar <= 0.4 * wide), BARS[-1])
    axes.plot(
        [0.95 - length / wide, 0.95], [0.06, 0.06], transform=axes.transAxes, color="white", linewidth=1.4,
        solid_capstyle="butt", path_effects=[effects.withStroke(linewidth=2.2, foreground="#000000b0")],
    )  # fmt: skip
    unit = f"{length // 10} cm" if length >= 10 else f"{length} mm"
    _inside(axes, (0.95 - length / wide / 2, 0.09), unit, ha="center", va="bottom")
