"""A figure of boxes, lines and text at places in inches from the top left corner."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.textpath import text_to_path

from fewlabel.reporting.figures import style

Colour = str | tuple[float, float, float]
POINT = 1 / 72
LINE = 1.28
"""Height of a line of text, as a multiple of its size."""
ROUNDED = 0.03


def tint(colour: str, strength: float) -> tuple[float, float, float]:
    """A colour on white: 1 is the colour itself, 0 white."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Of one line, in inches; `size` in points."""
    font = FontProperties(family=style.PARAMETERS["font.family"], size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) * POINT


def wrapped(text: str, width_in: float, size: float, bold: bool = False) -> list[str]:
    """Lines no wider than `width_in`; wider words are broken. A no-break space is part of a word."""
    lines = [""]
    for word in re.findall(r"[\S\N{NO-BREAK SPACE}]+", text):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, bold) <= width_in:
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = word
        while text_width(lines[-1], size, bold) > width_in and len(lines[-1]) > 1:
            head = _head(lines[-1], width_in, size, bold)
            lines[-1:] = [lines[-1][:head], lines[-1][head:]]
    return lines


def _head(word: str, width_in: float, size: float, bold: bool) -> int:
    """Number of a word's letters that fit; at least one."""
    fitting = (n for n in range(len(word) - 1, 0, -1) if text_width(word[:n], size, bold) <= width_in)
    return next(fitting, 1)


def height(lines: Sequence[str], size: float) -> float:
    """Of so many lines of text, in inches."""
    return len(lines) * size * LINE * POINT


def text_lines(figure: Figure, at: tuple[float, float], lines: Sequence[str], size: float, **look: Any) -> float:
    """Write lines downwards from a place in inches from the top left corner of a figure; return their lower edge."""
    width, high = figure.get_size_inches()
    for number, line in enumerate(lines):
        y = at[1] + (number + 0.5) * size * LINE * POINT
        figure.text(at[0] / width, 1 - y / high, line, size=size, va="center_baseline", **look)
    return at[1] + height(lines, size)


class Canvas:
    """A drawing area. The `gid` of a box names its content."""

    def __init__(self, width_in: float) -> None:
        self.width = width_in
        self.figure = Figure(figsize=(width_in, 1))
        FigureCanvasAgg(self.figure)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width_in)

    def finish(self, height_in: float) -> Figure:
        """The figure, cut to the height of its content."""
        self.figure.set_size_inches(self.width, height_in)
        self.axes.set_ylim(height_in, 0)
        return self.figure

    def box(self, gid: str, at: tuple[float, float, float, float], **look: Any) -> None:
        """A box `at` left, top, width, height."""
        left, top, wide, high = at
        self.axes.add_patch(Rectangle((left, top), wide, high, gid=gid, **{"zorder": 3, **look}))

    def panel(self, at: tuple[float, float, float, float], colour: Colour) -> None:
        """A background with round corners."""
        left, top, wide, high = at
        shape = f"round,pad=0,rounding_size={2 * ROUNDED}"
        self.axes.add_patch(
            FancyBboxPatch((left, top), wide, high, boxstyle=shape, facecolor=colour, edgecolor="none", zorder=0)
        )

    def line(self, points: Sequence[tuple[float, float]], colour: Colour = "#777777", width: float = 0.7) -> None:
        """A line through points."""
        x, y = zip(*points, strict=True)
        self.axes.add_line(Line2D(x, y, color=colour, linewidth=width, zorder=2, solid_capstyle="butt"))

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: float = 0.8) -> None:
        """A straight arrow; its head grows with its width, in points."""
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=4 + 3.2 * width, linewidth=width, color=colour,
                shrinkA=0, shrinkB=0, zorder=2.5,
            )
        )  # fmt: skip

    def text(
        self,
        at: tuple[float, float],
        lines: Sequence[str],
        size: float,
        align: Literal["left", "center", "right"] = "left",
        middle: bool = False,
        **look: Any,
    ) -> float:
        """Draw lines of text from `at` downwards, or centred on it if `middle`; return their height."""
        left, top = at
        high = height(lines, size)
        first = top - high / 2 if middle else top
        for number, line in enumerate(lines):
            centre = first + (number + 0.5) * size * LINE * POINT
            self.axes.text(
                left, centre, line, fontsize=size, horizontalalignment=align, verticalalignment="center_baseline",
                **{"color": style.INK, "zorder": 5, **look},
            )  # fmt: skip
        return high

    def fitting(self, at: tuple[float, float, float, float], text: str, size: float, **look: Any) -> None:
        """One line in the middle of a box, in a smaller size if it does not fit."""
        left, top, wide, high = at
        needed = text_width(text, size, look.get("fontweight") == "bold")
        fitted = size * min(1, 0.9 * wide / needed) if needed else size
        self.text((left + wide / 2, top + high / 2), [text], fitted, "center", middle=True, **look)
