"""The one legend beneath figure 3: it explains every mark that the panels show."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT
from matplotlib.patches import Patch

from fewlabel.reporting import paper, style
from fewlabel.reporting_jobs import MethodTitle

PAPER_POINT: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": style.INK,
    "markeredgewidth": 1,
    "linestyle": "none",
}
PAPER_BENCHMARK: dict[str, Any] = {**PAPER_POINT, "marker": CARETLEFT, "markersize": 6}

ROW_IN, CHARACTER_IN, HANDLE_IN = 0.16, 0.054, 0.5
"""Height of a row, width of a character and of a handle with its gaps, at the style's size of type."""


@dataclass(frozen=True)
class Content:
    """What the panels show.

    Attributes:
        methods: in the experiment's order.
        level: of the interval, 0 to 1; None where no interval could be estimated.
        draws: whether single draws are points of their own.
        paper: whether the paper's numbers are marked.
    """

    methods: Mapping[str, MethodTitle]
    level: float | None
    draws: bool
    paper: bool


def paper_label(benchmark: bool) -> str:
    """How the legend names the paper's numbers."""
    return "paper, supervised" if benchmark else paper.SHORT


def entries(content: Content) -> dict[str, Artist | tuple[Artist, ...]]:
    """Handles by label, curves first."""
    colours, markers = style.method_colours(content.methods), style.method_markers(content.methods)
    lines = style.benchmark_lines(content.methods)
    found: dict[str, Artist | tuple[Artist, ...]] = {}
    for name, marker in markers.items():
        line = Line2D([], [], color=colours[name], marker=marker, markeredgecolor="white", markeredgewidth=0.5)
        found[content.methods[name].title] = line
    for name, method in content.methods.items():
        if method.benchmark:
            found[f"{method.title}, all labels"] = Line2D(
                [], [], color=colours[name], linestyle=lines[name], linewidth=1.3
            )
    if content.level is not None:
        bar = Line2D([], [], color=style.GREY, marker="|", markersize=8, linestyle="none")
        found[f"{content.level * 100:g} % interval"] = (Patch(color=style.GREY, alpha=0.2, linewidth=0), bar)
    if content.draws:
        found["one draw"] = Line2D([], [], color=style.GREY, alpha=0.5, marker="o", markersize=2.5, linestyle="none")
    if content.paper:
        found[paper_label(benchmark=False)] = Line2D([], [], **PAPER_POINT)
        found[paper_label(benchmark=True)] = Line2D([], [], **PAPER_BENCHMARK)
    return found


def columns(content: Content, width_in: float) -> int:
    """How many entries stand side by side in that width; they are filled column by column."""
    labels = list(entries(content))
    for rows in range(1, len(labels)):
        stacks = [labels[start : start + rows] for start in range(0, len(labels), rows)]
        if sum(HANDLE_IN + CHARACTER_IN * max(map(len, stack)) for stack in stacks) <= width_in:
            return len(stacks)
    return 1


def height_in(content: Content, width_in: float) -> float:
    """Height to reserve for the legend, in inches."""
    return ROW_IN * math.ceil(len(entries(content)) / columns(content, width_in)) + 0.1


def draw(figure: Figure, content: Content) -> None:
    """Put the legend beneath the panels."""
    found = entries(content)
    number = columns(content, figure.get_figwidth())
    # A tuple of handles is drawn as one, which matplotlib's stubs do not know.
    handles: Any = list(found.values())
    figure.legend(handles, list(found), loc="outside lower center", ncols=number, columnspacing=1.2)
