"""Wilcoxon's signed-rank test on paired test subjects, its effect size, and Holm's correction."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, wilcoxon


@dataclass(frozen=True)
class SignedRank:
    """Result of a signed-rank test."""

    p: float  # two-sided; 1 if no pair differs
    effect: float  # matched-pairs rank-biserial correlation, -1 to 1; NaN if no pair differs
    better: int  # number of subjects whose mean over draws is above the control's
    pairs: int  # number of subjects


def signed_rank(differences: pd.DataFrame) -> SignedRank:
    """Test the differences of one cell.

    A test subject is one pair: its differences are first averaged over draws, since draws are no further subjects. The
    p-value therefore refers to other test subjects with the same draws, not to other draws.

    Args:
        differences: rows with `draw`, `subject` and `dice`, the difference, from `summary.differences`.

    Raises:
        ValueError: no rows.
    """
    if differences.empty:
        raise ValueError("no pairs to test")
    means = differences.groupby("subject")["dice"].mean().to_numpy()
    # Rounding restores ties and zeros that differ by floating-point errors.
    means = np.round(means, 12)
    differing = means[means != 0]
    p = float(wilcoxon(differing, zero_method="wilcox", alternative="two-sided").pvalue) if len(differing) else 1.0
    return SignedRank(p, rank_biserial(means), int((means > 0).sum()), len(means))


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation (Kerby 2014, Comprehensive Psychology 3:11.IT.3.1).

    The sum of the ranks of positive differences minus that of negative ones, over the sum of all ranks: from -1 (all
    negative) to 1 (all positive); NaN without differences. Zeros are ignored, ties have their mean rank.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not len(values):
        return float("nan")
    ranks = rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values of a family of tests after Holm's step-down correction (1979), in their order."""
    from statsmodels.stats.multitest import multipletests  # a slow import, needed only here

    values = np.asarray(p_values, dtype=np.float64)
    corrected: NDArray[np.float64] = multipletests(values, method="holm")[1] if len(values) else values
    return corrected
