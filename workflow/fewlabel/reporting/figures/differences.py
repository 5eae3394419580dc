"""Table 3 as a figure: every method's mean difference in Dice to the control, a row a method, a panel an N."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from fewlabel.config.figure_options import Differences, Panels
from fewlabel.config.jobs.figures.differences import DifferencesSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.figures.panels import SUBTITLE, TITLE, notice
from fewlabel.reporting.statistics.comparisons import comparisons, why_none
from fewlabel.reporting.statistics.scores import read_scores
from fewlabel.reporting.tables.table import folds_note

NAME = style.PARAMETERS["ytick.labelsize"]
NAMES_SHARE = 0.4
"""Of the figure's width: how much of it names of methods may take before they are broken."""
PANEL_IN = 1.25
"""Least width of a panel, where their number is not set."""
TICK_IN = 0.45
"""What a number on the axis needs, with the space beside it."""
AXIS_IN, HEAD_IN = 0.52, 0.06
"""What ticks, their labels and a panel's title need; free space above a cohort's title."""


@dataclass(frozen=True)
class Block:
    """A cohort's panels that stand beside each other.

    Attributes:
        cohort: by name.
        counts: an N a panel.
        rows: all comparisons of the cohort.
        first: whether the cohort's title stands above.
    """

    cohort: str
    counts: list[int]
    rows: pd.DataFrame
    first: bool


def draw(results: Path, settings: DifferencesSettings) -> Figure:
    """The figure of a study, from its folder."""
    return difference_figure(read_scores(results / LAYOUT.scores), settings)


def difference_figure(scores: pd.DataFrame, settings: DifferencesSettings) -> Figure:
    """Draw the mean differences.

    A panel for each cohort and N, a row for each method: the mean paired difference with its interval, both as in
    table 3 (`comparisons.comparisons`); filled where the p value corrected by Holm is less than 1 - level.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: control and methods, interval, sizes in inches.

    Returns:
        A figure to be written with `style.save`; it says in words that there is nothing to compare.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    rows = comparisons(scores, settings.compared)
    with style.applied():
        if rows.empty:
            why = why_none(settings.compared.control)
            return notice(["Differences are not drawn", f"{why[0].upper()}{why[1:]}."], Panels())
        return _draw(rows, settings)


def _draw(rows: pd.DataFrame, settings: DifferencesSettings) -> Figure:
    sizes, titles = settings.figure, settings.compared.titles
    shown = [name for name in settings.compared.methods if (rows["method"] == name).any()]
    names = {name: wrapped(titles.methods[name].title, NAMES_SHARE * sizes.width_in, NAME) for name in shown}
    names_in = max(text_width(line, NAME) for lines in names.values() for line in lines) + 0.15
    blocks = _blocks(rows, settings, sizes.width_in - names_in)
    heads = {
        name: wrapped(titles.cohorts[name].title, sizes.width_in - 0.2, TITLE, bold=True) for name in titles.cohorts
    }
    high = [
        (len(heads[block.cohort]) * TITLE * 1.25 / 72 + HEAD_IN if block.first else 0.0, _panel_in(block, names, sizes))
        for block in blocks
    ]
    foot = wrapped(_foot(settings), 0.94 * sizes.width_in - 0.1, SUBTITLE)  # hinted letters are wider at low dpi
    axis_in = len(blocks) * AXIS_IN
    figure = style.new_figure(
        sizes.width_in, sum(above + panel for above, panel in high) + axis_in + len(foot) * SUBTITLE * 1.3 / 72 + 0.1
    )
    columns = max(len(block.counts) for block in blocks)
    grid = figure.add_gridspec(
        2 * len(blocks), columns, height_ratios=[max(part, 1e-3) for pair in high for part in pair]
    )
    room_in = (sizes.width_in - names_in) / columns
    drawn = [
        _block(figure, grid, 2 * index, block, heads, names, settings, room_in) for index, block in enumerate(blocks)
    ]
    for cohort in titles.cohorts if sizes.one_scale else ():
        _one_scale([axes for block, of in zip(blocks, drawn, strict=True) if block.cohort == cohort for axes in of])
    figure.supxlabel("\n".join(foot), fontsize=SUBTITLE, color="#555555", x=0.01, horizontalalignment="left")
    return figure


def _blocks(rows: pd.DataFrame, settings: DifferencesSettings, room_in: float) -> list[Block]:
    """In the order of the experiment's cohorts, N rising."""
    found: list[Block] = []
    for cohort in settings.compared.titles.cohorts:
        own = rows[rows["cohort"] == cohort]
        counts = sorted(int(n) for n in own["n"].unique())
        beside = settings.figure.columns or max(1, int(room_in / PANEL_IN))
        # Evenly filled: of seven with room for five, four and three.
        beside = -(-len(counts) // -(-len(counts) // beside)) if counts else 1
        found += [
            Block(cohort, counts[start : start + beside], own, start == 0) for start in range(0, len(counts), beside)
        ]
    return found


def _methods(block: Block, names: dict[str, list[str]]) -> list[str]:
    """Those that have a row in a cohort's panels, from above."""
    return [name for name in names if (block.rows["method"] == name).any()]


def _panel_in(block: Block, names: dict[str, list[str]], sizes: Differences) -> float:
    """Height of the rows: further lines of a name take further rows."""
    return sizes.row_in * sum(len(names[name]) for name in _methods(block, names))


def _block(
    figure: Figure,
    grid: GridSpec,
    row: int,
    block: Block,
    heads: dict[str, list[str]],
    names: dict[str, list[str]],
    settings: DifferencesSettings,
    room_in: float,
) -> list[Axes]:
    """Draw a cohort's panels that stand beside each other, and its title where they are the first."""
    if block.first:
        above = figure.add_subplot(grid[row, :])
        above.set_axis_off()
        text = "\n".join(heads[block.cohort])
        title = above.text(0, 0, text, fontsize=TITLE, fontweight="bold", transform=above.transAxes)
        title.set_in_layout(False)
    panels: list[Axes] = []
    for column, n in enumerate(block.counts):
        axes = figure.add_subplot(grid[row + 1, column])
        _panel(axes, block, n, names, settings, room_in)
        axes.tick_params(labelleft=column == 0)
        panels.append(axes)
    return panels


def _panel(
    axes: Axes, block: Block, n: int, names: dict[str, list[str]], settings: DifferencesSettings, room_in: float
) -> None:
    """One N, in so wide a panel: a point and an interval a method, about the control's line."""
    methods = _methods(block, names)
    colours = style.method_colours(settings.compared.titles.methods)
    heights = np.array([len(names[name]) for name in methods], dtype=np.float64)
    places = dict(zip(methods, np.cumsum(heights) - heights / 2, strict=True))
    axes.axvline(0, color="#666666", linewidth=0.7, zorder=1)
    for _, found in block.rows[block.rows["n"] == n].iterrows():
        y, colour = places[found["method"]], colours[found["method"]]
        if np.isfinite(found["low"]):
            axes.hlines(y, found["low"], found["high"], color=colour, linewidth=1.4, zorder=2)
        told = found["p_holm"] < 1 - settings.compared.intervals.level
        axes.plot(
            [found["difference"]], [y], marker="o", markersize=4.2, color=colour,
            markerfacecolor=colour if told else "white", zorder=3,
        )  # fmt: skip
    axes.set_ylim(heights.sum(), 0)
    axes.set_yticks(list(places.values()), ["\n".join(names[name]) for name in methods])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(max(2, int(room_in / TICK_IN)), steps=[1, 2, 5, 10]))
    axes.tick_params(axis="x", labelsize=NAME - 0.5)
    axes.margins(x=0.08)
    axes.set_title(f"N = {n}", fontweight="normal", fontsize=NAME)


def _one_scale(panels: list[Axes]) -> None:
    """The same limits for all of a cohort's panels."""
    ends = [axes.get_xlim() for axes in panels]
    for axes in panels:
        axes.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))


def _foot(settings: DifferencesSettings) -> str:
    """What stands beneath: what a point is and when it is filled."""
    asked = settings.compared
    control, level = asked.titles.methods[str(asked.control)].title, asked.intervals.level
    return " ".join(
        [
            f"Mean paired difference in Dice, method minus {control}, with its {level * 100:g} % bootstrap interval.",
            f"Filled: p < {1 - level:.2g} in the signed-rank test after Holm's correction (table 3).",
            *folds_note(asked.titles),
        ]
    )
