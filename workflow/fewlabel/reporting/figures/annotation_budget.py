"""Learning curves with their laws, drawn to where they are read, and what a target needs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewlabel.config.figure_options import Panels
from fewlabel.config.jobs.titles import MethodTitle, Titles
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.label_curves import looks
from fewlabel.reporting.figures.panels import head, new_panels
from fewlabel.reporting.statistics.annotation_budget import REACH, Answer
from fewlabel.reporting.statistics.power_law import Floats

SIZES = Panels(panel_width_in=3.6, panel_height_in=3.0)


def annotation_budget(answers: Sequence[Answer], titles: Titles) -> Figure:
    """Draw the answers.

    A panel for each cohort: measured means as points, the law as a line, dashed beyond what was tried, with a band of
    its intervals, down to where it may be read; the target as a line across, and on it the N that reach it with their
    intervals. A law that nothing is read from is not drawn: its points stand alone.

    Args:
        answers: of the same target.
        titles: of the cohorts and methods that are shown.

    Returns:
        A figure to be written with `style.save`.
    """
    methods: Mapping[str, MethodTitle] = titles.methods
    carried = any(not answer.curve.doubts for answer in answers)
    legend = legends.Content(
        methods, level=answers[0].curve.level if carried else None, bands=True, draws=False, paper=False
    )
    with style.applied():
        figure, panels = new_panels([cohort.title for cohort in titles.cohorts.values()], SIZES, legend)
        for axes, (name, cohort) in zip(panels, titles.cohorts.items(), strict=True):
            own = [answer for answer in answers if answer.curve.cohort == name]
            _panel(axes, own, methods)
            head(axes, cohort.title, _subtitle(own, methods), SIZES)
            if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]  # made by add_subplot
                axes.set_ylabel("Mean test Dice (0 to 1)")
        legends.draw(figure, legend, "dashed: beyond what was tried")
    return figure


def _panel(axes: Axes, answers: Sequence[Answer], methods: Mapping[str, MethodTitle]) -> None:
    colours, known, lines = style.method_colours(methods), looks(methods), style.benchmark_lines(methods)
    shown = {n for answer in answers if answer.curve.method in known for n in answer.curve.counts}
    far = {int(REACH * answer.curve.largest) for answer in answers if not answer.curve.doubts}
    style.label_axis(axes, shown | far)
    target = answers[0].target
    axes.axhline(target, color="#888888", linewidth=0.8, dashes=(5, 3), zorder=1.5)
    axes.annotate(
        f"{target:g}", (1, target), (2, 0), ("axes fraction", "data"), "offset points", fontsize=6, color="#555555",
        verticalalignment="center_baseline",
    )  # fmt: skip
    for answer in answers:
        curve, colour = answer.curve, colours[answer.curve.method]
        if curve.method in lines:
            axes.axhline(curve.dice[-1], color=colour, linestyle=lines[curve.method], linewidth=1.3, zorder=2)
            continue
        marker = known[curve.method].marker
        axes.plot(curve.counts, curve.dice, color=colour, marker=marker, linestyle="none", zorder=4)
        if not curve.doubts:
            _law(axes, answer, colour)
            _needed(axes, answer, colour)
    axes.margins(y=0.06)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1))


def _law(axes: Axes, answer: Answer, colour: str) -> None:
    """The law with its band, from the smallest N to where it may be read."""
    curve = answer.curve
    x: Floats = np.geomspace(curve.counts[0], REACH * curve.largest, 120)
    line, every = curve.law.dice(x)[0], curve.replicates.dice(x)
    tail = (1 - curve.level) / 2
    low, high = np.quantile(every, [tail, 1 - tail], axis=0)
    axes.fill_between(x, np.minimum(low, line), np.maximum(high, line), color=colour, alpha=0.12, linewidth=0, zorder=2)
    tried = x <= curve.largest
    axes.plot(x[tried], line[tried], color=colour, zorder=3)
    axes.plot(x[~tried], line[~tried], color=colour, linestyle="--", zorder=3)


def _needed(axes: Axes, answer: Answer, colour: str) -> None:
    """The N that the target needs, with its interval as far as the law is read."""
    if answer.needed is None:
        return
    limit = REACH * answer.curve.largest
    low, high = (min(end, limit) for end in (answer.needed.low, answer.needed.high))
    axes.hlines(answer.target, low, high, color=colour, linewidth=2.2, alpha=0.5, zorder=4)
    axes.plot(
        [answer.needed.value], [answer.target], marker="|", markersize=9, markeredgewidth=2, color=colour, zorder=5
    )


def _subtitle(answers: Sequence[Answer], methods: Mapping[str, MethodTitle]) -> str:
    parts = [
        # The N stays with its method where the line breaks.
        f"{methods[answer.curve.method].title}\u00a0"
        + (f"N\u00a0=\u00a0{answer.needed.value:g}" if answer.needed else "not\u00a0told")
        for answer in answers
        if not methods[answer.curve.method].benchmark
    ]
    return f"Dice {answers[0].target:g}: {', '.join(parts)}" if parts else f"Dice {answers[0].target:g}"
