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
AXIS_IN = 0.9
"""Height of a panel's titles and x axis."""
MOST_COLUMNS = 3
"""Panels of a group in a row, unless the settings name a number."""


def new_panels(
    titles: Sequence[str],
    sizes: Panels,
    entries: Sequence[legends.Entry],
    note: str = "",
    below: float = 0.0,
    groups: Sequence[int] = (),
) -> tuple[Figure, list[list[Axes]]]:
    """Empty axes of each cohort, in rows and columns, and the legend.

    Args:
        titles: of the cohorts; further lines make the figure higher.
        sizes: of the upper axes, in inches.
        entries: of the legend.
        note: above the legend.
        below: height of further axes below each, as a share of the upper ones; 0: none.
        groups: numbers of panels that belong together (`grid_places`).

    Returns:
        The figure, and for each cohort one or two axes.
    """
    number = len(titles)
    places = grid_places(number, sizes.columns or (2 if number == 4 else 3), groups, sizes.columns)
    rows, columns = (1 + max(ends) for ends in zip(*places, strict=True))
    width = columns * sizes.panel_width_in
    lines = [len(wrapped(title, text_in(sizes), TITLE, bold=True)) for title in titles]
    further = sum(
        max(line for line, (at, _) in zip(lines, places, strict=True) if at == row) - 1 for row in range(rows)
    )
    high = rows * sizes.panel_height_in * (1 + below) + further * TITLE * 1.2 / 72
    said = wrapped(note, width - 0.2, SUBTITLE) if note else []
    figure = style.new_figure(width, high + legends.height_in(entries, width, said))
    each = (1.0, below) if below else (1.0,)
    grid = figure.add_gridspec(rows * len(each), columns, height_ratios=each * rows)
    found: list[list[Axes]] = []
    for row, column in places:
        upper = figure.add_subplot(grid[row * len(each), column])
        found.append([upper, *([figure.add_subplot(grid[2 * row + 1, column], sharex=upper)] if below else [])])
    legends.draw(figure, entries, said)
    return figure, found


def grid_places(
    number: int, columns: int, groups: Sequence[int] = (), asked: int | None = None
) -> list[tuple[int, int]]:
    """Row and column of each panel.

    Args:
        number: of panels.
        columns: of the grid, if each panel stands for itself.
        groups: numbers of panels that belong together, in their order. If one has several, each starts a new row, and
            its rows are filled evenly: of four panels two and two.
        asked: number of columns that the settings name; None: up to `MOST_COLUMNS`.
    """
    if max(groups, default=1) == 1:
        return [divmod(index, min(columns, number)) for index in range(number)]
    beside = asked or max(math.ceil(size / math.ceil(size / MOST_COLUMNS)) for size in groups)
    places: list[tuple[int, int]] = []
    for size in groups:
        first, own = 1 + places[-1][0] if places else 0, math.ceil(size / math.ceil(size / beside))
        places += [(first + index // own, index % own) for index in range(size)]
    return places


def left_out(methods: Sequence[str]) -> str:
    """A note on methods that have no room; empty if there are none."""
    return f"Not shown: {len(methods)} further methods." if methods else ""


def is_labelled(axes: Axes, label: str, before: str) -> bool:
    """Whether the y axis has its label: at the left, and where that of the panel before is another one."""
    place = axes.get_subplotspec()
    return place is not None and (place.is_first_col() or label != before)


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
