"""How many labels a share of the benchmark's score needs: read off the measured curve between the N that were tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import Floats, crossed_alike, spread


@dataclass(frozen=True)
class Needed:
    """Numbers of labelled subjects that reach a score; real numbers, since they are interpolated.

    Attributes:
        value: by the means; the smallest N that was tried where that reaches it already (fewer may, too), infinite
            where none of those tried does.
        low, high: ends of its interval, in the same way.
        replicates: of bootstrap samples, those of several methods paired.
        smallest, largest: N that were tried.
    """

    value: float
    low: float
    high: float
    replicates: Floats
    smallest: int
    largest: int


@dataclass(frozen=True)
class Saved:
    """How many labelled subjects fewer a method needs than its control; negative where it needs more.

    Attributes:
        value: where both are read off within what was tried, the difference; else a bound of it, or NaN without one.
        bound: `at least`, `at most`, or empty where the value is no bound.
        low, high: ends of its interval, in which what lies beyond the N that were tried counts as their smallest or
            largest, as if nothing more could be saved or lost there.
    """

    value: float
    bound: str
    low: float
    high: float


def crossing(counts: ArrayLike, curves: ArrayLike, targets: ArrayLike) -> Floats:
    """Where each curve first reaches its target, on straight lines in log N between the points.

    Args:
        counts: N, ascending, from 1.
        curves: scores at these, shape (curves, counts).
        targets: one a curve.

    Returns:
        N, shape (curves,): the first count where the curve begins at its target or above, infinite where it never
        gets there.
    """
    n, values, target = (np.asarray(given, dtype=np.float64) for given in (counts, curves, targets))
    reached = values >= target[:, None]
    after = reached.argmax(axis=1)
    before, rows = np.maximum(after - 1, 0), np.arange(len(values))
    rise = values[rows, after] - values[rows, before]
    part = np.divide(target - values[rows, before], rise, out=np.ones_like(rise), where=rise > 0)
    between = np.log(n[before]) + part * (np.log(n[after]) - np.log(n[before]))
    found: Floats = np.where(reached.any(axis=1), np.where(after == 0, n[0], np.exp(between)), np.inf)
    return found


def labels_needed(
    curves: Mapping[str, Mapping[int, pd.DataFrame]],
    reference: pd.DataFrame,
    shares: Sequence[float],
    intervals: Intervals,
) -> dict[str, list[Needed]]:
    """How many labels each method needs for each share of the reference's mean Dice, on one cohort.

    All cells are resampled together (draws and, crossed with them, test subjects), the reference's too, and replicates
    scatter as far as `bootstrap.interval` says.

    Args:
        curves: of each method, its scores (`draw`, `subject`, `dice`) by N.
        reference: scores whose mean is 100 %.
        shares: of it, each above 0.
        intervals: level, replicates and seed.

    Returns:
        For each method an entry a share.
    """
    cells = [cell for curve in curves.values() for cell in curve.values()]
    *tables, last = crossed_alike([*cells, reference])
    means = iter([(float(np.nanmean(table)), spread(table, intervals)) for table in tables])
    whole, wholes = float(np.nanmean(last)), spread(last, intervals)
    found: dict[str, list[Needed]] = {}
    for method, curve in curves.items():
        counts = sorted(curve)
        given = dict(zip(curve, [next(means) for _ in curve], strict=True))
        values = np.array([[given[n][0] for n in counts]])
        resampled = np.stack([given[n][1] for n in counts], axis=1)
        found[method] = [
            _needed(
                counts,
                crossing(counts, values, [share * whole])[0],
                crossing(counts, resampled, share * wholes),
                intervals,
            )
            for share in shares
        ]
    return found


def labels_saved(method: Needed, control: Needed, intervals: Intervals) -> Saved:
    """How many labels fewer a method needs than its control, both of one call of `labels_needed`."""
    ours, theirs = (_inside(np.array([one.value]), one)[0] for one in (method, control))
    low, high = _ends(_inside(control.replicates, control) - _inside(method.replicates, method), intervals)
    value = float(theirs - ours)
    least = _open_end(control) == "more" or _open_end(method) == "fewer"
    most = _open_end(control) == "fewer" or _open_end(method) == "more"
    if least and most:
        return Saved(float("nan"), "", float("nan"), float("nan"))
    bound = "at least" if least else "at most" if most else ""
    return Saved(value, bound, min(low, value), max(high, value))


def _needed(counts: Sequence[int], value: float, replicates: Floats, intervals: Intervals) -> Needed:
    low, high = _ends(replicates, intervals)
    return Needed(float(value), min(low, float(value)), max(high, float(value)), replicates, counts[0], counts[-1])


def _open_end(needed: Needed) -> str:
    """Whether the true number may be `fewer` than the value, or is `more` than all that were tried."""
    if np.isinf(needed.value):
        return "more"
    return "fewer" if needed.value <= needed.smallest and needed.smallest > 1 else ""


def _inside(values: Floats, needed: Needed) -> Floats:
    clipped: Floats = np.clip(values, needed.smallest, needed.largest)
    return clipped


def _ends(replicates: Floats, intervals: Intervals) -> tuple[float, float]:
    """Ends of a percentile interval, each one of the replicates: infinite ones count as such."""
    tail = (1 - intervals.level) / 2
    low, high = (float(np.quantile(replicates, end, method="nearest")) for end in (tail, 1 - tail))
    return low, high
