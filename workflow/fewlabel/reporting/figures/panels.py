"""Figures with a column a cohort: empty axes, the title of each, and a notice where nothing is drawn."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fewlabel.config.figure_options import Panels
from fewlabel.reporting.figures import legends, style
from fewlabel.reporting.figures.canvas import wrapped

TITLE, SUBTITLE = style.PARAMETERS["axes.titlesize"], 7.0
"""Sizes of type, in points."""
BESIDE_IN = 0.8
"""Width of a panel's y axis."""


def new_panels(
    titles: Sequence[str],
    sizes: Panels,
    entries: Sequence[legends.Entry],
    note: str = "",
    below: float = 0.0,
) -> tuple[Figure, list[list[Axes]]]:
    """Empty axes of each cohort, in rows and columns, and the legend.

    Args:
        titles: of the cohorts; further lines make the figure higher.
        sizes: of the upper axes, in inches.
        entries: of the legend.
        note: above the legend.
        below: height of further axes below each, as a share of the upper ones; 0: none.

    Returns:
        The figure, and for each cohort one or two axes.
    """
    number = len(titles)
    columns = min(sizes.columns or (2 if number == 4 else 3), number)
    rows = math.ceil(number / columns)
    width = columns * sizes.panel_width_in
    lines = [len(wrapped(title, text_in(sizes), TITLE, bold=True)) for title in titles]
    further = sum(max(lines[row * columns : (row + 1) * columns]) - 1 for row in range(rows))
    high = rows * sizes.panel_height_in * (1 + below) + further * TITLE * 1.2 / 72
    said = wrapped(note, width - 0.2, SUBTITLE) if note else []
    figure = style.new_figure(width, high + legends.height_in(entries, width, said))
    each = (1.0, below) if below else (1.0,)
    grid = figure.add_gridspec(rows * len(each), columns, height_ratios=each * rows)
    found: list[list[Axes]] = []
    for index in range(number):
        row, column = divmod(index, columns)
        upper = figure.add_subplot(grid[row * len(each), column])
        found.append([upper, *([figure.add_subplot(grid[2 * row + 1, column], sharex=upper)] if below else [])])
    legends.draw(figure, entries, said)
    return figure, found


def left_out(methods: Sequence[str]) -> str:
    """A note on methods that have no room; empty if there are none."""
    return f"Not shown: {len(methods)} further methods." if methods else ""


def is_first_column(axes: Axes) -> bool:
    """Whether the axes stand at the left, where the y axis has its label."""
    place = axes.get_subplotspec()
    return place is not None and place.is_first_col()


def text_in(sizes: Panels) -> float:
    """Width of a panel without its y axis, in inches."""
    return sizes.panel_width_in - BESIDE_IN


def head(axes: Axes, title: str, subtitle: str, sizes: Panels) -> None:
    """Title and subtitle above the panel, in as many lines as they need."""
    small = wrapped(subtitle, text_in(sizes), SUBTITLE)
    axes.set_title("\n".join(wrapped(title, text_in(sizes), TITLE, bold=True)), pad=5.5 + 8.5 * len(small))
    axes.annotate(
        "\n".join(small), (0, 1), (0, 4), "axes fraction", "offset points", fontsize=SUBTITLE, color="#555555"
    )


def notice(texts: Sequence[str], sizes: Panels) -> Figure:
    """A figure of a panel's width that says why nothing is drawn: the first text is the heading."""
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
