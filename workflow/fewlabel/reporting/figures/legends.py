"""The legend below a figure: it explains every mark that the panels show."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import text_width, wrapped

Entry = tuple[str, Artist]

PAPER_POINT: dict[str, Any] = {
    "marker": "D",
    "markersize": 5,
    "markerfacecolor": "white",
    "markeredgecolor": style.INK,
    "markeredgewidth": 1,
    "linestyle": "none",
}
PAPER_BENCHMARK: dict[str, Any] = {**PAPER_POINT, "marker": "<", "markersize": 5.5}
OTHERS_POINT: dict[str, Any] = {**PAPER_POINT, "marker": "d", "markersize": 4.5, "markeredgewidth": 0.8}
OTHERS_BENCHMARK: dict[str, Any] = {**OTHERS_POINT, "marker": "<", "markerfacecolor": style.INK}

TYPE = style.PARAMETERS["legend.fontsize"]
ROW_IN, HANDLE_IN = 0.16, 0.36
"""Height of a row of one line, width of a handle with its gaps, at the style's size of type."""


def mark(label: str, **look: Any) -> Entry:
    """An entry with a handle of that look, grey unless it has a colour."""
    return label, Line2D([], [], **{"color": style.GREY, "linestyle": "none", **look})


def of_methods(
    methods: Mapping[str, MethodTitle],
    shown: Sequence[str],
    as_: Literal["curve", "point", "line"] = "curve",
    control: str | None = None,
) -> list[Entry]:
    """An entry a method: a line with markers, markers alone or a line alone; benchmarks last, as lines.

    Args:
        methods: all of the experiment, which decide on colours and markers.
        shown: those that the figure shows.
        as_: how it shows those that are no benchmark.
        control: is named as such.
    """
    colours, markers, lines = style.method_colours(methods), style.method_markers(methods), style.line_styles(methods)
    entries: list[Entry] = []
    for name in (name for name in markers if name in shown):
        look: dict[str, Any] = {"color": colours[name], "markeredgecolor": "white", "markeredgewidth": 0.5}
        look |= {} if as_ == "line" else {"marker": markers[name]}
        look |= {} if as_ == "point" else {"linestyle": lines[name] if as_ == "line" else "-"}
        title = methods[name].title
        entries.append(mark(f"{title} (control)" if name == control else title, **look))
    for name, method in methods.items():
        if method.benchmark and name in shown:
            look = {"color": colours[name], "linestyle": lines[name], "linewidth": 1.3}
            entries.append(mark(method.title, **look))
    return entries


def interval(level: float) -> Entry:
    """The bar of an interval."""
    return mark(f"{level * 100:g} % interval", marker="|", markersize=8, markeredgewidth=1.1)


def fill(excludes: str = "0") -> list[Entry]:
    """Filled and open points, by what the interval excludes."""
    look = {"marker": "o", "markersize": 4.5}
    return [
        mark(f"interval excludes {excludes}", **look),
        mark(f"interval includes {excludes}", **look, markerfacecolor="white"),
    ]


def beyond(intervals: bool, means: bool, across: bool = False) -> list[Entry]:
    """What leaves an axis."""
    caret, triangle = (5, ">") if across else (6, "^")
    return [
        *([mark("interval continues", marker=caret, markersize=4)] if intervals else []),
        *([mark("value beyond the axis", marker=triangle, markersize=5, markeredgecolor=style.INK)] if means else []),
    ]


def single_draw(as_: Literal["point", "line"] = "point") -> Entry:
    """A faint point or line."""
    look: dict[str, Any] = (
        {"marker": "o", "markersize": 2.8} if as_ == "point" else {"linestyle": "-", "linewidth": 0.6}
    )
    return mark("one draw", alpha=0.6, **look)


def of_paper() -> list[Entry]:
    """The paper's numbers."""
    return [
        mark(paper_label(benchmark=False), **PAPER_POINT),
        mark(paper_label(benchmark=True), **PAPER_BENCHMARK),
    ]


def of_others(points: bool, benchmarks: bool) -> list[Entry]:
    """Numbers that others published, which table 2 names."""
    return [
        *([mark("others, published (table 2)", **OTHERS_POINT)] if points else []),
        *([mark("others, all labels", **OTHERS_BENCHMARK)] if benchmarks else []),
    ]


def paper_label(benchmark: bool) -> str:
    """The name of the paper's numbers."""
    return "paper, supervised" if benchmark else paper.SHORT


def labels(entries: Sequence[Entry], width_in: float) -> list[list[str]]:
    """The lines of each label: one, unless it is wider than the figure."""
    return [wrapped(label, width_in - HANDLE_IN, TYPE) for label, _ in entries]


def columns(entries: Sequence[Entry], width_in: float) -> int:
    """How many entries stand side by side in that width; they are filled column by column."""
    widths = [max(text_width(line, TYPE) for line in lines) for lines in labels(entries, width_in)]
    for count in range(len(widths), 1, -1):
        # As matplotlib fills them: evenly, however little room that leaves.
        stacks = np.array_split(widths, count)
        if sum(HANDLE_IN + stack.max() for stack in stacks) <= width_in:
            return count
    return 1


def height_in(entries: Sequence[Entry], width_in: float, note: Sequence[str] = ()) -> float:
    """Height to reserve for the legend and its note, in inches."""
    lines = labels(entries, width_in)
    further = sum(len(label) - 1 for label in lines) + len(note)
    return ROW_IN * (math.ceil(len(lines) / columns(entries, width_in)) + further) + 0.1


def draw(figure: Figure, entries: Sequence[Entry], note: Sequence[str] = ()) -> None:
    """Put the legend below the panels, with the lines of a note above its entries."""
    width = figure.get_figwidth()
    texts = ["\n".join(lines) for lines in labels(entries, width)]
    figure.legend(
        [handle for _, handle in entries], texts, loc="outside lower center", ncols=columns(entries, width),
        handlelength=1.8, handletextpad=0.5, columnspacing=1.1, title="\n".join(note) or None, title_fontsize=7,
    )  # fmt: skip
