"""Each test subject's Dice with a method and with its control, and their mean difference below, at each N."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fewlabel.config.jobs.figures.paired_subjects import PairedSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.figures import legends, marks, style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.figures.classes import FigureParts, axis_label, cohort_of_part, parts_of
from fewlabel.reporting.figures.panels import SUBTITLE, TITLE, grid_places, head, is_labelled, left_out, notice, text_in
from fewlabel.reporting.statistics.comparisons import gains, why_none
from fewlabel.reporting.statistics.scores import read_class_scores, select

BESIDE = 0.17
"""Distance of control and method from their N, as a share of the distance of two N."""
MOST_LINES = 20
"""Number of subjects up to which pairs are lines; of more, each subject's difference is a point of a swarm."""
SWARM_POINT = 1.7
"""Diameter of a point of a swarm, in points."""
NUMBER = 5.8
"""Size of type of the differences, in points."""
LOWER_IN = 1.15
"""Height of the axis of mean differences, with its labels."""
HEAD_IN, LABEL = 0.4, style.PARAMETERS["axes.labelsize"]
"""Height of a panel's title and subtitle; size of type of an axis label, in points."""


@dataclass(frozen=True)
class Pairs:
    """One panel: a method against the control on a cohort.

    Attributes:
        cohort, method: names.
        points: columns n, draw, subject, control, method (Dice of both), a row a pair.
        gains: of each N, the mean difference with its interval (`comparisons.gains`).
    """

    cohort: str
    method: str
    points: pd.DataFrame
    gains: pd.DataFrame

    @property
    def swarm(self) -> bool:
        """Whether there are too many subjects for lines."""
        return self.points["subject"].nunique() > MOST_LINES


def draw(results: Path, settings: PairedSettings) -> Figure:
    """The figure of a study, from its folder."""
    return paired_subjects(read_class_scores(results / LAYOUT.scores), settings)


def paired_subjects(scores: pd.DataFrame, settings: PairedSettings) -> Figure:
    """Draw the pairs.

    A panel for each method and cohort. Above, at each N, a line from each test subject's Dice with the control to that
    with the method (means over draws, or every draw); of more than `MOST_LINES` subjects, a swarm of the differences.
    Below, the mean difference over draws and subjects with its bootstrap interval, from all draws.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: control and methods, interval, sizes in inches.

    Returns:
        A figure to be written with `style.save`; a notice if there is nothing to compare.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    parts = parts_of(chosen, settings.titles, settings.figure.classes)
    settings = settings.model_copy(update={"titles": parts.titles})
    panels = list(pairs(parts.scores, settings))
    with style.applied():
        if not panels:
            why = why_none(settings.control)
            return notice(["Test subjects in pairs are not drawn", f"{why[0].upper()}{why[1:]}."], settings.figure)
        return _draw(panels, parts, settings)


def pairs(scores: pd.DataFrame, settings: PairedSettings) -> Iterator[Pairs]:
    """The pairs of each method and cohort with a common N, methods first."""
    gained = gains(scores, settings.control, settings.methods, settings.intervals)
    keys = ["n", "draw", "subject"]
    for method in settings.methods:
        for cohort in settings.titles.cohorts:
            rows = scores[scores["cohort"] == cohort]
            ours, control = (rows[rows["method"] == name] for name in (method, settings.control))
            both = ours.merge(control, on=keys, suffixes=("_method", "_control"), validate="one_to_one")
            points = both[keys].assign(control=both["dice_control"], method=both["dice_method"])
            if settings.figure.draws == "mean":
                points = points.groupby(["n", "subject"], as_index=False)[["control", "method"]].mean().assign(draw=0)
            if len(points):
                own = gained[(gained["cohort"] == cohort) & (gained["method"] == method)]
                yield Pairs(cohort, method, points, own.sort_values("n"))


# ------------------------------------------------------------------------------------------------------- drawing
def _draw(panels: list[Pairs], parts: FigureParts, settings: PairedSettings) -> Figure:
    sizes = settings.figure
    beside = sizes.columns or _columns(len(settings.titles.cohorts), len(panels))
    panels, groups = _grouped(panels, parts)
    places = grid_places(len(panels), beside, groups, sizes.columns)
    rows, columns = (1 + max(ends) for ends in zip(*places, strict=True))
    heads = [_head(panel, settings) for panel in panels]
    high = [
        sizes.panel_height_in
        + max(_head_in(*of, settings) for of, (at, _) in zip(heads, places, strict=True) if at == row)
        for row in range(rows)
    ]
    width = columns * sizes.panel_width_in
    note = wrapped(f"{parts.note} {_note(panels, settings)}".strip(), width - 0.2, SUBTITLE)
    entries = _entries(panels, settings)
    figure = style.new_figure(width, sum(high) + legends.height_in(entries, width, note))
    ratios = [part for one in high for part in (one - LOWER_IN, LOWER_IN)]
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=ratios)
    drawn: list[tuple[str, Axes]] = []
    before = ""
    for panel, (title, small), (row, column) in zip(panels, heads, places, strict=True):
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        _lower(lower, panel, _limits(panels, panel.cohort), settings)
        lower.set_xlabel(style.n_label(parts.parts[panel.cohort].title.count))
        (_swarms if panel.swarm else _lines)(upper, panel, settings)
        drawn.append((panel.cohort, upper))
        head(upper, title, small, sizes)
        label = parts.parts[panel.cohort].label
        if is_labelled(upper, label, before):
            upper.set_ylabel(_dice_label(panel, label, high[row] - LOWER_IN))
            lower.set_ylabel("Mean\ndifference")
        before = label
    for cohort in dict.fromkeys(part.cohort for part in parts.parts.values()):
        _one_scale([upper for name, upper in drawn if cohort_of_part(name) == cohort])
    legends.draw(figure, entries, note)
    return figure


def _grouped(panels: list[Pairs], parts: FigureParts) -> tuple[list[Pairs], list[int]]:
    """The panels in their order, and numbers of those that belong together: with parts of cohorts, cohorts come first,
    and the parts of a cohort with one method stand together."""
    sizes = Counter(part.cohort for part in parts.parts.values())
    if max(sizes.values()) == 1:
        return panels, [1] * len(panels)
    ordered = sorted(panels, key=lambda panel: list(sizes).index(cohort_of_part(panel.cohort)))
    cohorts = [cohort_of_part(panel.cohort) for panel in ordered]
    owners = [(name, panel.method if sizes[name] > 1 else "") for name, panel in zip(cohorts, ordered, strict=True)]
    return ordered, list(Counter(owners).values())


def _dice_label(panel: Pairs, label: str, height_in: float) -> str:
    """The label of the upper axis; `label`: of which Dice (`classes.FigurePart.label`)."""
    what = "Difference in\ntest Dice" if panel.swarm else "Test Dice"
    return axis_label(what.replace("\n", " "), label, height_in - HEAD_IN, LABEL) if label else what


def _columns(cohorts: int, panels: int) -> int:
    """A column a cohort; panels of a single cohort fill two or three columns."""
    return min(cohorts, 3) if cohorts > 1 else 2 if panels in (2, 4) else 3


def _limits(panels: list[Pairs], cohort: str) -> marks.Limits:
    """Of the mean differences of one cohort, so that methods can be compared."""
    own = [panel.gains for panel in panels if cohort_of_part(panel.cohort) == cohort_of_part(cohort)]
    return marks.gain_limits(pd.concat(own))


def _head(panel: Pairs, settings: PairedSettings) -> tuple[str, str]:
    """Title and subtitle of a panel."""
    methods = settings.titles.methods
    names = methods[panel.method].title, methods[str(settings.control)].title
    against = "{} minus {}" if panel.swarm else "{} (right) against {} (left)"
    return settings.titles.cohorts[panel.cohort].title, against.format(*names)


def _head_in(title: str, small: str, settings: PairedSettings) -> float:
    """How much higher than one line of each a head is, in inches."""
    room = text_in(settings.figure)
    lines = len(wrapped(title, room, TITLE, bold=True)), len(wrapped(small, room, SUBTITLE))
    return float((lines[0] - 1) * TITLE * 1.2 + (lines[1] - 1) * 8.5) / 72


def _note(panels: list[Pairs], settings: PairedSettings) -> str:
    """What a line or point is, how many there are, what is left out."""
    subjects = {panel.points["subject"].nunique() for panel in panels}
    draws = {int(n) for panel in panels for n in panel.gains["draws"]}
    each = "one test subject" if max(draws) == 1 or settings.figure.draws == "mean" else "one test subject in one draw"
    mean = f", mean over {_range(draws)} draws" if max(draws) > 1 and settings.figure.draws == "mean" else ""
    what = "Small points" if all(panel.swarm for panel in panels) else "Lines"
    parts = [
        f"{what}: {each}{mean}; {_range(subjects)} subject{'' if max(subjects) == 1 else 's'}.",
        "Numbers: mean difference and its interval.",
        left_out(settings.left_out),
    ]
    return " ".join(parts).strip()


def _entries(panels: list[Pairs], settings: PairedSettings) -> list[legends.Entry]:
    methods = [panel.method for panel in panels]
    control = [] if all(panel.swarm for panel in panels) else [str(settings.control)]
    entries = legends.of_methods(settings.titles.methods, [*control, *methods], "point", settings.control)
    if any(panel.gains["low"].notna().any() for panel in panels):
        entries += [legends.interval(settings.intervals.level), *legends.fill()]
    left = [marks.leaving(panel.gains, _limits(panels, panel.cohort)) for panel in panels]
    return entries + legends.beyond(any(interval for interval, _ in left), any(mean for _, mean in left))


def _range(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _one_scale(axes: Sequence[Axes]) -> None:
    """The same limits for panels of one cohort."""
    boxes = [one.dataLim for one in axes]
    if boxes:
        low, high = min(box.y0 for box in boxes), max(box.y1 for box in boxes)
        room = max(0.06 * (high - low), 0.005)
        for one in axes:
            one.set_ylim(low - room, high + room)


def _lines(axes: Axes, panel: Pairs, settings: PairedSettings) -> None:
    """Subjects in pairs."""
    colours, markers = (of(settings.titles.methods) for of in (style.method_colours, style.method_markers))
    places = {n: index for index, n in enumerate(panel.gains["n"])}
    x = panel.points["n"].map(places).to_numpy(dtype=np.float64)
    pair = panel.points[["control", "method"]].to_numpy()
    axes.plot(np.stack([x - BESIDE, x + BESIDE]), pair.T, color="#9a9a9a", linewidth=0.5, alpha=0.6, zorder=2)
    for beside, column, name in ((-BESIDE, 0, str(settings.control)), (BESIDE, 1, panel.method)):
        look: dict[str, Any] = {"color": colours[name], "marker": markers.get(name, "D")}
        axes.scatter(x + beside, pair[:, column], s=9, alpha=0.8, linewidths=0, zorder=3, **look)
    axes.tick_params(labelbottom=False)


def _swarms(axes: Axes, panel: Pairs, settings: PairedSettings) -> None:
    """The differences of many subjects, a swarm an N."""
    # Not above: its import takes as long as a small figure.
    from seaborn import swarmplot

    colours, markers = (of(settings.titles.methods) for of in (style.method_colours, style.method_markers))
    places = {n: place for place, n in enumerate(panel.gains["n"])}
    points = panel.points[panel.points["n"].isin(list(places))]
    axes.axhline(0, color=style.GREY, linewidth=1, zorder=1)
    # Points that do not fit beside each other lie on each other (`warn_thresh`: without a warning).
    swarmplot(
        x=points["n"].map(places), y=points["method"] - points["control"], ax=axes, native_scale=True, warn_thresh=1,
        color=colours[panel.method], marker=markers[panel.method], size=SWARM_POINT, alpha=0.7, linewidth=0, zorder=2,
    )  # fmt: skip
    axes.set(xlabel="", ylabel="")
    _signed_axis(axes)
    axes.tick_params(labelbottom=False)


def _lower(axes: Axes, panel: Pairs, limits: marks.Limits, settings: PairedSettings) -> None:
    """Mean differences with intervals about 0, and their numbers if there is room."""
    methods, counts = settings.titles.methods, [int(n) for n in panel.gains["n"]]
    look = marks.Look(style.method_colours(methods)[panel.method], style.method_markers(methods)[panel.method], 4.5)
    axes.axhline(0, color=style.GREY, linewidth=1, zorder=1)
    places = np.arange(len(counts), dtype=np.float64)
    marks.points(axes, places, panel.gains, look, limits, marks.excludes(panel.gains))
    _signed_axis(axes)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_xticks(places, [str(n) for n in counts])
    for x, text in enumerate(_numbers(panel.gains, (settings.figure.panel_width_in - 0.65) / len(counts))):
        axes.annotate(
            text, (x, 1), (0, 4), ("data", "axes fraction"), "offset points", fontsize=NUMBER,
            horizontalalignment="center", color="#333333",
        )  # fmt: skip


def _signed_axis(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: marks.tick(value)))


def _numbers(rows: pd.DataFrame, room_in: float) -> list[str]:
    """Of each mean number and interval: in two lines or three, or none if there is no room."""
    for between in (" to ", "\n"):
        texts = []
        for mean, low, high in zip(rows["mean"], rows["low"], rows["high"], strict=True):
            ends = [marks.signed(end) for end in (low, high) if np.isfinite(end)]
            texts.append("\n".join([marks.signed(mean), *([between.join(ends)] if ends else [])]))
        if max(text_width(line, NUMBER) for text in texts for line in text.splitlines()) + 0.02 <= room_in:
            return texts
    return []
