"""Bootstrap over draws and test subjects, which are crossed, with intervals for small numbers of both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fewlabel.config.figure_options import Intervals

Floats = NDArray[np.float64]

LEAST_FREEDOM = 2.0
"""Two draws have one degree of freedom, for which Student's interval of a Dice is mostly all of 0 to 1. Two degrees are
used instead: if draws vary more than subjects, the coverage of intervals of two draws is then 80 to 90 % instead of
95 %. Intervals of three or more draws do not change."""


# ------------------------------------------------------------------------------------------------------- tables
def crossed(cell: pd.DataFrame, draws: NDArray[Any] | None = None, subjects: NDArray[Any] | None = None) -> Floats:
    """Dice as a (draw, subject) table, both sorted, with NaN where a score is missing.

    Args:
        cell: rows with `draw`, `subject`, `dice`.
        draws, subjects: rows and columns of the table; None: those of the cell.

    Raises:
        ValueError: a (draw, subject) twice.
    """
    if cell.duplicated(["draw", "subject"]).any():
        raise ValueError("scores: a test subject has two scores in one draw; accepted: one")
    draw, subject = cell["draw"].to_numpy(), cell["subject"].to_numpy(dtype=str)
    draws, subjects = (np.unique(own) if all_ is None else all_ for own, all_ in ((draw, draws), (subject, subjects)))
    values = np.full((len(draws), len(subjects)), np.nan)
    values[np.searchsorted(draws, draw), np.searchsorted(subjects, subject)] = cell["dice"].to_numpy(dtype=np.float64)
    return values


def crossed_tables(cells: Sequence[pd.DataFrame]) -> list[Floats]:
    """Dice of several cells as tables of the same draws (rows) and subjects (columns), NaN where a score is missing.

    A draw has the same labelled subjects for all methods, and those of a smaller N are among those of a larger one.
    """
    joined = pd.concat(cells)
    draws, subjects = np.unique(joined["draw"]), np.unique(joined["subject"].to_numpy(dtype=str))
    return [crossed(cell, draws, subjects) for cell in cells]


# --------------------------------------------------------------------------------------------------- replicates
def replicates(values: Floats, intervals: Intervals) -> Floats:
    """Bootstrap means, (resample,), of a (draw, subject) table with NaN for missing scores; NaN if none was drawn.

    Equal seeds and shapes give the same draws and subjects, so replicates of tables from `crossed_tables` are paired.
    """
    means: Floats = replicates_by_draw(values, intervals).sum(axis=1)
    return means


def replicates_by_draw(values: Floats, intervals: Intervals) -> Floats:
    """Contribution of each draw to each bootstrap mean, shape (resample, draw)."""
    generator = np.random.default_rng(intervals.seed)
    draws, subjects = (_counts(generator, units, intervals.resamples) for units in values.shape)
    total = draws * (subjects @ np.nan_to_num(values).T)
    number = (draws * (subjects @ (~np.isnan(values)).astype(np.float64).T)).sum(axis=1, keepdims=True)
    parts: Floats = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    return parts


def _counts(generator: np.random.Generator, units: int, resamples: int) -> Floats:
    """Counts of each unit in each replicate, shape (resample, unit), for resampling with replacement."""
    return generator.multinomial(units, np.full(units, 1 / units), size=resamples).astype(np.float64)


# ---------------------------------------------------------------------------------------------------- intervals
def interval(
    resampled: Floats, estimate: float, values: Floats, level: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """The expanded percentile interval (Hesterberg 2015, American Statistician 69:371) for two crossed sources.

    Plain percentiles are too narrow for few units: with k draws the bootstrap has (k - 1) / k of the variance, and
    normal tails. The distances of the percentiles from the estimate, which keep their skew, are therefore multiplied
    by a factor: the half-width of Student's interval with `standard_error` and its degrees of freedom, over that of a
    normal distribution with the bootstrap's standard deviation.

    Args:
        resampled: bootstrap replicates of the estimate; NaN is ignored.
        estimate: the statistic of the data.
        values: (draw, subject) table whose mean has the estimate's error: the scores for a mean, else the influence of
            each score on the statistic.
        limits: range of the estimate; the interval is clipped to it.

    Returns:
        Lower and upper end; both NaN with a single draw and subject.
    """
    if values.size == 1:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    percentiles = np.nanquantile(resampled, [tail, 1 - tail])
    low, high = estimate + stretch_factor(values, float(np.nanstd(resampled)), level) * (percentiles - estimate)
    return max(float(low), limits[0]), min(float(high), limits[1])


def percentile_ends(resampled: Floats, level: float) -> tuple[float, float]:
    """Ends of a percentile interval, each one of the replicates, which may be infinite."""
    tail = (1 - level) / 2
    low, high = (float(np.quantile(resampled, end, method="nearest")) for end in (tail, 1 - tail))
    return low, high


def scaled_replicates(values: Floats, intervals: Intervals) -> Floats:
    """Bootstrap means of Dice, (resample,), stretched as in `interval` and clipped to 0 to 1.

    For statistics of several means, for which `interval` has no standard error. Replicates without a score are the
    mean.
    """
    mean, resampled = float(np.nanmean(values)), replicates(values, intervals)
    factor = stretch_factor(values, float(np.nanstd(resampled)), intervals.level) if values.size > 1 else 1.0
    means: Floats = np.clip(mean + factor * (np.nan_to_num(resampled, nan=mean) - mean), 0, 1)
    return means


def stretch_factor(values: Floats, deviation: float, level: float) -> float:
    """The factor of `interval`, given the standard deviation of the replicates; 1 if it is 0."""
    error, freedom = standard_error(values)
    if deviation <= 1e-12 or not error > 0:
        return 1.0
    end = (1 + level) / 2
    return float(stdtrit(freedom, end)) * error / (float(ndtri(end)) * deviation)


def standard_error(values: Floats) -> tuple[float, float]:
    """Standard error of the mean of a (draw, subject) table, and its degrees of freedom.

    The squared standard errors of the means by draw and by subject are added. The sum has the residual variance twice;
    half of the excess is subtracted, since the unbiased estimate may be far too small by chance. The degrees of
    freedom are Satterthwaite's of the unbiased estimate, at least those of the fewer units and `LEAST_FREEDOM`.

    Args:
        values: Dice or differences of Dice, NaN where a score is missing; with more than one draw or subject.
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
