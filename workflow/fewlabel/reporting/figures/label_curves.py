"""Figure 3: mean Dice, and below it the gain over the control, against the number of labelled subjects."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fewlabel.config.cohort import PublishedDice
from fewlabel.config.jobs.figures.label_curves import CurvesSettings
from fewlabel.config.jobs.titles import CohortTitle
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting import paper
from fewlabel.reporting.figures import legends, marks, style
from fewlabel.reporting.figures.classes import FigureParts, cohort_of_part, dice_label, parts_of
from fewlabel.reporting.figures.panels import head, is_labelled, left_out, new_panels, text_in
from fewlabel.reporting.statistics.comparisons import gains
from fewlabel.reporting.statistics.scores import read_class_scores, select
from fewlabel.reporting.statistics.summary import CELL, summary_table

BELOW = 0.65
"""Height of the axis of gains, as a share of the Dice axis."""
OTHERS = 2.0**0.3
"""Factor on N that puts what others published beside the methods."""
RIGHT = 0.985
"""Place of a benchmark's interval, as a share of the axis."""


@dataclass(frozen=True)
class CohortColumn:
    """What one cohort shows, or one of its classes.

    Attributes:
        title: of the cohort (and class).
        label: of its Dice (`classes.FigurePart.label`).
        summary: `mean`, `low` and `high` of each method and N.
        draws: the mean Dice of each draw; empty if they are not shown.
        gains: mean differences to the control with their intervals; empty without a control.
        published: the paper's numbers that are shown.
        others: numbers that others published of the same Dice.
        limits: of the Dice axis, the same for all parts of a cohort.
        gain_limits: of the axis of gains, likewise.
    """

    title: CohortTitle
    label: str
    summary: pd.DataFrame
    draws: pd.DataFrame
    gains: pd.DataFrame
    published: tuple[paper.PaperScore, ...]
    others: list[PublishedDice]
    limits: marks.Limits
    gain_limits: marks.Limits


def draw(results: Path, settings: CurvesSettings) -> Figure:
    """The figure of a study, from its folder."""
    return label_curves(read_class_scores(results / LAYOUT.scores), settings)


def label_curves(scores: pd.DataFrame, settings: CurvesSettings) -> Figure:
    """Draw the curves.

    For each cohort, the upper axes show every method's mean Dice over draws and test subjects with its interval; the
    supervised benchmark as a dotted line; and, as the settings say, each draw as a faint point and the paper's numbers.
    The lower axes show the mean paired difference to the control with its interval, filled if that excludes 0.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: what to show and in which order, the interval, sizes in inches and the limits of the Dice axis.

    Returns:
        A figure to be written with `style.save`.

    Raises:
        InputError: a cohort or method of `settings.titles` has no scores.
    """
    shown = settings.figure
    parts = parts_of(select(scores, settings.titles, settings.runs), settings.titles, shown.classes)
    columns = list(_columns(parts, settings))
    below = BELOW if any(len(column.gains) for column in columns) else 0.0
    with style.applied():
        titles = [column.title.title for column in columns]
        note = f"{parts.note} {left_out(settings.left_out)}".strip()
        figure, panels = new_panels(titles, shown, _entries(columns, settings), note, below, parts.groups)
        before = ""
        for column, axes in zip(columns, panels, strict=True):
            looks = marks.looks(settings.titles.methods, settings.curves, _counts(column, settings), text_in(shown))
            _dice(axes[0], column, looks, settings)
            for lower in axes[1:]:
                _gains(lower, column, looks)
            style.label_axis(axes[0], _counts(column, settings), column.title.count)
            if len(axes) > 1:
                axes[0].tick_params(labelbottom=False)
                axes[0].set_xlabel("")
                axes[1].set_xlabel(style.n_label(column.title.count))
            head(axes[0], column.title.title, _subtitle(column.summary, settings), shown)
            if is_labelled(axes[0], column.label, before):
                for each, label in zip(axes, (dice_label(column.label, shown), "Gain over\nthe control"), strict=False):
                    each.set_ylabel(label)
            before = column.label
    return figure


def _columns(parts: FigureParts, settings: CurvesSettings) -> Iterator[CohortColumn]:
    """What each cohort shows, in their order."""
    shown = settings.figure
    scores = parts.scores
    scores = scores[scores["method"].isin([*settings.curves, *_benchmarks(settings)])]
    summary = summary_table(scores, settings.intervals)
    compared = [name for name in settings.curves if name != settings.control]
    gained = gains(scores, settings.control, compared, settings.intervals)
    if shown.intervals == "none":
        summary, gained = (table.assign(low=np.nan, high=np.nan) for table in (summary, gained))
    draws = scores.groupby([*CELL, "draw"], as_index=False)["dice"].mean()
    several = draws.groupby("method")["draw"].transform("nunique") > 1
    draws = draws[several & shown.show_draws & ~draws["method"].isin(_benchmarks(settings))]
    for name, part in parts.parts.items():
        own, points, differences = (table[table["cohort"] == name] for table in (summary, draws, gained))
        # The paper segments each organ as one target.
        published = paper.published(part.title.stands_for) if part.whole and part.cohort in settings.paper else ()
        together = [table[table["cohort"].map(cohort_of_part) == part.cohort] for table in (summary, draws, gained)]
        others = settings.published.get(part.cohort, []) if part.mean else []
        known = [point.dice for point in published]
        known += [point.dice for point in settings.published.get(part.cohort, [])]
        limits = shown.dice_limits or _dice_limits(together[0], together[1], known)
        gain_limits = marks.gain_limits(together[2]) if len(together[2]) else (0.0, 0.0)
        yield CohortColumn(part.title, part.label, own, points, differences, published, others, limits, gain_limits)


def _benchmarks(settings: CurvesSettings) -> list[str]:
    return [name for name, method in settings.titles.methods.items() if method.benchmark]


def _counts(column: CohortColumn, settings: CurvesSettings) -> set[int]:
    """All N of the axis."""
    own = column.summary.loc[column.summary["method"].isin(settings.curves), "n"]
    others = {point.n for point in column.others if point.n != "all"}
    return {int(n) for n in own} | {point.n for point in column.published if point.n} | others


def _dice_limits(summary: pd.DataFrame, draws: pd.DataFrame, published: list[float]) -> marks.Limits:
    """Limits that hold all marks, within 0 to 1; of two draws the means, but not their intervals."""
    ends = [*summary["mean"], *draws["dice"], *published]
    trusted = summary[summary["draws"] != marks.TWO_DRAWS]
    ends += [*trusted["low"].dropna(), *trusted["high"].dropna()]
    room = max(0.06 * (max(ends) - min(ends)), 0.005)
    return max(min(ends) - room, 0), min(max(ends) + room, 1)


def _entries(columns: list[CohortColumn], settings: CurvesSettings) -> list[legends.Entry]:
    """The legend: every mark that some column shows."""
    names, methods = [*settings.curves, *_benchmarks(settings)], settings.titles.methods
    entries = legends.of_methods(methods, names, control=settings.control)
    if any(column.summary["low"].notna().any() for column in columns):
        entries.append(legends.interval(settings.intervals.level))
    if any(column.gains["low"].notna().any() for column in columns):
        entries += legends.fill()
    left = [marks.leaving(column.summary, column.limits) for column in columns]
    left += [marks.leaving(column.gains, column.gain_limits) for column in columns if len(column.gains)]
    entries += legends.beyond(any(interval for interval, _ in left), any(mean for _, mean in left))
    if any(len(column.draws) for column in columns):
        entries.append(legends.single_draw())
    entries += legends.of_paper() if any(column.published for column in columns) else []
    everyone = [point.n == "all" for column in columns for point in column.others]
    return entries + legends.of_others(not all(everyone), any(everyone))


def _dice(axes: Axes, column: CohortColumn, looks: dict[str, marks.Look], settings: CurvesSettings) -> None:
    """Mean Dice of every method; of benchmarks a line across with its interval at the right."""
    methods = settings.titles.methods
    colours, lines = style.method_colours(methods), style.line_styles(methods)
    for index, name in enumerate(_benchmarks(settings)):
        cells = column.summary[column.summary["method"] == name]
        look: dict[str, Any] = {"color": colours[name], "zorder": 2}
        axes.axhline(cells["mean"].iloc[0], linestyle=lines[name], linewidth=1.3, label=methods[name].title, **look)
        if np.isfinite(cells["low"].iloc[0]):
            ends = np.clip(cells[["low", "high"]].iloc[0], *column.limits)
            place = [RIGHT - 0.02 * index] * 2
            axes.plot(place, ends, transform=axes.get_yaxis_transform(), linewidth=1.1, **look)
    for name, one in looks.items():
        cells = column.summary[column.summary["method"] == name].sort_values("n")
        places = cells["n"].to_numpy() * one.dodge
        # The line runs through the N themselves: between dodged points, a steep curve further left looks higher.
        axes.plot(
            cells["n"], cells["mean"], color=one.colour, linewidth=1, alpha=0.6, label=methods[name].title, zorder=3
        )
        marks.points(axes, places, cells, one, column.limits)
        own = column.draws[column.draws["method"] == name]
        axes.scatter(own["n"] * one.beside, own["dice"], s=6, color=one.colour, alpha=0.5, linewidths=0, zorder=3)
    for point in column.published:
        _published(axes, point, column.limits)
    for other in column.others:
        _other(axes, other, column.limits)
    axes.set_ylim(*column.limits)


def _gains(axes: Axes, column: CohortColumn, looks: dict[str, marks.Look]) -> None:
    """Mean differences of every method but the control."""
    axes.axhline(0, color=style.GREY, linewidth=1, zorder=1)
    for name, look in looks.items():
        own = column.gains[column.gains["method"] == name].sort_values("n")
        if len(own):
            places = own["n"].to_numpy() * look.dodge
            marks.points(axes, places, own, look, column.gain_limits, marks.excludes(own), numbers=True)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: marks.tick(value)))


def _published(axes: Axes, point: paper.PaperScore, limits: marks.Limits) -> None:
    """A number of the paper: a diamond at its N, or for all labels a triangle at the right margin.

    A diamond has its method's colour where the paper says which method it is.
    """
    label = legends.paper_label(benchmark=point.n is None)
    if point.n is not None:
        edge = style.PRETEXT_COLOURS.get(str(point.pretext), style.INK)
        axes.plot([point.n], [point.dice], label=label, zorder=5, **{**legends.PAPER_POINT, "markeredgecolor": edge})
    elif limits[0] <= point.dice <= limits[1]:  # it stands outside the axes, which therefore cannot clip it
        across = axes.get_yaxis_transform()
        axes.plot([1.0], [point.dice], transform=across, label=label, clip_on=False, **legends.PAPER_BENCHMARK)


def _other(axes: Axes, point: PublishedDice, limits: marks.Limits) -> None:
    """A number that others published: beside the methods at its N, or for all labels at the right margin."""
    if point.n != "all":
        axes.plot([point.n * OTHERS], [point.dice], label=point.method, zorder=2.5, **legends.OTHERS_POINT)
    elif limits[0] <= point.dice <= limits[1]:
        across = axes.get_yaxis_transform()
        axes.plot([1.0], [point.dice], transform=across, label=point.method, clip_on=False, **legends.OTHERS_BENCHMARK)


def _subtitle(summary: pd.DataFrame, settings: CurvesSettings) -> str:
    """Test subjects, draws, and the N of the supervised benchmark."""
    parts = [_count(summary["subjects"], "test subject"), _count(summary["draws"], "draw")]
    if benchmarks := _benchmarks(settings):
        largest = summary.loc[summary["method"].isin(benchmarks), "n"].max()
        parts.append(f"all labels: N = {largest}")
    return ", ".join(parts)


def _count(numbers: pd.Series, noun: str) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low if low == high else f'{low} to {high}'} {noun}{'' if high == 1 else 's'}"
