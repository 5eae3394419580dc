"""Selection of test subjects, slices, slice sizes and draws for the page."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def by_interest(scores: pd.DataFrame) -> list[str]:
    """Test subjects of a cohort, most interesting first: the worst, the best, the median, then from both ends.

    Subjects are ranked by their mean Dice over all methods, N and draws; equal ones by name.

    Args:
        scores: the cohort's rows, from `scores.read_scores`.
    """
    means = scores.groupby("subject")["dice"].mean().round(9)
    ranked = [str(name) for name in means.reset_index().sort_values(["dice", "subject"])["subject"]]
    middle = ranked[(len(ranked) - 1) // 2]
    ends = [ranked[index // 2] if index % 2 == 0 else ranked[-1 - index // 2] for index in range(len(ranked))]
    first = [*ends[:2], middle]
    return list(dict.fromkeys([*first, *ends]))


def shown_slices(count: int, most: int) -> NDArray[np.int64]:
    """Indices of the shown slices of `count`: all, or `most` evenly spaced ones with the first and the last."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def shown_size(rows: int, columns: int, most: int) -> tuple[int, int]:
    """Rows and columns of a slice on the page: reduced by one factor to at most `most`."""
    factor = min(1.0, most / max(rows, columns))
    return max(1, round(rows * factor)), max(1, round(columns * factor))


def shown_draws(draws: Sequence[int], most: int) -> list[int]:
    """The first `most` draws."""
    return sorted(set(draws))[:most]
