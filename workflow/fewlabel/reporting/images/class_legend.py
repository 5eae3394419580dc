"""A legend of classes: a coloured square and the name of each, in as many lines as they need."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fewlabel.config.sources.registry import Source
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import LINE, POINT, height, text_lines, text_width, wrapped
from fewlabel.reporting.statistics.classes import class_title

SQUARE, GAP, BETWEEN = 0.09, 0.04, 0.14
"""Inches: side of a square, from it to the name, from a name to the next square."""


class Entry(NamedTuple):
    """Place of a class in a legend: inches from its top left corner, and the lines of its name."""

    left: float
    top: float
    lines: Sequence[str]


def several_classes(source: Source) -> list[str]:
    """The classes of a cohort in the order of their numbers; empty for one class, with or without a name."""
    return list(source.classes) if len(source.classes) > 1 else []


def legend_height(classes: Sequence[str], width_in: float, size: float) -> float:
    """Of the legend in inches; 0 without classes."""
    return max((entry.top + height(entry.lines, size) for entry in _entries(classes, width_in, size)), default=0.0)


def class_legend(
    figure: Figure, at: tuple[float, float], colours: Mapping[str, str], width_in: float, size: float
) -> float:
    """Draw the legend; names are whole.

    Args:
        figure: without an automatic layout.
        at: left and top in inches, from the top left corner of the figure.
        colours: of each class, by name (see `style.class_colours`).
        width_in: room in inches.
        size: of the type, in points.

    Returns:
        The lower edge in inches.
    """
    wide, high = figure.get_size_inches()
    for name, entry in zip(colours, _entries(list(colours), width_in, size), strict=True):
        left, top = at[0] + entry.left, at[1] + entry.top
        # Beside the middle of the first line.
        bottom = top + (size * LINE * POINT + SQUARE) / 2
        square = Rectangle(
            (left / wide, 1 - bottom / high), SQUARE / wide, SQUARE / high, transform=figure.transFigure,
            facecolor=colours[name], edgecolor=style.INK, linewidth=0.4,
        )  # fmt: skip
        square.set_gid(f"class/{name}")
        figure.add_artist(square)
        text_lines(figure, (left + SQUARE + GAP, top), entry.lines, size, color=style.INK)
    return at[1] + legend_height(list(colours), width_in, size)


def _entries(classes: Sequence[str], width_in: float, size: float) -> Iterator[Entry]:
    """Yield the places of all classes, from left to right and downwards."""
    left = top = row = 0.0
    for name in classes:
        lines = wrapped(class_title(name), width_in - SQUARE - GAP, size)
        wide = SQUARE + GAP + max(text_width(line, size) for line in lines)
        if left and left + wide > width_in:
            left, top, row = 0.0, top + row, 0.0
        yield Entry(left, top, lines)
        left, row = left + wide + BETWEEN, max(row, height(lines, size))
