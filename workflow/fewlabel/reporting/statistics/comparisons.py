"""Differences of each method to the control at each N, with interval and test."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.reporting.statistics.classes import View, by_view, with_class
from fewlabel.reporting.statistics.scores import select
from fewlabel.reporting.statistics.significance import holm, signed_rank
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise

COLUMNS = [
    "cohort", "method", "control", "n", "difference", "low", "high", "p", "p_holm", "rank_biserial", "better",
    "test_subjects", "draws",
]  # fmt: skip
GAINS = ["cohort", "method", "n", "mean", "low", "high", "draws", "subjects"]


def gains(scores: pd.DataFrame, control: str | None, methods: Sequence[str], intervals: Intervals) -> pd.DataFrame:
    """The mean paired difference in Dice of each method to the control, for each cohort and common N.

    Pairs are of one draw and test subject; the interval is that of `summary.summarise`.

    Args:
        scores: complete rows of all cohorts, from `scores.select`.
        control: None: no gains.
        methods: in their order.
        intervals: of the bootstrap.

    Returns:
        Columns `GAINS`, one row a comparison; empty if there is nothing to compare.
    """
    rows = [
        {"cohort": cohort, "method": method, "n": n, **vars(summarise(pairs, intervals, DIFFERENCE))}
        for cohort in scores["cohort"].unique()
        for method, n, pairs in _pairs(scores[scores["cohort"] == cohort], control, methods)
    ]
    return pd.DataFrame(rows, columns=GAINS)


def comparisons(scores: pd.DataFrame, settings: DifferenceTableSettings) -> pd.DataFrame:
    """The rows of table 3: gains with the test of each.

    p is of Wilcoxon's signed-rank test on subjects (`significance.signed_rank`), corrected by Holm over all methods and
    N of a cohort; of several classes, over those of the mean, and over those of each class.

    Args:
        scores: from `scores.read_scores`.
        settings: control, methods in their order, and the interval.

    Returns:
        `COLUMNS`, one row a comparison, in the order of cohorts and methods; empty if there is nothing to compare.
        Where scores have named classes, `CLASS` follows the cohort: the mean, then each class.

    Raises:
        InputError: a requested cohort, method, run or test subject has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    rows = [row for view in by_view(chosen, settings.titles.cohorts) for row in _family(view, settings)]
    return pd.DataFrame(rows, columns=with_class(COLUMNS, chosen))


def why_none(control: str | None) -> str:
    """The reason that there is nothing to compare, and the remedy."""
    why = (
        "no method starts at random and has the N of others"
        if control is None
        else "no other method is finetuned at an N of the control"
    )
    return f"{why}; `control` in the experiment file names another control"


def _pairs(
    scores: pd.DataFrame, control: str | None, methods: Sequence[str]
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield method, N and differences, for one cohort."""
    base = scores[scores["method"] == control]
    for method in methods:
        own = scores[scores["method"] == method]
        for n in sorted(set(own["n"]) & set(base["n"])):
            pairs = differences(own[own["n"] == n], base[base["n"] == n])
            if not pairs.empty:
                yield method, int(n), pairs


def _family(view: View, settings: DifferenceTableSettings) -> list[dict[str, Any]]:
    """All comparisons of a view, which are one family of tests."""
    rows: list[dict[str, Any]] = []
    for method, n, pairs in _pairs(view.scores, settings.control, settings.methods):
        mean_difference, tested = summarise(pairs, settings.intervals, DIFFERENCE), signed_rank(pairs)
        row: dict[str, Any] = {**view.columns, "method": method, "control": settings.control, "n": n}
        row |= {"difference": mean_difference.mean, "low": mean_difference.low, "high": mean_difference.high}
        row |= {"p": tested.p, "rank_biserial": tested.effect, "better": tested.better}
        rows.append(row | {"test_subjects": tested.pairs, "draws": mean_difference.draws})
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(corrected)
    return rows
