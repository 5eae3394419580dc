"""Label efficiency: labels that the control needs for the same Dice, as a multiple of each method's N."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import offset_copy

from fewlabel.config.base import Unit
from fewlabel.config.jobs.figures.label_efficiency import EfficiencySettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import legends, marks, style
from fewlabel.reporting.figures.classes import axis_label, cohort_of_part, parts_of
from fewlabel.reporting.figures.panels import AXIS_IN, head, is_labelled, left_out, new_panels, notice, text_in
from fewlabel.reporting.statistics.comparisons import why_none
from fewlabel.reporting.statistics.labels_needed import equivalents
from fewlabel.reporting.statistics.scores import read_class_scores, select

ROOM = 0.3
"""Octaves left free above and below."""
NO_SAVING = "1 ×"
LEAST_AXIS = (0.6, 1.7)
"""Multiples that every axis holds, so that 1/2 × and 2 × are on it."""


def draw(results: Path, settings: EfficiencySettings) -> Figure:
    """The figure of a study, from its folder."""
    return label_efficiency(read_class_scores(results / LAYOUT.scores), settings)


def label_efficiency(scores: pd.DataFrame, settings: EfficiencySettings) -> Figure:
    """Draw the multiples.

    Each panel shows, for every method at each of its N, how many labels the control needs for the same mean Dice,
    divided by N, with the bootstrap interval: 2 × means that the method saves half of the labels. The control's labels
    are interpolated between the N at which it was finetuned; multiples beyond these are marked as bounds.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: the control, methods in their order, intervals, sizes in inches.

    Returns:
        A figure to be written with `style.save`; a notice if there is nothing to compare or the control has one N.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    shown = settings.figure
    parts = parts_of(select(scores, settings.titles, settings.runs), settings.titles, shown.classes)
    chosen, titles = parts.scores, parts.titles
    rows = multiples(chosen, settings.model_copy(update={"titles": titles}))
    if rows.empty:
        why = "the control has only one N" if settings.methods else why_none(settings.control)
        with style.applied():
            return notice(["Label efficiency is not drawn", f"{why[0].upper()}{why[1:]}."], shown)
    if shown.intervals == "none":
        rows = rows.assign(low=np.nan, high=np.nan)
    with style.applied():
        names = [cohort.title for cohort in titles.cohorts.values()]
        note = f"{parts.note} {left_out(settings.left_out)}".strip()
        figure, panels = new_panels(names, shown, _entries(rows, settings), note, groups=parts.groups)
        before = ""
        for (axes,), (name, part) in zip(panels, parts.parts.items(), strict=True):
            together = rows[rows["cohort"].map(cohort_of_part) == part.cohort]
            _panel(axes, rows[rows["cohort"] == name], _limits(together), settings, part.title.count)
            control = chosen[(chosen["cohort"] == name) & (chosen["method"] == settings.control)]
            ends = f"N = {control['n'].min()} to {control['n'].max()}"
            head(axes, part.title.title, f"Control: {titles.methods[str(settings.control)].title}, {ends}", shown)
            if is_labelled(axes, part.label, before):
                room = shown.panel_height_in - AXIS_IN
                dice = axis_label(
                    "(Control's N for the same Dice", part.label, room, style.PARAMETERS["axes.labelsize"]
                )
                axes.set_ylabel(f"{dice}) / N")
            before = part.label
    return figure


def multiples(scores: pd.DataFrame, settings: EfficiencySettings) -> pd.DataFrame:
    """The control's labels for each method's mean Dice, divided by the method's N.

    Returns:
        Columns cohort, method, n; mean, low, high (multiples of N; 0 or infinite if beyond the control's N); least and
        most, the multiples at the control's smallest and largest N. Empty if nothing can be compared.
    """
    found = []
    for cohort in settings.titles.cohorts:
        own = scores[scores["cohort"] == cohort]
        curves = {
            str(name): {int(str(n)): cell for n, cell in rows.groupby("n")} for name, rows in own.groupby("method")
        }
        control = curves.get(settings.control or "", {})
        for method in settings.methods if len(control) > 1 else []:
            rows = equivalents(curves[method], control, settings.intervals)
            scaled = rows[["value", "low", "high"]].div(rows["n"], axis=0).set_axis(["mean", "low", "high"], axis=1)
            ends = {"least": min(control) / rows["n"], "most": max(control) / rows["n"]}
            found.append(rows[["n"]].join(scaled).assign(cohort=cohort, method=method, **ends))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _entries(rows: pd.DataFrame, settings: EfficiencySettings) -> list[legends.Entry]:
    """The legend: every mark that some panel shows."""
    entries = legends.of_methods(settings.titles.methods, settings.methods, "point")
    if rows["low"].notna().any():
        entries += [legends.interval(settings.intervals.level), *legends.fill(NO_SAVING)]
    entries.append(legends.mark("largest N of the control", linestyle=":", linewidth=1))
    if (_bounds(rows) != 0).any():
        entries.append(legends.mark("at least (▼ at most)", marker=6, markersize=5, color=style.INK))
    return entries


def _bounds(rows: pd.DataFrame) -> pd.Series:
    """1 where the control never reaches the Dice, -1 where its smallest N surpasses it, else 0."""
    return (rows["mean"] > rows["most"]).astype(int) - (rows["mean"] < rows["least"]).astype(int)


def _bounded(rows: pd.DataFrame) -> pd.DataFrame:
    """The multiples within those that the control's N can show, and whether they are bounds."""
    clipped = {name: rows[name].clip(rows["least"], rows["most"]) for name in ("mean", "low", "high")}
    return rows.assign(**clipped, bound=_bounds(rows))


def _limits(rows: pd.DataFrame) -> marks.Limits:
    """Limits of the axis of multiples, of all parts of a cohort."""
    bounded = _bounded(rows)
    ends = [*LEAST_AXIS, *bounded["mean"], *bounded["low"].dropna(), *bounded["high"].dropna()]
    return min(ends) * 2.0**-ROOM, max(ends) * 2.0**ROOM


def _panel(axes: Axes, rows: pd.DataFrame, limits: marks.Limits, settings: EfficiencySettings, count: Unit) -> None:
    """One cohort's multiples on a logarithmic axis."""
    counts = sorted({int(n) for n in rows["n"]})
    looks = marks.looks(settings.titles.methods, settings.methods, counts, text_in(settings.figure))
    bounded = _bounded(rows)
    fig = axes.get_figure(root=True)
    axes.set_yscale("log", base=2)
    axes.axhline(1, color=style.GREY, linewidth=1, zorder=1)
    line = np.geomspace(counts[0] * 2.0**-style.MARGIN, counts[-1] * 2.0**style.MARGIN, 50)
    axes.plot(line, (rows["most"] * rows["n"]).max() / line, color=style.GREY, linestyle=":", linewidth=1, zorder=1)
    for name, look in looks.items():
        own, filled = (table[table["method"] == name] for table in (bounded, rows))
        places = own["n"].to_numpy() * look.dodge
        marks.points(axes, places, own, look, limits, marks.excludes(filled, 1.0))
        for bound, marker in ((1, 10), (-1, 11)):  # carets that point up and down
            at, beside = (own["bound"] == bound).to_numpy(), offset_copy(axes.transData, fig, 0, 3 * bound, "points")
            look_of: dict[str, Any] = {"marker": marker, "markersize": 4.5, "linestyle": "none", "color": style.INK}
            axes.plot(places[at], own["mean"][at], transform=beside, **look_of)
    style.label_axis(axes, set(counts), count)
    axes.yaxis.set_major_locator(LogLocator(base=2, numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _times(value)))


def _times(value: float) -> str:
    power = round(math.log2(value))
    return f"{2**power} ×" if power >= 0 else f"1/{2**-power} ×"
