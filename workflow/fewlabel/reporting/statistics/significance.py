"""Wilcoxon's signed-rank test on test subjects in pairs, Holm's correction for many of them, and the effect's size."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, wilcoxon


@dataclass(frozen=True)
class SignedRank:
    """One comparison.

    Attributes:
        p: two-sided, of differences that are symmetric about 0; 1 where no pair differs.
        effect: matched-pairs rank-biserial correlation, -1 to 1; NaN where no pair differs.
        better: of how many subjects the mean over draws is above the control's.
        pairs: how many subjects there are.
    """

    p: float
    effect: float
    better: int
    pairs: int


def signed_rank(differences: pd.DataFrame) -> SignedRank:
    """Test the differences of one cell.

    A test subject is one pair: its differences are averaged over draws first, since draws of one subject are no further
    subjects. So p speaks of other test subjects with these draws, not of other draws.

    Args:
        differences: rows with `draw`, `subject` and `dice`, the difference, as `statistics.differences` gives them.

    Raises:
        ValueError: no rows.
    """
    if differences.empty:
        raise ValueError("no pairs to test")
    means = differences.groupby("subject")["dice"].mean().to_numpy()
    # Means of equal differences may lie a rounding error off each other: ties, and zeros, are then no longer such.
    means = np.round(means, 12)
    differing = means[means != 0]
    p = float(wilcoxon(differing, zero_method="wilcox", alternative="two-sided").pvalue) if len(differing) else 1.0
    return SignedRank(p, rank_biserial(means), int((means > 0).sum()), len(means))


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014, Comprehensive Psychology 3:11.IT.3.1).

    The sum of the ranks of positive differences minus that of negative ones, as a share of both: 1 where all are
    positive, -1 where all are negative, 0 where both weigh the same. Zeros are left out, ties share their mean rank.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not len(values):
        return float("nan")
    ranks = rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction (1979) of a family of tests, in their order."""
    from statsmodels.stats.multitest import multipletests  # takes a second: tables without tests need not pay for it

    values = np.asarray(p_values, dtype=np.float64)
    corrected: NDArray[np.float64] = multipletests(values, method="holm")[1] if len(values) else values
    return corrected
