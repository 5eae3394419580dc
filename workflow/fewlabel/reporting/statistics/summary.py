"""Means of a cell (cohort, method, N) with intervals for both random factors: draws and test subjects."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import (
    Floats,
    crossed,
    interval,
    replicates,
    replicates_by_draw,
)

CELL = ["cohort", "method", "n"]
DIFFERENCE = (-1.0, 1.0)
"""Range of a difference of two Dice."""
MOST_SIGNS = 8
"""Largest number of draws for which all signs are tried."""


@dataclass(frozen=True)
class Summary:
    """Mean and interval of one cell."""

    mean: float  # mean Dice over all draws and test subjects, 0 to 1
    # low, high: ends of its interval; NaN if not estimable (see `summarise`)
    low: float
    high: float
    # draws, subjects: numbers of draws and test subjects
    draws: int
    subjects: int


def summarise(
    scores_of_one_cell: pd.DataFrame, intervals: Intervals, limits: tuple[float, float] = (0.0, 1.0)
) -> Summary:
    """Mean Dice of one cell with an interval from a hierarchical bootstrap.

    A replicate resamples the draws and the test subjects. All draws have the same test subjects (both factors are
    crossed), so a replicate's subjects are the same for all its draws: the pigeonhole bootstrap (Owen 2007, Annals of
    Applied Statistics 1:386). Means ignore missing scores.

    With a single draw, the interval is only for test subjects; with a single subject, only for draws; with one of
    each, it is NaN.

    The ends are expanded percentiles (`bootstrap.interval`). In 1,000 simulated studies, 95 % intervals covered the
    truth in 93 to 97 % of cases from three draws on, plain percentiles in 83 to 95 % (benchmarks/coverage.py).

    Args:
        scores_of_one_cell: rows with `draw`, `subject`, `dice`, each (draw, subject) once, in any order.
        intervals: level, number of replicates and seed; equal seeds give equal intervals.
        limits: range of the mean: 0 to 1; for differences -1 to 1.

    Raises:
        ValueError: no rows, or a (draw, subject) twice.
    """
    if scores_of_one_cell.empty:
        raise ValueError("no scores to summarise")
    values = crossed(scores_of_one_cell)
    draws, subjects = values.shape
    mean = float(np.nanmean(values))
    low, high = interval(replicates(values, intervals), mean, values, intervals.level, limits)
    return Summary(mean=mean, low=low, high=high, draws=draws, subjects=subjects)


def summary_table(scores: pd.DataFrame, intervals: Intervals) -> pd.DataFrame:
    """Summaries of all cells: cohort, method, n, mean, low, high, draws, subjects, sorted by the first three."""
    rows = [
        {**dict(zip(CELL, key, strict=True)), **vars(summarise(cell, intervals))}
        for key, cell in scores.groupby(CELL, sort=True)
    ]
    return pd.DataFrame(rows, columns=[*CELL, "mean", "low", "high", "draws", "subjects"])


def differences(scores: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Dice of one cell minus that of another, for each common draw and test subject: a cell for `summarise`."""
    both = scores.merge(control, on=["draw", "subject"], suffixes=("", "_control"), validate="one_to_one")
    return both[["draw", "subject"]].assign(dice=both["dice"] - both["dice_control"])


def exclusion_by_sign(differences_of_one_cell: pd.DataFrame, intervals: Intervals) -> float:
    """The share of random signs of the draws' differences for which the interval of their mean excludes 0.

    If A and B are equal in distribution, B - A of each draw is as likely as A - B. Over all signs of the draws (a
    sample of them beyond 8 draws), this is the share whose interval excludes 0: for few draws far more than 1 - level
    if the differences of each draw are similar.

    Args:
        differences_of_one_cell: as for `summarise`, with differences as `dice`.
        intervals: level, number of replicates and seed.
    """
    values = crossed(differences_of_one_cell)
    if values.size == 1:
        return 0.0
    draws = len(values)
    if draws <= MOST_SIGNS:
        # The first sign is fixed, since changing all of them mirrors the interval at 0.
        signs = 1.0 - 2.0 * ((np.arange(2 ** (draws - 1))[:, None] >> np.arange(draws)) & 1)
    else:
        signs = np.random.default_rng(intervals.seed).choice([-1.0, 1.0], (2 ** (MOST_SIGNS - 1), draws))
    parts = replicates_by_draw(values, intervals)
    ends = [_turned(values * sign[:, None], parts @ sign, intervals.level) for sign in signs]
    return float(np.mean([low > 0 or high < 0 for low, high in ends]))


def _turned(values: Floats, resampled: Floats, level: float) -> tuple[float, float]:
    return interval(resampled, float(np.nanmean(values)), values, level, DIFFERENCE)
