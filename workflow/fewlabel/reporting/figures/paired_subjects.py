"""Each test subject's Dice with a method and with its control, and their mean difference beneath, at each N."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.figures.paired_subjects import PairedSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.figures.panels import SUBTITLE, TITLE, notice
from fewlabel.reporting.statistics.scores import read_scores, select
from fewlabel.reporting.statistics.summary import DIFFERENCE, Summary, differences, summarise

BESIDE = 0.17
"""Of the distance of two N: how far control and method stand from their N."""
NUMBER = 6.0
"""Size of type of the differences, in points."""


@dataclass(frozen=True)
class Pairs:
    """One panel: a method against the control on a cohort.

    Attributes:
        cohort, method: by name.
        points: columns n, draw, subject, control, method (Dice of both), a row a pair.
        differences: of each N, the mean difference with its interval.
    """

    cohort: str
    method: str
    points: pd.DataFrame
    differences: dict[int, Summary]


def draw(results: Path, settings: PairedSettings) -> Figure:
    """The figure of a study, from its folder."""
    return paired_subjects(read_scores(results / LAYOUT.scores), settings)


def paired_subjects(scores: pd.DataFrame, settings: PairedSettings) -> Figure:
    """Draw the pairs.

    A panel for each method and cohort: at each N a thin line from each test subject's Dice with the control to that
    with the method (means over draws, or every draw), and beneath the mean difference over draws and subjects with its
    bootstrap interval, from the draws whatever the points are.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: control and methods, interval, sizes in inches.

    Returns:
        A figure to be written with `style.save`. It says in words what it lacks, or that there is nothing to compare.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    panels = [
        found
        for method in settings.methods
        for cohort in settings.titles.cohorts
        if (found := pairs(chosen, cohort, method, settings)) is not None
    ]
    with style.applied():
        return _draw(panels, settings) if panels else notice(_nothing(settings), settings.figure)


def pairs(scores: pd.DataFrame, cohort: str, method: str, settings: PairedSettings) -> Pairs | None:
    """The pairs of a method and the control on a cohort; None where they share no N."""
    rows = scores[scores["cohort"] == cohort]
    ours, control = (rows[rows["method"] == name] for name in (method, settings.control))
    keys = ["n", "draw", "subject"]
    both = ours.merge(control, on=keys, suffixes=("_method", "_control"), validate="one_to_one")
    points = both[keys].assign(control=both["dice_control"], method=both["dice_method"])
    if points.empty:
        return None
    found = {
        int(n): _difference(ours[ours["n"] == n], control[control["n"] == n], settings.intervals)
        for n in sorted(points["n"].unique())
    }
    if settings.figure.draws == "mean":
        points = points.groupby(["n", "subject"], as_index=False)[["control", "method"]].mean().assign(draw=0)
    return Pairs(cohort, method, points, found)


def _difference(ours: pd.DataFrame, control: pd.DataFrame, intervals: Intervals) -> Summary:
    return summarise(differences(ours, control), intervals, DIFFERENCE)


def _nothing(settings: PairedSettings) -> list[str]:
    if settings.control is None:
        why = "Every method is pretrained: a method with `pretext: none` at the same N would be the control."
    else:
        title = settings.titles.methods[settings.control].title
        why = f"No other method is finetuned at an N of the control ({title})."
    return ["Subjects in pairs are not drawn", f"{why} Another control: figures.paired_subjects.control."]


# ------------------------------------------------------------------------------------------------------- drawing
def _draw(panels: list[Pairs], settings: PairedSettings) -> Figure:
    sizes = settings.figure
    cohorts = len(settings.titles.cohorts)
    columns = min(sizes.columns or (2 if cohorts == 1 else min(cohorts, 3)), len(panels))
    rows = -(-len(panels) // columns)
    heads = [_head(panel, settings) for panel in panels]
    high = [
        sizes.panel_height_in + max(_head_in(*of) for of in heads[row * columns : (row + 1) * columns])
        for row in range(rows)
    ]
    width = columns * sizes.panel_width_in
    foot = _foot(panels, settings, width)
    figure = style.new_figure(width, sum(high) + 0.16 * len(foot) + 0.15)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[part for one in high for part in (one - 1.15, 1.15)])
    drawn: list[tuple[str, Axes, Axes]] = []
    for index, (panel, (title, small)) in enumerate(zip(panels, heads, strict=True)):
        row, column = divmod(index, columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        _upper(upper, panel, settings)
        _lower(lower, panel, settings)
        drawn.append((panel.cohort, upper, lower))
        upper.set_title("\n".join(title), pad=5.5 + 8.5 * len(small))
        upper.annotate(
            "\n".join(small), (0, 1), (0, 4), "axes fraction", "offset points", fontsize=SUBTITLE, color="#555555"
        )
        if column == 0:
            upper.set_ylabel("Test Dice")
            lower.set_ylabel("Mean\ndifference")
    for cohort in settings.titles.cohorts:
        _one_scale([upper for name, upper, _ in drawn if name == cohort], 0.06, (-0.02, 1.02))
        _one_scale([lower for name, _, lower in drawn if name == cohort], 0.12, (-1.02, 1.02))
    handles = [Line2D([], [], marker="o", markersize=3, linestyle="none", color=style.GREY, alpha=0)] * len(foot)
    figure.legend(handles, foot, loc="outside lower left", handlelength=0, handletextpad=0, labelspacing=0.25)
    return figure


def _head(panel: Pairs, settings: PairedSettings) -> tuple[list[str], list[str]]:
    """The lines of a panel's title and subtitle."""
    methods, width = settings.titles.methods, settings.figure.panel_width_in - 0.6
    title = settings.titles.cohorts[panel.cohort].title
    against = f"{methods[panel.method].title} (right) against {methods[str(settings.control)].title} (left)"
    return wrapped(title, width, TITLE, bold=True), wrapped(against, width, SUBTITLE)


def _head_in(title: list[str], small: list[str]) -> float:
    """How much higher than one line of each a head is, in inches."""
    return float((len(title) - 1) * TITLE * 1.2 + (len(small) - 1) * 8.5) / 72


def _foot(panels: list[Pairs], settings: PairedSettings, width_in: float) -> list[str]:
    """What stands beneath: what a line is, how many there are, what is left out."""
    subjects = {len(panel.points["subject"].unique()) for panel in panels}
    draws = {of.draws for panel in panels for of in panel.differences.values()}
    each = "a test subject" if max(draws) == 1 or settings.figure.draws == "mean" else "a test subject in one draw"
    mean = f", mean over {_range(draws)} draws" if max(draws) > 1 and settings.figure.draws == "mean" else ""
    level = f"{settings.intervals.level * 100:g} %"
    parts = [
        f"Line: {each}{mean}; {_range(subjects)} subject{'' if max(subjects) == 1 else 's'}.",
        f"Beneath: mean difference with its {level} bootstrap interval.",
        *([f"Left out: {len(settings.left_out)} further methods."] if settings.left_out else []),
    ]
    return wrapped(" ".join(parts), width_in - 0.2, SUBTITLE + 0.5)


def _range(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _one_scale(axes: Sequence[Axes], margin: float, most: tuple[float, float]) -> None:
    """The same limits for panels of one cohort, so that methods can be compared across them."""
    boxes = [one.dataLim for one in axes]
    if boxes:
        low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
        room = max(margin * (high - low), 0.005)
        for one in axes:
            one.set_ylim(max(low - room, most[0]), min(high + room, most[1]))


def _upper(axes: Axes, panel: Pairs, settings: PairedSettings) -> None:
    """Subjects in pairs."""
    colours = style.method_colours(settings.titles.methods)
    control, method = colours[str(settings.control)], colours[panel.method]
    places = {n: index for index, n in enumerate(panel.differences)}
    x = panel.points["n"].map(places).to_numpy(dtype=np.float64)
    pair = panel.points[["control", "method"]].to_numpy()
    axes.plot(np.stack([x - BESIDE, x + BESIDE]), pair.T, color="#9a9a9a", linewidth=0.5, alpha=0.6, zorder=2)
    markers = style.method_markers(settings.titles.methods)
    looks = ((-BESIDE, 0, control, str(settings.control)), (BESIDE, 1, method, panel.method))
    for beside, column, colour, name in looks:
        marker = markers.get(name, "D")
        axes.scatter(x + beside, pair[:, column], s=9, color=colour, marker=marker, alpha=0.8, linewidths=0, zorder=3)
    axes.tick_params(labelbottom=False)


def _lower(axes: Axes, panel: Pairs, settings: PairedSettings) -> None:
    """Mean differences with intervals about 0, and their numbers where there is room."""
    colour = style.method_colours(settings.titles.methods)[panel.method]
    axes.axhline(0, color="#666666", linewidth=0.7, zorder=1)
    for x, summary in enumerate(panel.differences.values()):
        if np.isfinite(summary.low):
            axes.vlines(x, summary.low, summary.high, color=colour, linewidth=1.6, zorder=2)
        axes.plot([x], [summary.mean], marker="o", color=colour, markeredgecolor="white", markeredgewidth=0.5, zorder=3)
    counts = list(panel.differences)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_xticks(range(len(counts)), [str(n) for n in counts])
    axes.set_xlabel("Labelled training subjects, N")
    room = (settings.figure.panel_width_in - 0.65) / len(counts)
    for x, text in enumerate(_signed(list(panel.differences.values()), room)):
        axes.annotate(
            text, (x, 1), (0, 2), ("data", "axes fraction"), "offset points", fontsize=NUMBER,
            horizontalalignment="center", color="#333333",
        )  # fmt: skip


def _signed(summaries: Sequence[Summary], room_in: float) -> list[str]:
    """Of each difference number and interval: in two lines, else in three, else nothing for want of room."""
    for between in (" to ", " to\n"):
        texts = [_difference_text(summary, between) for summary in summaries]
        if max(text_width(line, NUMBER) for text in texts for line in text.splitlines()) + 0.04 <= room_in:
            return texts
    return []


def _difference_text(summary: Summary, between: str) -> str:
    ends = [_number(end) for end in (summary.low, summary.high) if np.isfinite(end)]
    return "\n".join([_number(summary.mean), *([between.join(ends)] if ends else [])])


def _number(value: float) -> str:
    """With its sign, also where it rounds to 0: that tells on which side of 0 an interval ends."""
    return f"{value + 0.0:+.3f}".replace("-", "\N{MINUS SIGN}")
