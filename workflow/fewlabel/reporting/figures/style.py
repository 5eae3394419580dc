"""The style of all figures: sizes, colours, markers, the axis of N, and how they are saved."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from fewlabel.config.base import Unit
from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.config.pretexts.registry import PRETEXTS
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import atomic_files

LineStyle = Literal["-", ":", "-.", "--"]
LINES: tuple[LineStyle, ...] = ("-", "--", "-.")
"""Of methods that are no benchmark."""
BENCHMARK_LINES: tuple[LineStyle, ...] = (":", "-.", "--")

# The first two of seaborn's "colorblind" (a test compares): importing it takes a second of every figure.
BLUE, ORANGE = "#0173b2", "#de8f05"
GREY, INK = "#7a7a7a", "#222222"
"""Regression, contrastive pretraining, the control and the supervised benchmark."""
TRUTH = "#00f0ff"
"""Outline of the truth on slices, on a dark edge: unlike any method, also for readers with deuteranopia."""

PRETEXT_COLOURS = {name: pretext.colour for name, pretext in PRETEXTS.items() if pretext.colour}
"""Of the first method of each pretext."""

FURTHER = ("#56b4e9", "#882255", "#44aa99", "#332288", "#cc79a7", "#7a5200", "#d55e00")
"""Colours of further methods, in this order. The first four differ from each other and from the four above for readers
with deuteranopia or protanopia too."""

CLASSES = (
    "#00f0ff", "#ff9600", "#964bff", "#d24b78", "#ffff00", "#c3ffc3", "#4b87b4",
    "#f02814", "#96b4ff", "#4bb4b4", "#ff6978", "#9687ff", "#f0d25a", "#00e1b4",
)  # fmt: skip
"""Colours of several classes on slices, in this order: bright enough for dark tissue, with a dark edge for bright one.
OKLab distances for readers with normal, deuteranopic and protanopic sight are at least 0.18 among the first five and
0.095 among all (a test computes them)."""

MARKERS = ("o", "s", "^", "v", "P", "X", "p", "h")
"""One a method, so that curves differ without colour too; diamonds mark the paper's numbers."""

PARAMETERS: Any = {  # matplotlib's stubs know only a dictionary of literal keys
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "text.parse_math": False,  # titles are the user's: a dollar sign is one
    "pdf.fonttype": 42,  # TrueType: text stays text; journals refuse Type 3
    "savefig.facecolor": "white",
}


TICK_GAP = 0.45
"""Octaves that two tick labels need between them."""
MARGIN = 0.5
"""Octaves left free beside the smallest and the largest N."""


@contextmanager
def applied() -> Iterator[None]:
    """Apply the style while a figure is made or saved."""
    with mpl.rc_context(PARAMETERS):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of that size in inches, with a layout without overlaps and without pyplot's global state."""
    layout = ConstrainedLayoutEngine(h_pad=0.05, w_pad=0.05, hspace=0.05, wspace=0.03)
    figure = Figure(figsize=(width_in, height_in), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def method_colours(methods: Mapping[str, MethodTitle]) -> dict[str, str]:
    """One colour a method, the same in all figures.

    The first method of a pretext has the colour of its specification, the first without pretraining is grey, benchmarks
    are almost black. All others take `FURTHER` in their order.
    """
    free = {"none": [GREY], **{pretext: [colour] for pretext, colour in PRETEXT_COLOURS.items()}}
    colours: dict[str, str] = {}
    more = 0
    for name, method in methods.items():
        if method.benchmark:
            colours[name] = INK
        elif free.get(method.pretext):
            colours[name] = free[method.pretext].pop()
        else:
            colours[name] = FURTHER[more % len(FURTHER)]
            more += 1
    return colours


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """One colour a class, the same in all figures, galleries and pages.

    Args:
        classes: names in the order of the cohort. One class has the colour of `TRUTH`; of more than `CLASSES` holds,
            colours repeat.
    """
    return {name: CLASSES[index % len(CLASSES)] for index, name in enumerate(classes)}


def method_markers(methods: Mapping[str, MethodTitle]) -> dict[str, str]:
    """One marker a method, in the order of `MARKERS`; benchmarks are lines without markers."""
    curves = [name for name, method in methods.items() if not method.benchmark]
    return {name: MARKERS[index % len(MARKERS)] for index, name in enumerate(curves)}


def line_styles(methods: Mapping[str, MethodTitle]) -> dict[str, LineStyle]:
    """One line style a method: solid, and others where colours repeat; of benchmarks the first is dotted."""
    repeats: dict[str, int] = {}
    found: dict[str, LineStyle] = {}
    for name, colour in method_colours(methods).items():
        styles = BENCHMARK_LINES if methods[name].benchmark else LINES
        found[name] = styles[repeats.get(colour, 0) % len(styles)]
        repeats[colour] = repeats.get(colour, 0) + 1
    return found


def n_label(count: Unit = "subjects") -> str:
    """The label of an axis of N."""
    return f"Labelled training {count}, N"


def label_axis(axes: Axes, counts: set[int], count: Unit = "subjects") -> None:
    """Make the x axis logarithmic in the number of labelled subjects (or patients), with `counts` as ticks."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(counts, default=1) * 2.0**-MARGIN, max(counts, default=1) * 2.0**MARGIN)
    labelled = _with_room(counts)
    axes.xaxis.set_major_locator(FixedLocator(sorted(counts)))
    axes.xaxis.set_major_formatter(FixedFormatter([str(n) if n in labelled else "" for n in sorted(counts)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(n_label(count))


def _with_room(counts: set[int]) -> set[int]:
    """The numbers whose labels do not touch; powers of two go first."""
    chosen: list[int] = []
    for n in sorted(counts, key=lambda n: (n & (n - 1) != 0, n)):
        if all(abs(math.log2(n / other)) >= TICK_GAP for other in chosen):
            chosen.append(n)
    return set(chosen)


def save(figure: Figure, png: Path, pdf: Path, dpi: int = 300, record: bool = True) -> None:
    """Write a figure as PNG (at `dpi`) and as vector PDF, both or neither; folders are made.

    Neither file holds a date, a path or a version, so equal figures give equal files.

    `record` also writes their hashes beside them, for figures that the workflow makes.

    Raises:
        OSError: the disk refuses; what was there before is untouched.
    """
    # Empty backgrounds would be written with coordinates that are 0 up to rounding. The layout solver orders its
    # unknowns by memory address, so -0 in one run is 0 in the next.
    for part in figure.findobj(SubFigure):
        part.patch.set_visible(False)
    nothing: dict[str, dict[str, None]] = {
        "png": {"Software": None},
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    }
    writing = recorded_hashes.recorded_files if record else atomic_files
    with applied(), writing([png, pdf]) as partials:
        for path, kind in zip(partials, ("png", "pdf"), strict=True):
            figure.savefig(path, format=kind, dpi=dpi, metadata=nothing[kind])
