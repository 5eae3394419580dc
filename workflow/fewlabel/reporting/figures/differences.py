"""Every method's mean difference in Dice to the control: a row a method, a panel an N."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fewlabel.config.figure_options import Panels
from fewlabel.config.jobs.figures.differences import DifferencesSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import legends, marks, style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.figures.classes import FigureParts, cohort_of_part, parts_of
from fewlabel.reporting.figures.panels import SUBTITLE, TITLE, notice
from fewlabel.reporting.statistics.comparisons import gains, why_none
from fewlabel.reporting.statistics.scores import read_class_scores, select
from fewlabel.reporting.tables.table import folds_note

NAME = style.PARAMETERS["ytick.labelsize"]
NAMES_SHARE = 0.4
"""Largest share of the figure's width for the names of methods; longer ones are broken."""
PANEL_IN = 1.25
"""Least width of a panel, unless their number is set."""
TICK_IN = 0.5
"""Width of a number on the axis, with the space beside it."""
AXIS_IN, HEAD_IN = 0.55, 0.06
"""Height of ticks, their labels and a panel's title; free space above a cohort's title."""
LOOK = marks.Look(style.BLUE, "o", 4.2)
"""Of all methods: rows have names, so colours would say nothing more."""


class Row(NamedTuple):
    """A row of all panels: the lines of its name, and the method; without one it is a heading."""

    lines: list[str]
    method: str = ""


@dataclass(frozen=True)
class Block:
    """Panels of a cohort that stand beside each other.

    Attributes:
        cohort: its name.
        counts: an N a panel.
        gains: all of the cohort, or of one of its classes.
        scale: those that have one scale.
        rows: from above.
        first, last: whether the cohort's title stands above, and the axis label below.
    """

    cohort: str
    counts: list[int]
    gains: pd.DataFrame
    scale: pd.DataFrame
    rows: list[Row]
    first: bool
    last: bool


def draw(results: Path, settings: DifferencesSettings) -> Figure:
    """The figure of a study, from its folder."""
    return difference_figure(read_class_scores(results / LAYOUT.scores), settings)


def difference_figure(scores: pd.DataFrame, settings: DifferencesSettings) -> Figure:
    """Draw the mean differences.

    A panel for each cohort and N, a row for each method, by pretext: the mean paired difference with its interval, both
    as in table 3 (`comparisons.gains`), filled if the interval excludes 0.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: control and methods, interval, sizes in inches.

    Returns:
        A figure to be written with `style.save`; a notice if there is nothing to compare.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    asked = settings.compared
    parts = parts_of(select(scores, asked.titles, asked.runs), asked.titles, settings.figure.classes)
    rows = gains(parts.scores, asked.control, asked.methods, asked.intervals)
    with style.applied():
        if rows.empty:
            why = why_none(asked.control)
            return notice(["Differences are not drawn", f"{why[0].upper()}{why[1:]}."], Panels())
        return _draw(rows, parts, settings)


def _draw(rows: pd.DataFrame, parts: FigureParts, settings: DifferencesSettings) -> Figure:
    sizes, titles = settings.figure, parts.titles
    names_in = max(text_width(line, NAME, bold=True) for row in _rows(rows, settings) for line in row.lines) + 0.15
    blocks = _blocks(rows, list(parts.parts), settings, sizes.width_in - names_in)
    columns = max(len(block.counts) for block in blocks)
    room_in = (sizes.width_in - names_in) / columns
    control = titles.methods[str(settings.compared.control)].title
    labels = {
        name: wrapped(_axis_label(part.label, control), room_in - 0.1, NAME) for name, part in parts.parts.items()
    }
    heads = {
        name: wrapped(titles.cohorts[name].title, sizes.width_in - 0.2, TITLE, bold=True) for name in titles.cohorts
    }
    above = [len(heads[block.cohort]) * TITLE * 1.25 / 72 + HEAD_IN if block.first else 1e-3 for block in blocks]
    panels = [sizes.row_in * sum(len(row.lines) for row in block.rows) for block in blocks]
    axis_in = [AXIS_IN + (len(labels[block.cohort]) * NAME * 1.25 / 72 if block.last else 0) for block in blocks]
    entries = _entries(rows, settings)
    notes = [*([parts.note] if parts.note else []), *folds_note(titles)]
    note = wrapped(" ".join(notes), 0.94 * sizes.width_in - 0.1, SUBTITLE) if notes else []
    high = sum(above) + sum(panels) + sum(axis_in) + legends.height_in(entries, sizes.width_in, note)
    figure = style.new_figure(sizes.width_in, high)
    ratios = [part for pair in zip(above, panels, strict=True) for part in pair]
    grid = figure.add_gridspec(2 * len(blocks), columns, height_ratios=ratios)
    for index, block in enumerate(blocks):
        if block.first:
            _title(figure.add_subplot(grid[2 * index, :]), heads[block.cohort])
        for column, n in enumerate(block.counts):
            axes = figure.add_subplot(grid[2 * index + 1, column])
            _panel(axes, block, n, settings)
            axes.xaxis.set_major_locator(MaxNLocator(max(2, int(room_in / TICK_IN)), steps=[1, 2, 5, 10]))
            axes.tick_params(labelleft=column == 0)
            axes.set_xlabel("\n".join(labels[block.cohort]) if block.last else "", fontsize=NAME)
    legends.draw(figure, entries, note)
    return figure


def _rows(gained: pd.DataFrame, settings: DifferencesSettings) -> list[Row]:
    """A row a method; if some pretext has several methods, the methods of each pretext below its name."""
    methods, width = settings.compared.titles.methods, NAMES_SHARE * settings.figure.width_in
    groups: dict[str, list[Row]] = {}
    for name in settings.compared.methods:
        if (gained["method"] == name).any():
            lines = wrapped(methods[name].title, width, NAME)
            groups.setdefault(methods[name].pretext, []).append(Row(lines, name))
    grouped = any(len(rows) > 1 for rows in groups.values()) and len(groups) > 1
    heads = {
        pretext: "No pretraining" if pretext == "none" else pretext.replace("_", " ").capitalize() for pretext in groups
    }
    return [
        row
        for pretext, rows in groups.items()
        for row in [*([Row(wrapped(heads[pretext], width, NAME, bold=True))] if grouped else []), *rows]
    ]


def _entries(rows: pd.DataFrame, settings: DifferencesSettings) -> list[legends.Entry]:
    entries = [legends.interval(settings.compared.intervals.level), *legends.fill()]
    left = [marks.leaving(own, limits) for own, limits in _panels(rows, settings)]
    return entries + legends.beyond(any(interval for interval, _ in left), any(mean for _, mean in left), across=True)


def _panels(rows: pd.DataFrame, settings: DifferencesSettings) -> list[tuple[pd.DataFrame, marks.Limits]]:
    """The rows of each panel, with the limits of its axis."""
    return [
        (own, marks.gain_limits(cohort if settings.figure.one_scale else own))
        for _, cohort in rows.groupby(rows["cohort"].map(cohort_of_part))
        for _, own in cohort.groupby(["cohort", "n"])
    ]


def _axis_label(label: str, control: str) -> str:
    """The label of the axis of gains; `label`: of which Dice (`classes.FigurePart.label`)."""
    return f"Gain in Dice ({label}) over {control}" if label else f"Gain in Dice over {control}"


def _blocks(rows: pd.DataFrame, cohorts: list[str], settings: DifferencesSettings, room_in: float) -> list[Block]:
    """In the order of the cohorts (and classes), N rising."""
    found: list[Block] = []
    for cohort in cohorts:
        own, together = (
            rows[rows["cohort"] == cohort],
            rows[rows["cohort"].map(cohort_of_part) == cohort_of_part(cohort)],
        )
        counts = sorted(int(n) for n in own["n"].unique())
        beside = settings.figure.columns or max(1, int(room_in / PANEL_IN))
        # Evenly filled: of seven with room for five, four and three.
        beside = -(-len(counts) // -(-len(counts) // beside)) if counts else 1
        for start in range(0, len(counts), beside):
            ends = start == 0, start + beside >= len(counts)
            found.append(Block(cohort, counts[start : start + beside], own, together, _rows(own, settings), *ends))
    return found


def _title(axes: Axes, lines: list[str]) -> None:
    """The cohort's title in a row of its own."""
    axes.set_axis_off()
    title = axes.text(0, 0, "\n".join(lines), fontsize=TITLE, fontweight="bold", transform=axes.transAxes)
    title.set_in_layout(False)


def _panel(axes: Axes, block: Block, n: int, settings: DifferencesSettings) -> None:
    """One N: a point and an interval a method, about the control's line."""
    heights = np.array([len(row.lines) for row in block.rows], dtype=np.float64)
    middles = np.cumsum(heights) - heights / 2
    places = {row.method: place for row, place in zip(block.rows, middles, strict=True)}
    axes.axvline(0, color=style.GREY, linewidth=1, zorder=1)
    own = block.gains[block.gains["n"] == n]
    limits = marks.gain_limits(block.scale if settings.figure.one_scale else own)
    at = own["method"].map(places).to_numpy(dtype=np.float64)
    marks.points(axes, at, own, LOOK, limits, marks.excludes(own), across=True, numbers=True)
    axes.set_ylim(heights.sum(), 0)
    axes.set_yticks(middles, ["\n".join(row.lines) for row in block.rows])
    for row, label in zip(block.rows, axes.get_yticklabels(), strict=True):
        label.set_fontweight("normal" if row.method else "bold")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: marks.tick(value)))
    axes.tick_params(axis="x", labelsize=NAME - 0.5)
    axes.set_title(f"N = {n}", fontweight="normal", fontsize=NAME)
