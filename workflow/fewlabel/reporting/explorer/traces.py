"""Plotly's traces of the page's plots.

Each trace has its method in `meta`, so that methods can be switched on and off. Each point that can be clicked has its
N in `customdata`, and the index of its subject, if any. Texts are escaped, since plotly interprets some HTML tags.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.explorer.cells import Cell, CellDifference
from fewlabel.reporting.figures import style

DODGE = 0.05
"""Octaves between neighbouring methods at one N, so that none hides another."""
MARGIN = 0.4
"""Margin of the axis below the smallest and above the largest N, in octaves."""
MARKERS = {"o": "circle", "s": "square", "^": "triangle-up", "v": "triangle-down", "P": "cross", "X": "x"}
"""Plotly's names for `style.MARKERS`; further ones are circles."""
LINES = {"-": "solid", ":": "dot", "-.": "dashdot", "--": "dash"}


@dataclass(frozen=True)
class TraceStyle:
    """Style of one method: `title` is escaped; `shift` is the factor of its x positions to N."""

    name: str
    title: str
    colour: str
    symbol: str
    dash: str
    shift: float


def trace_styles(methods: Mapping[str, MethodTitle]) -> dict[str, TraceStyle]:
    """Styles of all methods, with the colours, markers and lines of the figures."""
    colours, markers, lines = (
        style.method_colours(methods),
        style.method_markers(methods),
        style.line_styles(methods),
    )
    step = min(DODGE, 4 * DODGE / max(1, len(markers)))
    offsets = {name: (index - (len(markers) - 1) / 2) * step for index, name in enumerate(markers)}
    return {
        name: TraceStyle(
            name=name,
            title=escaped(method.title),
            colour=colours[name],
            symbol=MARKERS.get(markers.get(name, "o"), "circle"),
            dash=LINES[lines[name]],
            shift=2.0 ** offsets.get(name, 0.0),
        )
        for name, method in methods.items()
    }


def escaped(text: str) -> str:
    """Escape HTML for plotly."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def curve(look: TraceStyle, own: Sequence[Cell], level: float) -> list[go.Scatter]:
    """A method's means with intervals as bars, and each draw as a faint point."""
    several = [cell for cell in own if len(cell["draws"]) > 1]
    draws = [(cell["n"], value) for cell in several for value in draw_means(cell)]
    texts = [_cell_text(look, cell, level) for cell in own]
    return [
        _points(look, "draw", [n * look.shift for n, _ in draws], [value for _, value in draws]),
        _means(look, own, _bars(own, look.colour), texts),
    ]


def benchmark(look: TraceStyle, cell: Cell, counts: Sequence[int], level: float) -> list[go.Scatter]:
    """A horizontal line with its band, and several points, so that hovering works along the line."""
    x = [counts[0] * 2.0**-MARGIN, *counts, counts[-1] * 2.0**MARGIN]
    corners = [x[0], x[-1], x[-1], x[0]]
    edges = [cell["low"], cell["low"], cell["high"], cell["high"]]
    return [
        *([_band(look, corners, edges, 0.09, {"width": 0})] if cell["low"] is not None else []),
        go.Scatter(
            x=x,
            y=[cell["mean"]] * len(x),
            mode="lines",
            line={"color": look.colour, "width": 2, "dash": look.dash},
            hoverinfo="text",
            hovertext=[_cell_text(look, cell, level)] * len(x),
            customdata=[[cell["n"]]] * len(x),
            meta={"method": look.name, "role": "cell"},
        ),
    ]


def published(point: paper.PaperScore, counts: Sequence[int]) -> go.Scatter:
    """A number of the paper: an open diamond at its N, or for all labels a triangle at the right margin."""
    edge = style.PRETEXT_COLOURS.get(str(point.pretext), style.INK)
    n = "all labels" if point.n is None else f"N = {point.n}"
    note = "".join(f"<br>{escaped(line)}" for line in textwrap.wrap(point.note, 48))
    symbol = "triangle-left-open" if point.n is None else "diamond-open"
    return go.Scatter(
        x=[counts[-1] * 2.0 ** (MARGIN * 0.85) if point.n is None else point.n],
        y=[point.dice],
        mode="markers",
        marker={"symbol": symbol, "size": 11, "color": edge, "line": {"width": 2, "color": edge}},
        hoverinfo="text",
        hovertext=[f"<b>{escaped(paper.SHORT)}</b>, {n}: {point.dice:.2f}{note}"],
        meta={"method": None, "role": "paper"},
    )


def difference(
    look: TraceStyle, own: Sequence[CellDifference], subjects: Sequence[str], control: str, level: float
) -> list[go.Scatter]:
    """A method minus the control (its escaped title): each subject as a faint point, means with their intervals."""
    points = [
        (cell["n"], index, value) for cell in own for index, value in enumerate(cell["dice"]) if value is not None
    ]
    marks = _points(look, "subject", [n * look.shift for n, _, _ in points], [value for _, _, value in points])
    point_texts = [
        f"<b>{escaped(subjects[index])}</b><br>{look.title}, N = {n}: {value:+.3f}<br>click: its volume"
        for n, index, value in points
    ]
    marks.update(hoverinfo="text", hovertext=point_texts, customdata=[[n, index] for n, index, _ in points])
    texts = [
        f"<b>{look.title}</b> minus {control}, N = {cell['n']}<br>mean difference {cell['mean']:+.3f}"
        f"{_interval(cell, level, '+.3f')}<br>click: its test subjects"
        for cell in own
    ]
    return [marks, _means(look, own, _bars(own, look.colour), texts)]


def draw_means(cell: Cell) -> list[float]:
    """The mean over test subjects of each draw."""
    by_draw = [[value for value in draw if value is not None] for draw in cell["dice"]]
    return [sum(values) / len(values) for values in by_draw if values]


# ----------------------------------------------------------------------------------------------------------- parts
def _means(
    look: TraceStyle, own: Sequence[Cell] | Sequence[CellDifference], bars: dict[str, Any], texts: Sequence[str]
) -> go.Scatter:
    return go.Scatter(
        x=[cell["n"] * look.shift for cell in own],
        y=[cell["mean"] for cell in own],
        error_y=bars,
        mode="lines+markers",
        line={"color": look.colour, "width": 2.2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 10},
        hoverinfo="text",
        hovertext=list(texts),
        customdata=[[cell["n"]] for cell in own],
        meta={"method": look.name, "role": "cell"},
    )


def _points(look: TraceStyle, role: str, x: Sequence[float], y: Sequence[float]) -> go.Scatter:
    marker = {"color": look.colour, "size": 6, "opacity": 0.45}
    meta = {"method": look.name, "role": role}
    return go.Scatter(x=list(x), y=list(y), mode="markers", marker=marker, hoverinfo="skip", meta=meta)


def _band(
    look: TraceStyle, x: Sequence[float], y: Sequence[float | None], alpha: float, line: dict[str, Any]
) -> go.Scatter:
    return go.Scatter(
        x=list(x),
        y=list(y),
        fill="toself",
        fillcolor=_faint(look.colour, alpha),
        mode="lines",
        line=line,
        hoverinfo="skip",
        meta={"method": look.name, "role": "band"},
    )


def _cell_text(look: TraceStyle, cell: Cell, level: float) -> str:
    """Hover text of a cell."""
    means = draw_means(cell)
    means_text = ", ".join(f"{value:.3f}" for value in means[:10]) + (" …" if len(means) > 10 else "")
    subjects = max(sum(value is not None for value in draw) for draw in cell["dice"])
    scores = sum(value is not None for draw in cell["dice"] for value in draw)
    draws_text = "draw" if len(means) == 1 else f"{len(means)} draws"
    empty = f"HD95 undefined in {cell['undefined']} of {scores} scores (empty mask)<br>" if cell["undefined"] else ""
    return (
        f"<b>{look.title}</b>, N = {cell['n']}<br>mean Dice {cell['mean']:.3f}{_interval(cell, level, '.3f')}<br>"
        f"{draws_text}: {means_text}<br>{empty}click: its {subjects} test subject{'' if subjects == 1 else 's'}"
    )


def _interval(cell: Cell | CellDifference, level: float, form: str) -> str:
    if cell["low"] is None or cell["high"] is None:
        return ""
    return f"<br>{100 * level:g} % interval {cell['low']:{form}} to {cell['high']:{form}}"


def _bars(own: Sequence[Cell] | Sequence[CellDifference], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if cell["high"] is None else cell["high"] - cell["mean"] for cell in own],
        "arrayminus": [0 if cell["low"] is None else cell["mean"] - cell["low"] for cell in own],
        "color": colour,
        "thickness": 1.5,
        "width": 3,
    }


def _faint(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
