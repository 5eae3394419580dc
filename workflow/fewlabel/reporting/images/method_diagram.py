"""Figure 2: what each method trains, drawn from the settings of the experiment, with table 1 below."""

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
BESIDE = 1.15
"""Inches that text needs beside a network; in narrower cells it is above and below."""
ALONE = 4.6
"""Width in inches of a figure of one method without pretraining."""
TITLE, STEP, NOTE = 8.5, 7.0, 6.5
"""Sizes of type, in points."""
INDENT = 0.08
"""Inches by which further lines of a note are indented."""
GROUND = "#f4f4f4"
SIDES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class StepPlace:
    """Place of a step: left edge and width in inches."""

    left: float
    width: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def wide(self) -> bool:
        """Whether text has room beside the network."""
        return self.width >= WIDTH + BESIDE + 3 * PAD

    @property
    def network(self) -> float:
        """Left edge of the network: at the right of a wide cell, before the arrow to the next step."""
        return self.right - PAD - WIDTH if self.wide else self.left + (self.width - WIDTH) / 2

    @property
    def text_width(self) -> float:
        """Width of the text."""
        return self.network - self.left - 2 * PAD if self.wide else self.width - 2 * PAD


Lanes = Mapping[str, list[DiagramStep]]


def draw(results: Path, settings: MethodDiagramSettings) -> Figure:
    """The figure of a study, from its folder."""
    table = settings.table
    return method_diagram(
        cohort_table(read_study_facts(results, settings.titles), table).rows if table else None, settings
    )


def method_diagram(rows: pd.DataFrame | None, settings: MethodDiagramSettings) -> Figure:
    """Draw the diagram.

    Each pretrained method has a lane: the U-Net in each stage of pretraining and in finetuning. Methods without
    pretraining are side by side below. Networks show the channels of their stages, which parts are trained, frozen or
    unused, and heads, losses and budgets.

    Args:
        rows: of table 1 (`cohort_table`), which is drawn below; None: without it.
        settings: content, and the width in inches; the height follows from the content.

    Returns:
        A figure for `style.save`.
    """
    lanes = {name: steps(settings, name) for name in settings.methods}
    pretrained = {name: lane for name, lane in lanes.items() if len(lane) > 1}
    others = {name: lane for name, lane in lanes.items() if len(lane) == 1}
    colours = style.method_colours(settings.titles.methods)
    with style.applied():
        canvas = Canvas(settings.figure.width_in if len(lanes) > 1 or pretrained else ALONE)
        y = _pretrained(canvas, MARGIN, pretrained, settings, colours) if pretrained else MARGIN
        if len(others) == 1 and pretrained:
            # One method takes half of the width: the legend is beside it.
            y += 2 * PAD
            cell, free = _split(canvas, 2, 2 * PAD)
            below = _others(canvas, y, cell, others, settings, colours)
            y = max(below, _legend(canvas, lanes, (free.left, y + height([""], TITLE) + PAD), stacked=True))
        else:
            whole = StepPlace(MARGIN, canvas.width - 2 * MARGIN)
            y = _others(canvas, y + (2 * PAD if pretrained else 0), whole, others, settings, colours) if others else y
            y = _legend(canvas, lanes, (MARGIN, y + 1.5 * PAD), stacked=False)
        if rows is not None:
            y = draw_table(canvas, rows, y + 2 * PAD, MARGIN)
        return canvas.finish(y + MARGIN)


def _split(canvas: Canvas, number: int, gap: float, part: StepPlace | None = None) -> list[StepPlace]:
    """A part of the width of the canvas, or all of it, in equal cells."""
    whole = part or StepPlace(MARGIN, canvas.width - 2 * MARGIN)
    width = (whole.width - gap * (number - 1)) / number
    return [StepPlace(whole.left + index * (width + gap), width) for index in range(number)]


def _pretrained(
    canvas: Canvas, top: float, lanes: Lanes, settings: MethodDiagramSettings, colours: Mapping[str, str]
) -> float:
    """Draw a lane for each method: its pretraining and its finetuning; return the lower edge."""
    *before, last = _split(canvas, max(map(len, lanes.values())), GAP)
    panels = [StepPlace(before[0].left, before[-1].right - before[0].left), last]
    texts = ["1  Pretraining without labels", "2  Finetuning with few labels"]
    y = start = top + PAD + max(_head(canvas, top, panel, text) for panel, text in zip(panels, texts, strict=True))
    for index, (name, lane) in enumerate(lanes.items()):
        if index:
            canvas.line([(panels[0].left, y), (last.right, y)], "#cccccc", 0.6)
        # The first stage takes the room of the stages that this method lacks.
        first = before[len(before) - len(lane) + 1]
        cells = [StepPlace(before[0].left, first.right - before[0].left), *before[len(before) - len(lane) + 2 :], last]
        y = _lane(canvas, y + PAD, name, lane, cells, settings, colours[name]) + PAD
    for panel in panels:
        canvas.panel((panel.left, start, panel.width, y - start), GROUND)
    return y


def _others(
    canvas: Canvas,
    top: float,
    panel: StepPlace,
    lanes: Lanes,
    settings: MethodDiagramSettings,
    colours: Mapping[str, str],
) -> float:
    """Draw the methods without pretraining side by side, at most three in a row; return the lower edge."""
    y = start = top + PAD + _head(canvas, top, panel, "Training from random weights")
    names = list(lanes)
    beside = min(len(names), 2 if len(names) in (2, 4) else 3)
    for first in range(0, len(names), beside):
        row = zip(names[first : first + beside], _split(canvas, beside, 0, panel), strict=False)
        ends = [_lane(canvas, y + PAD, name, lanes[name], [cell], settings, colours[name]) for name, cell in row]
        y = max(ends) + PAD
    canvas.panel((panel.left, start, panel.width, y - start), GROUND)
    return y


def _head(canvas: Canvas, top: float, panel: StepPlace, text: str) -> float:
    """The heading above a panel; return its height."""
    lines = wrapped(text, panel.width, TITLE, bold=True)
    return canvas.text((panel.left + panel.width / 2, top), lines, TITLE, "center", fontweight="bold")


def _lane(
    canvas: Canvas, top: float, name: str, lane: Sequence[DiagramStep], cells: Sequence[StepPlace],
    settings: MethodDiagramSettings, colour: str,
) -> float:  # fmt: skip
    """Draw one method below `top`; return the lower edge."""
    room = cells[max(0, len(cells) - 2)].right - cells[0].left - 2 * PAD
    title = wrapped(settings.titles.methods[name].title, room, TITLE, bold=True)
    y = top + canvas.text((cells[0].left + PAD, top), title, TITLE, color=colour, fontweight="bold") + PAD / 2
    network = y + (0 if all(cell.wide for cell in cells) else height(["", ""], STEP) + PAD / 2)
    high = network_height(len(settings.network.widths))
    ends = []
    for index, (step, cell) in enumerate(zip(lane, cells, strict=True)):
        corner = Corner(cell.network, network)
        draw_network(canvas, corner, step, settings.network.widths, colour, f"{name}/{index}")
        ends += [network + high, _step_text(canvas, cell, y, network + high + PAD, step)]
    for step, cell, following in zip(lane, cells, cells[1:], strict=False):
        _hand_on(canvas, network + high / 2, (cell.right, following.left), step.hands_on, colour)
    return max(ends)


def _step_text(canvas: Canvas, cell: StepPlace, top: float, below: float, step: DiagramStep) -> float:
    """Title, input and notes of a step: left of the network, or above and below it; return the lower edge."""
    left = cell.left + PAD if cell.wide else cell.network
    width = cell.text_width if cell.wide else cell.right - PAD - left
    y = top + canvas.text((left, top), wrapped(step.title, width, STEP, bold=True), STEP, fontweight="bold")
    y += canvas.text((left, y), wrapped(step.seen, width, NOTE), NOTE, color="#555555")
    y = y if cell.wide else below
    for note in step.notes:
        first, *further = wrapped(note.replace(" × ", SIDES), width - INDENT, NOTE)
        y += canvas.text((left, y), [first], NOTE)
        y += canvas.text((left + INDENT, y), further, NOTE)
    return y


def _hand_on(canvas: Canvas, y: float, ends: tuple[float, float], text: str, colour: str) -> None:
    """An arrow from one step to the next, with the parts that are handed on above it."""
    canvas.arrow((ends[0], y), (ends[1], y), colour, 1.6)
    lines = wrapped(text, GAP - 0.04, NOTE)
    canvas.text(((ends[0] + ends[1]) / 2, y - height(lines, NOTE) - PAD), lines, NOTE, "center")


def _legend(canvas: Canvas, lanes: Lanes, at: tuple[float, float], stacked: bool) -> float:
    """Explain the looks of boxes that are drawn, in a row or a stack; return the lower edge."""
    found = {state for lane in lanes.values() for step in lane for state in (*step.encoder, *step.decoder)}
    (x, y), wide, high = at, 0.26, 0.12
    for state in (state for state in StageState if state in found):
        canvas.box(f"legend/{state.name}", (x, y, wide, high), **look(state, style.GREY))
        canvas.text((x + wide + 0.05, y + high / 2), [state.value], NOTE, middle=True)
        x, y = (x, y + 0.2) if stacked else (x + wide + 0.2 + text_width(state.value, NOTE), y)
    return y if stacked else y + high
