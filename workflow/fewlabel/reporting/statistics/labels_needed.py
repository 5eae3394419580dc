"""Numbers of labels for a share of the benchmark's score, interpolated between the tried N."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import Floats, crossed_tables, percentile_ends, scaled_replicates


@dataclass(frozen=True)
class Needed:
    """Number of labelled subjects that reaches a score; a real number, since it is interpolated."""

    value: float  # by the means; the smallest tried N if that reaches the score (fewer may, too), infinite if none does
    # low, high: ends of its interval
    low: float
    high: float
    replicates: Floats  # of bootstrap samples, paired between methods
    # smallest, largest: tried N
    smallest: int
    largest: int


@dataclass(frozen=True)
class Saved:
    """Number of labelled subjects that a method saves compared with its control; negative if it needs more."""

    value: float  # the difference if both numbers are within the tried N; else a bound of it, or NaN without one
    bound: str  # `at least`, `at most`, or empty if the value is no bound
    # low, high: ends of its interval, with numbers clipped to the tried N
    low: float
    high: float


def crossing(counts: ArrayLike, curves: ArrayLike, targets: ArrayLike) -> Floats:
    """The N at which each curve first reaches its target, interpolated linearly in log N.

    Args:
        counts: N, ascending, from 1.
        curves: scores at these, shape (curve, count).
        targets: one a curve.

    Returns:
        N, shape (curve,): the first count if the curve starts at or above its target, infinite if it never reaches it.
    """
    n, values, target = (np.asarray(array, dtype=np.float64) for array in (counts, curves, targets))
    reached = values >= target[:, None]
    after = reached.argmax(axis=1)
    before, rows = np.maximum(after - 1, 0), np.arange(len(values))
    rise = values[rows, after] - values[rows, before]
    part = np.divide(target - values[rows, before], rise, out=np.ones_like(rise), where=rise > 0)
    between = np.log(n[before]) + part * (np.log(n[after]) - np.log(n[before]))
    crossings: Floats = np.where(reached.any(axis=1), np.where(after == 0, n[0], np.exp(between)), np.inf)
    return crossings


def labels_needed(
    curves: Mapping[str, Mapping[int, pd.DataFrame]],
    reference: pd.DataFrame,
    shares: Sequence[float],
    intervals: Intervals,
) -> dict[str, list[Needed]]:
    """Numbers of labels that each method needs for shares of the reference's mean Dice, on one cohort.

    All cells and the reference are resampled together (draws crossed with test subjects), and replicates are stretched
    as in `bootstrap.interval`.

    Args:
        curves: for each method, its scores (`draw`, `subject`, `dice`) by N.
        reference: scores whose mean is 100 %.
        shares: of the reference, each above 0.
        intervals: level, replicates and seed.

    Returns:
        For each method, one entry a share.
    """
    cells = [cell for curve in curves.values() for cell in curve.values()]
    *tables, last = crossed_tables([*cells, reference])
    means = iter([(float(np.nanmean(table)), scaled_replicates(table, intervals)) for table in tables])
    reference_mean, reference_replicates = float(np.nanmean(last)), scaled_replicates(last, intervals)
    result: dict[str, list[Needed]] = {}
    for method, curve in curves.items():
        counts = sorted(curve)
        mean_of = dict(zip(curve, [next(means) for _ in curve], strict=True))
        values = np.array([[mean_of[n][0] for n in counts]])
        resampled = np.stack([mean_of[n][1] for n in counts], axis=1)
        result[method] = [
            _needed(
                counts,
                crossing(counts, values, [share * reference_mean])[0],
                crossing(counts, resampled, share * reference_replicates),
                intervals,
            )
            for share in shares
        ]
    return result


def equivalents(
    method: Mapping[int, pd.DataFrame], control: Mapping[int, pd.DataFrame], intervals: Intervals
) -> pd.DataFrame:
    """Numbers of labels that the control needs for the mean Dice of a method at each of its N, on one cohort.

    Both are resampled together, as in `labels_needed`.

    Args:
        method: its scores (`draw`, `subject`, `dice`) by N.
        control: scores of the control by N, at least two.
        intervals: level, replicates and seed.

    Returns:
        Columns n, value, low, high, N ascending. Values are interpolated between the control's N; infinite if none of
        them reaches the Dice, and 0 if the smallest surpasses it.
    """
    counts, known = sorted(method), sorted(control)
    tables = crossed_tables([*(method[n] for n in counts), *(control[n] for n in known)])
    means = np.array([[np.nanmean(table)] for table in tables])
    resampled = np.array([scaled_replicates(table, intervals) for table in tables])
    rows = []
    for index, n in enumerate(counts):
        value, replicates = (
            _below_all(crossing(known, part[len(counts) :].T, part[index]), part[len(counts)] > part[index])
            for part in (means, resampled)
        )
        low, high = percentile_ends(replicates, intervals.level)
        rows.append({"n": n, "value": value[0], "low": min(low, value[0]), "high": max(high, value[0])})
    return pd.DataFrame(rows)


def _below_all(counts: Floats, surpassed: ArrayLike) -> Floats:
    """0 labels where the smallest N surpasses the target; equal Dice gives equal N, without rounding errors."""
    found: Floats = np.where(surpassed, 0.0, counts.round(9))
    return found


def labels_saved(method: Needed, control: Needed, intervals: Intervals) -> Saved:
    """Labels that a method saves compared with its control; both from one call of `labels_needed`."""
    method_value, control_value = (_inside(np.array([needed.value]), needed)[0] for needed in (method, control))
    replicates = _inside(control.replicates, control) - _inside(method.replicates, method)
    low, high = percentile_ends(replicates, intervals.level)
    value = float(control_value - method_value)
    least = _open_end(control) == "more" or _open_end(method) == "fewer"
    most = _open_end(control) == "fewer" or _open_end(method) == "more"
    if least and most:
        return Saved(float("nan"), "", float("nan"), float("nan"))
    bound = "at least" if least else "at most" if most else ""
    return Saved(value, bound, min(low, value), max(high, value))


def _needed(counts: Sequence[int], value: float, replicates: Floats, intervals: Intervals) -> Needed:
    low, high = percentile_ends(replicates, intervals.level)
    return Needed(float(value), min(low, float(value)), max(high, float(value)), replicates, counts[0], counts[-1])


def _open_end(needed: Needed) -> str:
    """`more` if the number is above all tried N, `fewer` if it may be below the smallest, else empty."""
    if np.isinf(needed.value):
        return "more"
    return "fewer" if needed.value <= needed.smallest and needed.smallest > 1 else ""


def _inside(values: Floats, needed: Needed) -> Floats:
    clipped: Floats = np.clip(values, needed.smallest, needed.largest)
    return clipped
