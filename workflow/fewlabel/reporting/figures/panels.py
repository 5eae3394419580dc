"""Figures with a panel a cohort: the empty panels, what stands above each, and what is said where nothing is drawn."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewlabel.config.figure_options import Panels
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.canvas import wrapped

TITLE, SUBTITLE = style.PARAMETERS["axes.titlesize"], 7.0
"""Sizes of type, in points."""


def new_panels(titles: Sequence[str], sizes: Panels, legend: legends.Content) -> tuple[Figure, list[Axes]]:
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


def _text_width(sizes: Panels) -> float:
    """Of a panel's title, in inches: the panel without its Dice axis."""
    return sizes.panel_width_in - 0.6


def head(axes: Axes, title: str, subtitle: str, sizes: Panels) -> None:
    """Title and subtitle above the panel, in as many lines as they need."""
    width_in = _text_width(sizes)
    small = wrapped(subtitle, width_in, SUBTITLE)
    axes.set_title("\n".join(wrapped(title, width_in, TITLE, bold=True)), pad=5.5 + 8.5 * len(small))
    axes.annotate(
        "\n".join(small), (0, 1), (0, 4), "axes fraction", "offset points", fontsize=SUBTITLE, color="#555555"
    )


def notice(texts: Sequence[str], sizes: Panels) -> Figure:
    """A figure of a panel's width that says in words why nothing is drawn: the first text is the heading."""
    heading, *further = texts
    width_in = sizes.panel_width_in - 0.4
    lines = wrapped(heading, width_in, TITLE, bold=True)
    small = [line for text in further for line in wrapped(text, width_in, SUBTITLE)]
    figure = style.new_figure(sizes.panel_width_in, 0.4 + (len(lines) * TITLE * 1.3 + len(small) * SUBTITLE * 1.3) / 72)
    high = figure.get_figheight()
    figure.text(0.2 / sizes.panel_width_in, 1 - 0.2 / high, "\n".join(lines), va="top", size=TITLE, weight="bold")
    below = 1 - (0.2 + len(lines) * TITLE * 1.3 / 72) / high
    figure.text(0.2 / sizes.panel_width_in, below, "\n".join(small), va="top", size=SUBTITLE, color="#555555")
    return figure
