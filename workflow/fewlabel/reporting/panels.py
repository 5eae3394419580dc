"""Figure 3: its empty panels, and what stands above each."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewlabel.figure_settings import LabelCurves
from fewlabel.reporting import legends, style
from fewlabel.reporting.canvas import wrapped

TITLE, SUBTITLE = style.PARAMETERS["axes.titlesize"], 7.0
"""Sizes of type, in points."""


def new_panels(titles: Sequence[str], sizes: LabelCurves, legend: legends.Content) -> tuple[Figure, list[Axes]]:
    """An empty panel a cohort, higher by the further lines of titles."""
    number = len(titles)
    columns = min(sizes.columns or (2 if number == 4 else 3), number)
    rows = math.ceil(number / columns)
    width = columns * sizes.panel_width_in
    lines = [len(wrapped(title, _text_width(sizes), TITLE, bold=True)) for title in titles]
    further = sum(max(lines[row * columns : (row + 1) * columns]) - 1 for row in range(rows))
    high = rows * sizes.panel_height_in + further * TITLE * 1.2 / 72
    figure = style.new_figure(width, high + legends.height_in(legend, width))
    return figure, [figure.add_subplot(rows, columns, index + 1) for index in range(number)]


def _text_width(sizes: LabelCurves) -> float:
    """Of a panel's title, in inches: the panel without its Dice axis."""
    return sizes.panel_width_in - 0.6


def head(axes: Axes, title: str, subtitle: str, sizes: LabelCurves) -> None:
    """Title and subtitle above the panel, in as many lines as they need."""
    width_in = _text_width(sizes)
    small = wrapped(subtitle, width_in, SUBTITLE)
    axes.set_title("\n".join(wrapped(title, width_in, TITLE, bold=True)), pad=5.5 + 8.5 * len(small))
    axes.annotate(
        "\n".join(small), (0, 1), (0, 4), "axes fraction", "offset points", fontsize=SUBTITLE, color="#555555"
    )
