"""Learning curves with their fitted laws, and the labels that a target Dice needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewlabel.config.base import Unit
from fewlabel.config.figure_options import Panels
from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.classes import FigureParts, dice_label
from fewlabel.reporting.figures.panels import head, is_labelled, new_panels
from fewlabel.reporting.statistics.annotation_budget import REACH, Answer
from fewlabel.reporting.statistics.power_law import Floats

SIZES = Panels(panel_width_in=3.6, panel_height_in=3.0)
TARGET: dict[str, Any] = {"color": "#666666", "linewidth": 0.8, "linestyle": (0, (1, 2))}
NEEDED: dict[str, Any] = {"marker": "|", "markersize": 6, "markeredgewidth": 2}
EDGE: dict[str, Any] = {"linestyle": "-", "linewidth": 0.6, "alpha": 0.7}
"""Ends of a law's interval."""
LOWEST, APART = 0.05, 0.045
"""Place of the first method's N for the target, and distance to the next, as shares of the panel's height."""


def annotation_budget(answers: Sequence[Answer], parts: FigureParts) -> Figure:
    """Draw the answers.

    A panel for each cohort (and class): measured means as points; the law as a solid line, dashed beyond the largest
    tried N, with thin lines at the ends of its interval; the target as a line across; and near the axis of N those that
    reach it, with their intervals. Laws with doubts are not drawn; their points stand alone.

    Args:
        answers: of the same target.
        parts: the cohorts (and classes) and methods that are shown, with the names of the answers' cohorts.

    Returns:
        A figure to be written with `style.save`.
    """
    methods: Mapping[str, MethodTitle] = parts.titles.methods
    with style.applied():
        names = [part.title.title for part in parts.parts.values()]
        figure, panels = new_panels(names, SIZES, _entries(answers, methods), parts.note, groups=parts.groups)
        before = ""
        for (axes,), (name, part) in zip(panels, parts.parts.items(), strict=True):
            own = [answer for answer in answers if answer.curve.cohort == name]
            _panel(axes, own, methods, part.title.count)
            head(axes, part.title.title, _subtitle(own, methods), SIZES)
            if is_labelled(axes, part.label, before):
                axes.set_ylabel(dice_label(part.label, SIZES))
            before = part.label
    return figure


def _entries(answers: Sequence[Answer], methods: Mapping[str, MethodTitle]) -> list[legends.Entry]:
    """The legend: points of methods, and the lines and bands of laws."""
    entries = legends.of_methods(methods, [answer.curve.method for answer in answers], "point")
    if any(_has_law(answer, methods) for answer in answers):
        entries += [
            legends.mark("fitted law", linestyle="-"),
            legends.mark("law beyond the tried N", linestyle="--"),
            legends.mark(f"its {answers[0].curve.level * 100:g} % interval", **EDGE),
        ]
    entries.append(legends.mark(f"target, Dice {answers[0].target:g}", **TARGET))
    if any(answer.needed and _has_law(answer, methods) for answer in answers):
        entries.append(legends.mark("N for the target, with interval", **NEEDED))
    return entries


def _has_law(answer: Answer, methods: Mapping[str, MethodTitle]) -> bool:
    return not (answer.curve.doubts or methods[answer.curve.method].benchmark)


def _panel(axes: Axes, answers: Sequence[Answer], methods: Mapping[str, MethodTitle], count: Unit) -> None:
    colours, markers, lines = style.method_colours(methods), style.method_markers(methods), style.line_styles(methods)
    laws = [answer for answer in answers if _has_law(answer, methods)]
    shown = {n for answer in answers if answer.curve.method in markers for n in answer.curve.counts}
    style.label_axis(axes, shown | {int(REACH * answer.curve.largest) for answer in laws}, count)
    axes.axhline(answers[0].target, zorder=1.5, **TARGET)
    for answer in answers:
        curve, colour = answer.curve, colours[answer.curve.method]
        if methods[curve.method].benchmark:
            axes.axhline(curve.dice[-1], color=colour, linestyle=lines[curve.method], linewidth=1.3, zorder=2)
            continue
        look: dict[str, Any] = {"marker": markers[curve.method], "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(curve.counts, curve.dice, color=colour, linestyle="none", zorder=4, **look)
        if answer in laws:
            _law(axes, answer, colour)
            _needed(axes, answer, colour, LOWEST + APART * laws.index(answer))
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1))


def _law(axes: Axes, answer: Answer, colour: str) -> None:
    """The law with its band, from the smallest N to the largest extrapolation."""
    curve = answer.curve
    x: Floats = np.geomspace(curve.counts[0], REACH * curve.largest, 120)
    line, every = curve.law.dice(x)[0], curve.replicates.dice(x)
    tail = (1 - curve.level) / 2
    low, high = np.quantile(every, [tail, 1 - tail], axis=0)
    for end in (np.minimum(low, line), np.maximum(high, line)):
        axes.plot(x, end, color=colour, zorder=2, **EDGE)
    tried = x <= curve.largest
    axes.plot(x[tried], line[tried], color=colour, zorder=3)
    axes.plot(x[~tried], line[~tried], color=colour, linestyle="--", zorder=3)


def _needed(axes: Axes, answer: Answer, colour: str, place: float) -> None:
    """The N that the target needs, with its interval up to the largest extrapolation, at a share of the height."""
    if answer.needed is None:
        return
    limit = REACH * answer.curve.largest
    ends = [min(end, limit) for end in (answer.needed.low, answer.needed.high)]
    look: dict[str, Any] = {"color": colour, "zorder": 4, "transform": axes.get_xaxis_transform()}
    axes.plot(ends, [place, place], linewidth=1.1, **look)
    axes.plot([answer.needed.value], [place], **look, **NEEDED)


def _subtitle(answers: Sequence[Answer], methods: Mapping[str, MethodTitle]) -> str:
    parts = [
        # The N stays with its method where the line breaks.
        f"{methods[answer.curve.method].title}\u00a0"
        + (f"N\u00a0=\u00a0{answer.needed.value:g}" if answer.needed else "no\u00a0estimate")
        for answer in answers
        if not methods[answer.curve.method].benchmark
    ]
    return f"Dice {answers[0].target:g}: {', '.join(parts)}" if parts else f"Dice {answers[0].target:g}"
