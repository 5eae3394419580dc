"""Figure 2: the U-Net of one step with its head and loss, as boxes and lines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import Canvas, tint
from fewlabel.reporting.images.method_diagram_steps import DiagramStep, StageState

BOX, SPAN, BESIDE, HEAD = 0.36, 0.2, 0.08, 0.79
"""Widths in inches: of a stage, between encoder and decoder, before the head, of the head."""
HIGH, PITCH = 0.145, 0.2
"""Height of a stage, and from one stage to the next."""
WIDTH = 2 * BOX + SPAN + BESIDE + HEAD
TYPE = 6.5
LINES = "#8a8a8a"


class Corner(NamedTuple):
    """Left and top edge of a network, in inches."""

    left: float
    top: float


def network_height(stages: int) -> float:
    """Of a network of so many stages, in inches."""
    return (stages - 1) * PITCH + HIGH


def look(state: StageState, colour: str) -> dict[str, Any]:
    """Fill and outline of a part in that state; they differ without colour too."""
    match state:
        case StageState.RANDOM:
            return {"facecolor": "white", "edgecolor": colour, "linewidth": 1}
        case StageState.GIVEN:
            return {"facecolor": tint(colour, 0.5), "edgecolor": colour, "linewidth": 1}
        case StageState.FROZEN:
            return {"facecolor": tint(colour, 0.25), "edgecolor": colour, "linewidth": 1, "hatch": "/////"}
        case StageState.ABSENT:
            return {"facecolor": "none", "edgecolor": "#b5b5b5", "linewidth": 0.6, "linestyle": (0, (2, 2))}


def stage_box(
    canvas: Canvas, gid: str, at: tuple[float, float, float, float], state: StageState, colour: str, text: str
) -> None:
    """A part of the network; unused parts have no text."""
    canvas.box(gid, at, **look(state, colour))
    left, top, wide, high = at
    if state is StageState.FROZEN:  # a number on hatching cannot be read
        ground = (left + 0.22 * wide, top + 0.05 * high, 0.56 * wide, 0.9 * high)
        canvas.box("", ground, facecolor="white", edgecolor="none", zorder=4)
        at = ground
    if state is not StageState.ABSENT:
        canvas.fitting(at, text, TYPE)


def draw_network(
    canvas: Canvas, corner: Corner, step: DiagramStep, widths: Sequence[int], colour: str, gid: str
) -> None:
    """Draw the encoder downwards on the left, the bottleneck, the decoder upwards on the right, then head and loss.

    Boxes are named `<gid>/encoder/<index>`, `<gid>/decoder/<index>` (as the network counts its stages),
    `<gid>/output`, `<gid>/head` and `<gid>/loss`.
    """
    deepest = len(widths) - 1
    right = corner.left + BOX + SPAN
    for level, (state, width) in enumerate(zip(step.encoder, widths, strict=True)):
        left = corner.left + (BOX + SPAN) / 2 if level == deepest else corner.left
        stage_box(canvas, f"{gid}/encoder/{level}", _at(left, corner, level), state, colour, str(width))
    for index, state in enumerate(step.decoder):
        level = deepest - 1 - index
        stage_box(canvas, f"{gid}/decoder/{index}", _at(right, corner, level), state, colour, str(widths[level]))
    _lines(canvas, corner, step, deepest)
    _end(canvas, corner, step, deepest, colour, gid)


def _at(left: float, corner: Corner, level: int, wide: float = BOX) -> tuple[float, float, float, float]:
    return left, corner.top + level * PITCH, wide, HIGH


def _middle(corner: Corner, level: int) -> float:
    return corner.top + level * PITCH + HIGH / 2


def _lines(canvas: Canvas, corner: Corner, step: DiagramStep, deepest: int) -> None:
    """Lines from stage to stage, and skip connections."""
    encoder, decoder = corner.left + BOX / 2, corner.left + BOX + SPAN + BOX / 2
    bottom = _middle(corner, deepest)
    for level in range(deepest - 1):
        y = corner.top + level * PITCH + HIGH
        canvas.line([(encoder, y), (encoder, y + PITCH - HIGH)], LINES)
    y = corner.top + (deepest - 1) * PITCH + HIGH
    canvas.line([(encoder, y), (encoder, bottom), (corner.left + (BOX + SPAN) / 2, bottom)], LINES)
    for index, state in enumerate(step.decoder):
        if state is StageState.ABSENT:
            break
        level = deepest - 1 - index
        middle, below = _middle(corner, level), corner.top + level * PITCH + HIGH
        canvas.line([(corner.left + BOX, middle), (corner.left + BOX + SPAN, middle)], "#c4c4c4")
        if index == 0:
            canvas.line([(corner.left + 1.5 * BOX + SPAN / 2, bottom), (decoder, bottom), (decoder, below)], LINES)
        else:
            canvas.line([(decoder, below), (decoder, below + PITCH - HIGH)], LINES)


def _end(canvas: Canvas, corner: Corner, step: DiagramStep, deepest: int, colour: str, gid: str) -> None:
    """Output convolution or head, and the loss above it, or below in the first row."""
    left = corner.left + 2 * BOX + SPAN + BESIDE
    after = step.head.after if step.head else deepest
    level = deepest - after
    start = corner.left + 2 * BOX + SPAN if after else corner.left + 1.5 * BOX + SPAN / 2
    canvas.line([(start, _middle(corner, level)), (left, _middle(corner, level))], LINES)
    text = f"{step.head.widths[0]} → {step.head.widths[1]}" if step.head else "1 × 1 conv."
    name = "head" if step.head else "output"
    stage_box(canvas, f"{gid}/{name}", _at(left, corner, level, HEAD), StageState.RANDOM, colour, text)
    beside = level - 1 if level else 1
    edge = corner.top + level * PITCH + (0 if level else HIGH)
    canvas.arrow(
        (left + HEAD / 2, edge), (left + HEAD / 2, corner.top + beside * PITCH + (HIGH if level else 0)), LINES, 0.6
    )
    loss = _at(left, corner, beside, HEAD)
    canvas.box(f"{gid}/loss", loss, facecolor=style.INK, edgecolor=style.INK, linewidth=1)
    canvas.fitting(loss, step.loss, TYPE, color="white")
