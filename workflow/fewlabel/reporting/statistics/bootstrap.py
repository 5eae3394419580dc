"""Resampling draws and test subjects, which are crossed, and intervals that hold with as few as studies have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fewlabel.config.figure_options import Intervals

Floats = NDArray[np.float64]

LEAST_FREEDOM = 2.0
"""Two draws have one degree of freedom, by which Student's interval of a Dice is most often all of 0 to 1. Two degrees
are taken instead: where draws scatter more than subjects, an interval of two draws then holds the truth in 80 to 90 %
of cases instead of 95 %, and of three or more draws nothing changes."""


# ------------------------------------------------------------------------------------------------------- tables
def crossed(cell: pd.DataFrame, draws: NDArray[Any] | None = None, subjects: NDArray[Any] | None = None) -> Floats:
    """Dice as a (draw, subject) table, both sorted, with NaN where a score is missing.

    Args:
        cell: rows with `draw`, `subject`, `dice`.
        draws, subjects: of the table; None: the cell's own.

    Raises:
        ValueError: a (draw, subject) twice.
    """
    if cell.duplicated(["draw", "subject"]).any():
        raise ValueError("a test subject has two scores in one draw")
    draw, subject = cell["draw"].to_numpy(), cell["subject"].to_numpy(dtype=str)
    draws, subjects = (np.unique(own) if all_ is None else all_ for own, all_ in ((draw, draws), (subject, subjects)))
    values = np.full((len(draws), len(subjects)), np.nan)
    values[np.searchsorted(draws, draw), np.searchsorted(subjects, subject)] = cell["dice"].to_numpy(dtype=np.float64)
    return values


def crossed_alike(cells: Sequence[pd.DataFrame]) -> list[Floats]:
    """Dice of several cells as tables of the same draws (rows) and subjects (columns), NaN where a score is missing.

    Draws of one number are of the same labelled subjects whatever the method, and a larger N holds the smaller.
    """
    joined = pd.concat(cells)
    draws, subjects = np.unique(joined["draw"]), np.unique(joined["subject"].to_numpy(dtype=str))
    return [crossed(cell, draws, subjects) for cell in cells]


# --------------------------------------------------------------------------------------------------- replicates
def replicates(values: Floats, intervals: Intervals) -> Floats:
    """Bootstrap means of a (draw, subject) table with NaN where a score is missing; NaN where a replicate hit none.

    Equal seeds and shapes give the same draws and subjects, so replicates of several tables from `crossed_alike`
    belong together.
    """
    means: Floats = by_draw(values, intervals).sum(axis=1)
    return means


def by_draw(values: Floats, intervals: Intervals) -> Floats:
    """What each draw adds to each bootstrap mean, shape (resamples, draws)."""
    random = np.random.default_rng(intervals.seed)
    draws, subjects = (_counts(random, units, intervals.resamples) for units in values.shape)
    total = draws * (subjects @ np.nan_to_num(values).T)
    number = (draws * (subjects @ (~np.isnan(values)).astype(np.float64).T)).sum(axis=1, keepdims=True)
    parts: Floats = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    return parts


def _counts(random: np.random.Generator, units: int, resamples: int) -> Floats:
    """How often each unit is in each replicate, shape (resamples, units): resampling with replacement, as counts."""
    return random.multinomial(units, np.full(units, 1 / units), size=resamples).astype(np.float64)


# ---------------------------------------------------------------------------------------------------- intervals
def interval(
    resampled: Floats, estimate: float, values: Floats, level: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """The expanded percentile interval (Hesterberg 2015, American Statistician 69:371) for two crossed sources.

    Plain percentiles are too narrow where units are few: of k draws the bootstrap shows but (k - 1) / k of the
    variance, and normal tails besides. So the distances of the percentiles from the estimate, which keep their skew,
    are stretched by one factor: the half-width of Student's interval with `standard_error` and its degrees of freedom,
    over what the bootstrap's own standard deviation gives under the normal law.

    Args:
        resampled: bootstrap replicates of the estimate; NaN is left out.
        estimate: which they scatter about.
        values: (draw, subject) table whose mean has the estimate's error: the scores for a mean; for another statistic
            what each score contributes to it.
        level: of the interval.
        limits: what the estimate can be at all; the interval ends there.

    Returns:
        Lower and upper end; both NaN with a single draw and subject.
    """
    if values.size == 1:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    percentiles = np.nanquantile(resampled, [tail, 1 - tail])
    low, high = estimate + stretch(values, float(np.nanstd(resampled)), level) * (percentiles - estimate)
    return max(float(low), limits[0]), min(float(high), limits[1])


def spread(values: Floats, intervals: Intervals) -> Floats:
    """Bootstrap means of Dice that scatter as far as `interval` says, within 0 to 1; the mean where none was hit.

    For what is made of several means, of which `interval` knows no standard error.
    """
    mean, resampled = float(np.nanmean(values)), replicates(values, intervals)
    factor = stretch(values, float(np.nanstd(resampled)), intervals.level) if values.size > 1 else 1.0
    means: Floats = np.clip(mean + factor * (np.nan_to_num(resampled, nan=mean) - mean), 0, 1)
    return means


def stretch(values: Floats, deviation: float, level: float) -> float:
    """The factor of `interval`, given the standard deviation of the replicates; 1 where these do not scatter."""
    error, freedom = standard_error(values)
    if deviation <= 1e-12 or not error > 0:
        return 1.0
    end = (1 + level) / 2
    return float(stdtrit(freedom, end)) * error / (float(ndtri(end)) * deviation)


def standard_error(values: Floats) -> tuple[float, float]:
    """Standard error of the mean of a (draw, subject) table, and its degrees of freedom.

    Squared standard errors of the means by draw and by subject add up. Both hold the residual: once too often, of
    which half is left, since the unbiased estimate may be far too small by chance. The degrees of freedom are
    Satterthwaite's of the unbiased estimate, at least those of the fewer units and `LEAST_FREEDOM`.

    Args:
        values: Dice or differences of it, NaN where a score is missing. Of one draw, or one subject, the other varies.
    """
    draws, subjects = values.shape
    means_by_draw, means_by_subject = np.nanmean(values, axis=1), np.nanmean(values, axis=0)
    own = [
        (float(np.nanvar(means, ddof=1)) / len(means), len(means) - 1)
        for means in (means_by_draw, means_by_subject)
        if len(means) > 1
    ]
    variance = sum(part for part, _ in own)
    if len(own) < 2:
        return float(np.sqrt(variance)), max(float(own[0][1]), LEAST_FREEDOM)
    rest = values - means_by_draw[:, None] - means_by_subject[None] + np.nanmean(values)
    freedom = (draws - 1) * (subjects - 1)
    residual = float(np.nansum(rest**2)) / freedom / values.size
    unbiased = max(variance - residual, *(part for part, _ in own))
    scatter = sum(part**2 / of for part, of in [*own, (residual, freedom)])
    least = max(float(min(of for _, of in own)), LEAST_FREEDOM)
    variance = max(variance - residual / 2, unbiased)
    return float(np.sqrt(variance)), max(unbiased**2 / scatter, least) if scatter > 0 else least
