"""Figure 3: mean Dice against the number of labelled subjects, a panel for each cohort."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fewlabel.config.figure_options import LabelCurves
from fewlabel.config.jobs.figures.label_curves import CurvesSettings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting import paper
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.panels import head, new_panels
from fewlabel.reporting.statistics.scores import read_scores, select
from fewlabel.reporting.statistics.summary import summary_table

DODGE = 0.07
"""Octaves between neighbouring methods at one N, so that none hides another."""
MOST_BANDS = 3
"""Curves whose bands can still be told apart where they overlap."""


class CurveStyle(NamedTuple):
    """How one method is drawn: its colour, its marker, and by which factor it stands beside its N."""

    colour: str
    marker: str
    dodge: float


def draw(results: Path, settings: CurvesSettings) -> Figure:
    """The figure of a study, from its folder."""
    return label_curves(read_scores(results / LAYOUT.scores), settings)


def label_curves(scores: pd.DataFrame, settings: CurvesSettings) -> Figure:
    """Draw the curves.

    Each panel shows, for every method, the mean Dice over draws and test subjects; the supervised benchmark as a
    dotted line; and, as the settings say, bootstrap intervals of both, each draw as a faint point, and the paper's
    published numbers where the cohort stands for one of the paper's.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: what to show and in which order, the interval, sizes in inches and the limits of the Dice axis.

    Returns:
        A figure to be written with `style.save`.

    Raises:
        InputError: a cohort or method of `settings.titles` has no scores.
    """
    titles, shown = settings.titles, settings.figure
    chosen = select(scores, titles, settings.runs)
    summary = summary_table(chosen, settings.intervals)
    kind = interval_kind(shown.intervals, titles.methods)
    legend = legends.Content(
        titles.methods,
        level=settings.intervals.level if kind != "none" and summary["low"].notna().any() else None,
        bands=kind == "bands",
        draws=shown.show_draws and bool((summary["draws"] > 1).any()),
        paper=shown.show_paper and any(cohort.stands_for for cohort in titles.cohorts.values()),
    )
    with style.applied():
        figure, panels = new_panels([cohort.title for cohort in titles.cohorts.values()], shown, legend)
        for axes, (name, cohort) in zip(panels, titles.cohorts.items(), strict=True):
            _panel(axes, chosen[chosen["cohort"] == name], summary[summary["cohort"] == name], cohort, settings)
        for axes in panels:
            if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]  # made by add_subplot
                axes.set_ylabel("Mean test Dice (0 to 1)")
        legends.draw(figure, legend)
    return figure


def _panel(
    axes: Axes, scores: pd.DataFrame, summary: pd.DataFrame, cohort: CohortTitle, settings: CurvesSettings
) -> None:
    """One cohort: `scores` and `summary` hold its rows only."""
    methods = settings.titles.methods
    shown = settings.figure
    published = paper.published(cohort.stands_for) if shown.show_paper else ()
    lines, kind = style.benchmark_lines(methods), interval_kind(shown.intervals, methods)
    style.label_axis(
        axes, {int(n) for n in _of_curves(summary, methods)["n"]} | {point.n for point in published if point.n}
    )
    for name, colour in style.method_colours(methods).items():
        if methods[name].benchmark:
            cell = summary[summary["method"] == name].iloc[0]
            _benchmark(axes, cell, colour, lines[name], methods[name].title, kind != "none")
    for name, look in looks(methods).items():
        cells = summary[summary["method"] == name].sort_values("n")
        intervals(axes, cells, look, kind)
        if shown.show_draws:
            _draws(axes, scores[scores["method"] == name], look)
        curve(axes, cells, look, methods[name].title)
    for point in published:
        _published(axes, point, shown.dice_limits or (0, 1))
    _y_axis(axes, shown)
    head(axes, cohort.title, _subtitle(summary, methods), shown)


def _of_curves(summary: pd.DataFrame, methods: Mapping[str, MethodTitle]) -> pd.DataFrame:
    return summary[summary["method"].isin([name for name, method in methods.items() if not method.benchmark])]


def looks(methods: Mapping[str, MethodTitle]) -> dict[str, CurveStyle]:
    """Of every method that has a curve, in the experiment's order."""
    colours, markers = style.method_colours(methods), style.method_markers(methods)
    step = min(DODGE, 4 * DODGE / len(markers)) if markers else 0
    middle = (len(markers) - 1) / 2
    return {
        name: CurveStyle(colours[name], marker, 2.0 ** ((index - middle) * step))
        for index, (name, marker) in enumerate(markers.items())
    }


def interval_kind(asked: str, methods: Mapping[str, MethodTitle]) -> str:
    """Bands, bars or none: what was asked for, else bands where there are few enough curves for them."""
    return asked if asked != "auto" else "bands" if len(style.method_markers(methods)) <= MOST_BANDS else "bars"


def intervals(axes: Axes, cells: pd.DataFrame, look: CurveStyle, kind: str) -> None:
    """A band with fine edges, which tell bands apart where they overlap, or bars; of a single N always a bar."""
    x = cells["n"].to_numpy() * look.dodge
    low, high = cells["low"].to_numpy(), cells["high"].to_numpy()
    if kind == "bands" and len(x) > 1:
        face, edge = ((*to_rgb(look.colour), alpha) for alpha in (0.12, 0.5))
        axes.fill_between(x, low, high, facecolor=face, edgecolor=edge, linewidth=0.5, zorder=2)
    elif kind != "none":
        axes.vlines(x, low, high, color=look.colour, linewidth=1, alpha=0.8, zorder=3)


def curve(axes: Axes, cells: pd.DataFrame, look: CurveStyle, title: str) -> None:
    """Means joined by a line."""
    axes.plot(
        cells["n"].to_numpy() * look.dodge,
        cells["mean"],
        color=look.colour,
        marker=look.marker,
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=title,
        zorder=4,
    )


def _draws(axes: Axes, scores: pd.DataFrame, look: CurveStyle) -> None:
    """The mean over test subjects of each draw."""
    means = scores.groupby(["n", "draw"], as_index=False)["dice"].mean()
    axes.scatter(means["n"] * look.dodge, means["dice"], s=8, color=look.colour, alpha=0.45, linewidths=0, zorder=3)


def _benchmark(axes: Axes, cell: pd.Series, colour: str, line: style.LineStyle, title: str, interval: bool) -> None:
    """The supervised benchmark is no point at an N: a line across, with its interval as a band."""
    if interval and np.isfinite(cell["low"]):
        axes.axhspan(cell["low"], cell["high"], color=colour, alpha=0.07, linewidth=0, zorder=1)
    axes.axhline(cell["mean"], color=colour, linestyle=line, linewidth=1.3, label=title, zorder=2)


def _published(axes: Axes, point: paper.PaperScore, limits: tuple[float, float]) -> None:
    """A number of the paper: a diamond at its N, or for all labels a triangle at the right margin.

    A diamond has its method's colour where the paper says which method it is.
    """
    label = legends.paper_label(benchmark=point.n is None)
    if point.n is not None:
        edge = style.PAPER_COLOURS.get(str(point.pretext), style.INK)
        axes.plot([point.n], [point.dice], label=label, zorder=5, **{**legends.PAPER_POINT, "markeredgecolor": edge})
    elif limits[0] <= point.dice <= limits[1]:  # it stands outside the axes, which therefore cannot clip it
        across = axes.get_yaxis_transform()
        axes.plot([1.0], [point.dice], transform=across, label=label, clip_on=False, **legends.PAPER_BENCHMARK)


def _y_axis(axes: Axes, settings: LabelCurves) -> None:
    """The limits that were asked for, else those of the data, never beyond 0 to 1."""
    if settings.dice_limits is not None:
        axes.set_ylim(*settings.dice_limits)
        return
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1))


def _subtitle(summary: pd.DataFrame, methods: Mapping[str, MethodTitle]) -> str:
    """Test subjects, draws, and the N of the supervised benchmark."""
    parts = [_count(summary["subjects"], "test subject"), _count(summary["draws"], "draw")]
    benchmarks = [name for name, method in methods.items() if method.benchmark]
    if benchmarks:
        largest = summary.loc[summary["method"].isin(benchmarks), "n"].max()
        parts.append(f"all labels: N = {largest}")
    return ", ".join(parts)


def _count(numbers: pd.Series, noun: str) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low if low == high else f'{low} to {high}'} {noun}{'' if high == 1 else 's'}"
