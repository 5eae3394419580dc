"""The page's plots for plotly: label curves, and differences to the control."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from fewlabel.config.base import Unit
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.explorer import traces
from fewlabel.reporting.explorer.cells import Cell, CellDifference


def curves(
    cells: Sequence[Cell], cohort: CohortTitle, methods: Mapping[str, MethodTitle], level: float
) -> dict[str, Any]:
    """The label curves of one cohort for plotly: `data` and `layout`."""
    published = paper.published(cohort.stands_for)
    curved = {cell["n"] for cell in cells if not methods[cell["method"]].benchmark}
    counts = sorted(curved | {point.n for point in published if point.n}) or [max(cell["n"] for cell in cells)]
    drawn: list[go.Scatter] = []
    for name, look in traces.trace_styles(methods).items():
        own = [cell for cell in cells if cell["method"] == name]
        if own and methods[name].benchmark:
            drawn += traces.benchmark(look, own[-1], counts, level)
        elif own:
            drawn += traces.curve(look, own, level)
    drawn += [traces.published(point, counts) for point in published]
    return _figure(drawn, counts, "Mean test Dice", cohort.count)


def differences(
    cells: Sequence[CellDifference],
    subjects: Sequence[str],
    control: str,
    methods: Mapping[str, MethodTitle],
    level: float,
    count: Unit = "subjects",
) -> dict[str, Any] | None:
    """Each method minus the control over N, with each subject as a faint point; None without differences.

    `count`: what N counts.
    """
    if not cells:
        return None
    counts = sorted({cell["n"] for cell in cells})
    styles = traces.trace_styles(methods)
    against = styles[control].title
    drawn: list[go.Scatter] = []
    for name, look in styles.items():
        if own := [cell for cell in cells if cell["method"] == name]:
            drawn += traces.difference(look, own, subjects, against, level)
    figure = _figure(drawn, counts, f"Dice minus {against}", count)
    figure["layout"]["yaxis"]["zeroline"] = True
    return figure


def _figure(drawn: Sequence[go.Scatter], counts: Sequence[int], y_title: str, count: Unit) -> dict[str, Any]:
    layout = {
        "showlegend": False,  # the page's switches are the legend, and work with a keyboard
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "dragmode": False,  # a drag on a phone scrolls the page
        "margin": {"l": 56, "r": 14, "t": 8, "b": 48},
        "xaxis": {
            "type": "log",
            "tickmode": "array",
            "tickvals": list(counts),
            "ticktext": [str(n) for n in counts],
            "title": {"text": f"Labelled training {count}, N"},
            "fixedrange": True,
            "zeroline": False,
        },
        "yaxis": {"title": {"text": y_title}, "fixedrange": True, "zeroline": False},
    }
    # Validates keys, since plotly.js ignores unknown ones.
    figure = go.Figure(data=list(drawn), layout=layout)
    return {"data": [trace.to_plotly_json() for trace in figure.data], "layout": layout}
