"""Means with intervals as points with bars: one rule for filled points and for what leaves the axis, in all figures."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting.figures import style

Floats = NDArray[np.float64]
Limits = tuple[float, float]

SLOT_IN = 0.1
"""Largest distance of neighbouring methods at one N."""
NUMBERED_IN = 0.075
"""Least such distance for numbers between them."""
FEW = 8
"""Axes of gains are for this N and more, where studies have them: gains of fewer labels vary far more."""
TWO_DRAWS = 2
"""Intervals of two draws are mostly far wider than what they are of, so axes follow the means."""
WIDE = 4
"""Times the median width: wider intervals do not set an axis."""
NUMBER = 5.5
"""Size of type of numbers, in points."""


class Look(NamedTuple):
    """How a method is drawn: colour, marker and its size in points; the factor on N that puts it beside the others,
    and beside that for single draws; whether there is room for numbers."""

    colour: str
    marker: str
    size: float
    dodge: float = 1.0
    beside: float = 1.0
    numbered: bool = True


def looks(
    methods: Mapping[str, MethodTitle], curves: Collection[str], counts: Collection[int], width_in: float
) -> dict[str, Look]:
    """The look of every curve, in the experiment's order, on an axis of these N of that width (`style.label_axis`)."""
    colours, markers = style.method_colours(methods), style.method_markers(methods)
    names = [name for name in markers if name in curves]
    places = np.log2(sorted(counts) or [1])
    octave_in = width_in / (np.ptp(places) + 2 * style.MARGIN)
    gap = min([1.0, *np.diff(places)])
    slot_in = min(SLOT_IN, 0.8 * gap * octave_in / max(len(names), 2))
    size = float(np.clip(72 * slot_in, 2.6, style.PARAMETERS["lines.markersize"]))
    slot, middle = slot_in / octave_in, (len(names) - 1) / 2
    return {
        name: Look(
            colours[name],
            markers[name],
            size,
            dodge=float(2.0 ** ((index - middle) * slot)),
            beside=float(2.0 ** ((index - middle + 0.35) * slot)),
            numbered=bool(slot_in >= NUMBERED_IN),
        )
        for index, name in enumerate(names)
    }


def excludes(rows: pd.DataFrame, value: float = 0.0) -> NDArray[np.bool_]:
    """Whether each interval excludes a value; an interval that is not estimable excludes nothing."""
    found: NDArray[np.bool_] = ((rows["low"] > value) | (rows["high"] < value)).to_numpy()
    return found


def gain_limits(rows: pd.DataFrame) -> Limits:
    """Limits of an axis of gains: 0 and the intervals of N >= `FEW`, where there are such N, else of all N.

    Of two draws, the limits hold the means of all N instead. Intervals that are far wider than the others count with
    their mean alone.

    Args:
        rows: `n`, `mean`, `low`, `high`, `draws`.
    """
    known = (rows["draws"] != TWO_DRAWS) & rows["low"].notna()
    shown = rows[rows["n"] >= FEW] if (known & (rows["n"] >= FEW)).any() else rows
    width = (shown["high"] - shown["low"]).where(known)
    trusted = shown[width <= WIDE * width.median()]
    ends = [0.0, *shown["mean"], *trusted["low"], *trusted["high"]]
    low, high = float(min(ends)), float(max(ends))
    room = max((0.12 if len(trusted) else 0.3) * (high - low), 0.002)
    return low - room, high + room


def points(
    axes: Axes,
    places: Floats,
    rows: pd.DataFrame,
    look: Look,
    limits: Limits,
    filled: NDArray[np.bool_] | None = None,
    across: bool = False,
    numbers: bool = False,
) -> None:
    """Draw means with their intervals, and marks at the limits for what leaves them.

    Args:
        axes: its limits are set here.
        places: of the rows on the other axis.
        rows: `mean`, `low`, `high`; NaN where an interval is not estimable.
        look: colour, marker, size.
        limits: of the axis of means.
        filled: which points are filled; None: all.
        across: means are on the x axis.
        numbers: whether means beyond the limits have their value beside them.
    """
    mean, low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("mean", "low", "high"))
    full = np.ones(len(mean), dtype=bool) if filled is None else filled
    inside = (mean >= limits[0]) & (mean <= limits[1])
    plot = _across(axes) if across else axes.plot
    bars = axes.hlines if across else axes.vlines
    (axes.set_xlim if across else axes.set_ylim)(*limits)
    barred = inside & np.isfinite(low)
    if barred.any():
        ends = np.clip(low[barred], *limits), np.clip(high[barred], *limits)
        bars(places[barred], *ends, color=look.colour, linewidth=1.1, zorder=3)
    for upper, edge in enumerate(limits):
        # matplotlib's carets 4 to 7 point left, right, up and down, with their tip at the place.
        caret = (4, 5)[upper] if across else (7, 6)[upper]
        leaving = barred & (high > edge if upper else low < edge)
        if leaving.any():  # no empty line: without a clip its extent is not finite
            plot(
                places[leaving], np.full(leaving.sum(), edge), color=look.colour, marker=caret, markersize=4,
                linestyle="none", zorder=4, clip_on=False,
            )  # fmt: skip
        outside = mean > edge if upper else mean < edge
        for place, value, solid in zip(places[outside], mean[outside], full[outside], strict=True):
            _outside(axes, place, value, look, (edge, bool(upper), across), solid, numbers)
    for chosen, face in ((inside & full, look.colour), (inside & ~full, "white")):
        if chosen.any():
            edge_look: dict[str, Any] = {
                "color": look.colour,
                "markerfacecolor": face,
                "markeredgewidth": 0.9,
            }
            plot(
                places[chosen], mean[chosen], marker=look.marker, markersize=look.size, linestyle="none", zorder=4,
                **edge_look,
            )  # fmt: skip


def leaving(rows: pd.DataFrame, limits: Limits) -> tuple[bool, bool]:
    """Whether the interval of a mean inside the limits leaves them, and whether a mean does."""
    inside = rows["mean"].between(*limits)
    beyond = (rows["low"] < limits[0]) | (rows["high"] > limits[1])
    return bool((inside & beyond).any()), bool((~inside).any())


def signed(value: float, digits: int = 3) -> str:
    """With its sign, also where it rounds to 0: that tells on which side of 0 an interval ends."""
    return f"{value + 0.0:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def tick(value: float) -> str:
    """A difference on an axis: with its sign, in as many digits as it needs."""
    return "0" if abs(value) < 1e-9 else f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def _across(axes: Axes) -> Any:
    return lambda places, values, **look: axes.plot(values, places, **look)


def _outside(
    axes: Axes, place: float, value: float, look: Look, edge: tuple[float, bool, bool], filled: bool, numbers: bool
) -> None:
    """A triangle at the edge for a mean beyond it, filled by the same rule, and its value."""
    limit, upper, across = edge
    marker = (("<", ">") if across else ("v", "^"))[upper]
    x, y = (limit, place) if across else (place, limit)
    axes.plot(
        [x], [y], marker=marker, markersize=look.size + 0.5, color=look.colour, markeredgecolor=style.INK,
        markeredgewidth=0.5, markerfacecolor=look.colour if filled else "white", linestyle="none", zorder=5,
        clip_on=False,
    )  # fmt: skip
    if numbers and look.numbered:
        away = -5 if upper else 5
        axes.annotate(
            signed(value), (x, y), (away, 0) if across else (0, away), textcoords="offset points", fontsize=NUMBER,
            color="#333333", rotation=0 if across else 90,
            horizontalalignment=("right" if upper else "left") if across else "center",
            verticalalignment="center" if across else ("top" if upper else "bottom"),
        )  # fmt: skip
