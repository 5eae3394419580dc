"""Label efficiency: the share of the supervised score that each method reaches, against the number of labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.figures.label_efficiency import EfficiencySettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.label_curves import CurveStyle, curve, interval_kind, intervals, looks
from fewlabel.reporting.figures.panels import head, new_panels, notice
from fewlabel.reporting.statistics.scores import read_scores, select
from fewlabel.reporting.statistics.summary import CELL, share

LEVEL = 6.0
"""Size of type of the levels, in points."""


def draw(results: Path, settings: EfficiencySettings) -> Figure:
    """The figure of a study, from its folder."""
    return label_efficiency(read_scores(results / LAYOUT.scores), settings)


def label_efficiency(scores: pd.DataFrame, settings: EfficiencySettings) -> Figure:
    """Draw the shares.

    Each panel shows, for every method, its mean Dice over draws and test subjects as a share of the reference's, with
    bootstrap intervals of that share, and lines at the levels that are asked for.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: whose score is 100 %, what to show and in which order, levels, intervals, sizes in inches.

    Returns:
        A figure to be written with `style.save`. Where no method is trained on all labels it says so and no more.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    titles, shown = settings.titles, settings.figure
    chosen = select(scores, titles, settings.runs)
    if settings.reference is None:
        with style.applied():
            return notice(
                [
                    "Label efficiency is not drawn",
                    "It is a share of the score with all labels, and no method without pretraining is trained on all"
                    " of them. A method with `pretext: none` and `labels: [all]` would be the reference, or another"
                    " named by figures.label_efficiency.reference.",
                ],
                shown,
            )
    shares = share_table(chosen, settings.reference, settings.intervals)
    kind = interval_kind(shown.intervals, titles.methods)
    drawn = kind != "none" and shares["low"].notna().any()
    legend = legends.Content(
        titles.methods,
        level=settings.intervals.level if drawn else None,
        bands=kind == "bands",
        draws=False,
        paper=False,
    )
    with style.applied():
        figure, panels = new_panels([cohort.title for cohort in titles.cohorts.values()], shown, legend)
        for axes, (name, cohort) in zip(panels, titles.cohorts.items(), strict=True):
            cells = shares[shares["cohort"] == name]
            _panel(axes, cells, settings)
            head(axes, cohort.title, _subtitle(cells, settings), shown)
        for axes in panels:
            if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]  # made by add_subplot
                axes.set_ylabel("Share of the benchmark's mean Dice")
        legends.draw(figure, legend)
    return figure


def share_table(scores: pd.DataFrame, reference: str, intervals: Intervals) -> pd.DataFrame:
    """Every cell's mean Dice as a share of the reference's at its largest N, within each cohort.

    Returns:
        Columns cohort, method, n, mean, low, high (shares; NaN where the reference scores 0), draws, subjects,
        reference (its mean Dice) and reference_n, sorted by the first three.
    """
    rows = []
    for _, cohort in scores.groupby("cohort", sort=True):
        own = cohort[cohort["method"] == reference]
        largest = own[own["n"] == own["n"].max()]
        beside = {"reference": largest["dice"].mean(), "reference_n": largest["n"].max()}
        for key, cell in cohort.groupby(CELL, sort=True):
            rows.append({**dict(zip(CELL, key, strict=True)), **vars(share(cell, largest, intervals)), **beside})
    return pd.DataFrame(rows)


def _panel(axes: Axes, shares: pd.DataFrame, settings: EfficiencySettings) -> None:
    """One cohort's shares."""
    methods, shown = settings.titles.methods, settings.figure
    kind = interval_kind(shown.intervals, methods)
    curves = [name for name, method in methods.items() if not method.benchmark]
    style.label_axis(axes, {int(n) for n in shares.loc[shares["method"].isin(curves), "n"]})
    for level in shown.levels:
        axes.axhline(level, color="#888888", linewidth=0.6, dashes=(5, 3), zorder=1.5)
    colours, lines = style.method_colours(methods), style.benchmark_lines(methods)
    for name, line in lines.items():
        cell = shares[shares["method"] == name].iloc[0]
        axes.axhline(cell["mean"], color=colours[name], linestyle=line, linewidth=1.3, zorder=2)
    for name, look in looks(methods).items():
        cells = shares[shares["method"] == name].sort_values("n")
        _drawn(axes, cells, look, kind, methods[name].title)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g} %"))
    axes.margins(y=0.05)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), high)
    _name_levels(axes, shown.levels)


def _drawn(axes: Axes, cells: pd.DataFrame, look: CurveStyle, kind: str, title: str) -> None:
    known = cells[cells["mean"].notna()]
    if len(known):
        intervals(axes, known, look, kind)
        curve(axes, known, look, title)


def _name_levels(axes: Axes, levels: Sequence[float]) -> None:
    """Name the levels' lines at the right margin, from the lowest up, each above the one before."""
    low, high = axes.get_ylim()
    points = axes.bbox.height / axes.figure.dpi * 72 / (high - low)
    lowest = -np.inf
    for level in sorted(levels):
        place = max(level * points, lowest)
        axes.annotate(
            f"{level * 100:g} %", (1, level), (2, place - level * points), ("axes fraction", "data"), "offset points",
            fontsize=LEVEL, color="#555555", verticalalignment="center_baseline", annotation_clip=True,
        )  # fmt: skip
        lowest = place + 1.1 * LEVEL


def _subtitle(shares: pd.DataFrame, settings: EfficiencySettings) -> str:
    """What 100 % is."""
    first = shares.iloc[0]
    title = settings.titles.methods[str(settings.reference)].title
    said = f"100 %: {title}, N = {first['reference_n']:.0f}, Dice {first['reference']:.3f}"
    return said if np.isfinite(first["mean"]) else f"{said}; of nothing there is no share"
