"""Figure 2: the two steps, drawn from the experiment's own settings, with table 1 beneath."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from fewlabel.config.jobs.figures.method_diagram import MethodDiagramSettings
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import Canvas, height, text_width, wrapped
from fewlabel.reporting.images.method_diagram_network import WIDTH, Corner, draw_network, look, network_height
from fewlabel.reporting.images.method_diagram_steps import DiagramStep, StageState, steps
from fewlabel.reporting.images.method_diagram_table import draw_table
from fewlabel.reporting.tables.cohort_facts import read_study_facts
from fewlabel.reporting.tables.cohorts import cohort_table

MARGIN, PAD, GAP = 0.08, 0.06, 0.52
"""Inches: around the figure, within panels, between steps."""
TITLE, STEP, NOTE = 8.5, 7.0, 6.5
"""Sizes of type, in points."""
INDENT = 0.08
"""Inches by which a note's further lines stand in."""
GROUND = "#f4f4f4"


@dataclass(frozen=True)
class Columns:
    """Where the steps stand, in inches.

    Attributes:
        lefts: of the columns; the last is finetuning, those before it pretraining.
        width: of each.
    """

    lefts: Sequence[float]
    width: float

    def panels(self) -> list[tuple[float, float]]:
        """Left and right edge of pretraining, where there is any, and of finetuning."""
        last = self.lefts[-1]
        pretraining = [(self.lefts[0], self.lefts[-2] + self.width)] if len(self.lefts) > 1 else []
        return [*pretraining, (last, last + self.width)]


def draw(results: Path, settings: MethodDiagramSettings) -> Figure:
    """The figure of a study, from its folder."""
    table = settings.table
    return method_diagram(
        cohort_table(read_study_facts(results, settings.titles), table).rows if table else None, settings
    )


def method_diagram(rows: pd.DataFrame | None, settings: MethodDiagramSettings) -> Figure:
    """Draw the diagram.

    A lane for each method: the U-Net of each pretraining stage and of finetuning, with the channels of its stages,
    what is trained, frozen, handed on and left at random, heads, losses and budgets.

    Args:
        rows: of table 1 (`cohort_table`), which is drawn beneath; None: without it.
        settings: all that is shown, and the width in inches; the height follows from the content.

    Returns:
        A figure to be written with `style.save`.
    """
    lanes = {name: steps(settings, name) for name in settings.methods}
    colours = style.method_colours(settings.titles.methods)
    with style.applied():
        canvas = Canvas(settings.figure.width_in)
        columns = _columns(max(map(len, lanes.values())), canvas.width)
        y = MARGIN + _heads(canvas, columns) + PAD
        top = y
        for index, (name, lane) in enumerate(lanes.items()):
            if index:
                canvas.line([(columns.lefts[0], y), (columns.lefts[-1] + columns.width, y)], "#cccccc", 0.6)
            y += _lane(canvas, columns, y + PAD, name, lane, settings, colours[name]) + 2 * PAD
        for left, right in columns.panels():
            canvas.panel((left, top, right - left, y - top), GROUND)
        y += 1.5 * PAD + _legend(canvas, lanes, colours, y + 1.5 * PAD)
        if rows is not None:
            y = draw_table(canvas, rows, y + 2 * PAD, MARGIN)
        return canvas.finish(y + MARGIN)


def _columns(number: int, width: float) -> Columns:
    wide = (width - 2 * MARGIN - GAP * (number - 1)) / number
    return Columns([MARGIN + index * (wide + GAP) for index in range(number)], wide)


def _heads(canvas: Canvas, columns: Columns) -> float:
    """What the two steps are, above their panels; gives the height."""
    texts = ["Finetuning with few labels"]
    texts = ["1  Pretraining without labels", f"2  {texts[0]}"] if len(columns.lefts) > 1 else texts
    return max(
        canvas.text(
            ((left + right) / 2, MARGIN), wrapped(text, right - left, TITLE, bold=True), TITLE, "center",
            fontweight="bold",
        )
        for (left, right), text in zip(columns.panels(), texts, strict=True)
    )  # fmt: skip


def _lane(
    canvas: Canvas,
    columns: Columns,
    top: float,
    name: str,
    lane: list[DiagramStep],
    settings: MethodDiagramSettings,
    colour: str,
) -> float:
    """One method from `top` downwards; gives its height."""
    left, right = columns.panels()[0]
    title = wrapped(settings.titles.methods[name].title, right - left - 2 * PAD, TITLE, bold=True)
    y = top + canvas.text((left + PAD, top), title, TITLE, color=colour, fontweight="bold") + PAD / 2
    centres = _centres(columns, len(lane))
    above = height(["", ""], STEP) + PAD / 2
    below = y + above + network_height(len(settings.network.widths)) + PAD
    ends = [
        _step(canvas, (centre, y), above, below, columns.width - 2 * PAD, step, settings, colour, f"{name}/{index}")
        for index, (centre, step) in enumerate(zip(centres, lane, strict=True))
    ]
    middle = y + above + network_height(len(settings.network.widths)) / 2
    for step, before, after in zip(lane, centres, centres[1:], strict=False):
        _hand_on(canvas, middle, (before + columns.width / 2, after - columns.width / 2), step.hands_on, colour)
    if len(lane) == 1 and len(columns.lefts) > 1:
        canvas.text(((left + right) / 2, middle), ["no pretraining"], STEP, "center", middle=True, color="#666666")
    return max(ends) - top


def _centres(columns: Columns, number: int) -> list[float]:
    """Of a lane's steps: finetuning in the last column, pretraining spread over those before it."""
    pitch, free = columns.width + GAP, len(columns.lefts) - number
    spread = [columns.lefts[0] + columns.width / 2 + (index + free / 2) * pitch for index in range(number - 1)]
    return [*spread, columns.lefts[-1] + columns.width / 2]


def _step(
    canvas: Canvas, at: tuple[float, float], above: float, below: float, width: float, step: DiagramStep,
    settings: MethodDiagramSettings, colour: str, gid: str,
) -> float:  # fmt: skip
    """Title, network and notes of one step, about the middle `at`; gives the lower edge."""
    centre, top = at
    corner = Corner(centre - WIDTH / 2, top + above)
    title = wrapped(step.title, width, STEP, bold=True)
    y = top + canvas.text((corner.left, top), title, STEP, fontweight="bold")
    canvas.text((corner.left, y), [step.seen], NOTE, color="#555555")
    draw_network(canvas, corner, step, settings.network.widths, colour, gid)
    for note in step.notes:
        first, *further = wrapped(note, width - INDENT, NOTE)
        below += canvas.text((corner.left, below), [first], NOTE)
        below += canvas.text((corner.left + INDENT, below), further, NOTE)
    return below


def _hand_on(canvas: Canvas, y: float, ends: tuple[float, float], text: str, colour: str) -> None:
    """An arrow from one step to the next, and above it what goes with it."""
    canvas.arrow((ends[0], y), (ends[1], y), colour, 1.6)
    lines = wrapped(text, GAP - 0.04, NOTE)
    # Before the step that takes it: a lane's title may stand above the rest of a long arrow.
    canvas.text((ends[1] - GAP / 2, y - height(lines, NOTE) - PAD), lines, NOTE, "center")


def _legend(canvas: Canvas, lanes: Mapping[str, list[DiagramStep]], colours: Mapping[str, str], top: float) -> float:
    """What the looks of boxes mean: those that are drawn. Gives the height."""
    found = {state for lane in lanes.values() for step in lane for state in (*step.encoder, *step.decoder)}
    x, y, wide, high = MARGIN, top, 0.26, 0.12
    for state in (state for state in StageState if state in found):
        lines = wrapped(state.value, canvas.width - 2 * MARGIN - wide, NOTE)
        canvas.box(f"legend/{state.name}", (x, y, wide, high), **look(state, style.GREY))
        canvas.text((x + wide + 0.05, y + high / 2), lines, NOTE, middle=True)
        x += wide + 0.2 + max(text_width(line, NOTE) for line in lines)
    return y + high - top
