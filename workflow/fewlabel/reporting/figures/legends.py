"""The one legend beneath figure 3: it explains every mark that the panels show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import text_width, wrapped

PAPER_POINT: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": style.INK,
    "markeredgewidth": 1,
    "linestyle": "none",
}
PAPER_BENCHMARK: dict[str, Any] = {**PAPER_POINT, "marker": "<", "markersize": 5.5}

TYPE = style.PARAMETERS["legend.fontsize"]
ROW_IN, HANDLE_IN = 0.16, 0.5
"""Height of a row of one line, width of a handle with its gaps, at the style's size of type."""


@dataclass(frozen=True)
class Content:
    """What the panels show.

    Attributes:
        methods: in the experiment's order.
        level: of the interval, 0 to 1; None where none is shown.
        bands: whether intervals are bands along the curves, or bars.
        draws: whether single draws are points of their own.
        paper: whether the paper's numbers are marked.
        markers: whether curves have markers; without them, single draws are lines as well.
    """

    methods: Mapping[str, MethodTitle]
    level: float | None
    bands: bool
    draws: bool
    paper: bool
    markers: bool = True


def paper_label(benchmark: bool) -> str:
    """How the legend names the paper's numbers."""
    return "paper, supervised" if benchmark else paper.SHORT


def entries(content: Content) -> list[tuple[str, Artist]]:
    """Labels with their handles, curves first."""
    colours, markers = style.method_colours(content.methods), style.method_markers(content.methods)
    lines = style.benchmark_lines(content.methods)
    found: list[tuple[str, Artist]] = []
    for name, marker in markers.items():
        shown = marker if content.markers else ""
        line = Line2D([], [], color=colours[name], marker=shown, markeredgecolor="white", markeredgewidth=0.5)
        found.append((content.methods[name].title, line))
    for name, method in content.methods.items():
        if method.benchmark:
            line = Line2D([], [], color=colours[name], linestyle=lines[name], linewidth=1.3)
            found.append((f"{method.title}, all labels", line))
    if content.level is not None:
        band = Patch(facecolor=(*to_rgb(style.GREY), 0.2), edgecolor=(*to_rgb(style.GREY), 0.6), linewidth=0.5)
        bar = Line2D([], [], color=style.GREY, marker="|", markersize=8, linestyle="none")
        found.append((f"{content.level * 100:g} % interval", band if content.bands else bar))
    if content.draws:
        point: dict[str, Any] = {"marker": "o", "markersize": 2.8, "linestyle": "none"}
        look = point if content.markers else {"linewidth": 0.6}
        draw = Line2D([], [], color=style.GREY, alpha=0.6, **look)
        found.append(("one draw", draw))
    if content.paper:
        found.append((paper_label(benchmark=False), Line2D([], [], **PAPER_POINT)))
        found.append((paper_label(benchmark=True), Line2D([], [], **PAPER_BENCHMARK)))
    return found


def labels(content: Content, width_in: float) -> list[list[str]]:
    """The lines of each label: one, unless it is wider than the figure."""
    return [wrapped(label, width_in - HANDLE_IN, TYPE) for label, _ in entries(content)]


def columns(content: Content, width_in: float) -> int:
    """How many entries stand side by side in that width; they are filled column by column."""
    widths = [max(text_width(line, TYPE) for line in lines) for lines in labels(content, width_in)]
    for count in range(len(widths), 1, -1):
        # As matplotlib fills them: evenly, however little room that leaves.
        stacks = np.array_split(widths, count)
        if sum(HANDLE_IN + stack.max() for stack in stacks) <= width_in:
            return count
    return 1


def height_in(content: Content, width_in: float) -> float:
    """Height to reserve for the legend, in inches."""
    lines = labels(content, width_in)
    further = sum(len(label) - 1 for label in lines)
    return ROW_IN * (math.ceil(len(lines) / columns(content, width_in)) + further) + 0.1


def draw(figure: Figure, content: Content, note: str = "") -> None:
    """Put the legend beneath the panels, with a note above its entries."""
    width = figure.get_figwidth()
    texts = ["\n".join(lines) for lines in labels(content, width)]
    handles = [handle for _, handle in entries(content)]
    figure.legend(
        handles, texts, loc="outside lower center", ncols=columns(content, width), columnspacing=1.2,
        title=note or None, title_fontsize=7,
    )  # fmt: skip
