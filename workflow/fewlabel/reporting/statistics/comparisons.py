"""Differences of each method to the control at each N, with interval and test, for table 3 and its figure."""

from typing import Any

import pandas as pd

from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.reporting.statistics.scores import select
from fewlabel.reporting.statistics.significance import holm, signed_rank
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise

COLUMNS = [
    "cohort", "method", "control", "n", "difference", "low", "high", "p", "p_holm", "rank_biserial", "better",
    "test_subjects", "draws",
]  # fmt: skip


def comparisons(scores: pd.DataFrame, settings: DifferenceTableSettings) -> pd.DataFrame:
    """The mean paired difference in Dice of each method to the control, for each cohort and N.

    Pairs are of one draw and test subject. The interval is that of `summary.summarise`; p is of Wilcoxon's signed-rank
    test on subjects (`significance.signed_rank`), corrected by Holm over all methods and N of a cohort.

    Args:
        scores: from `scores.read_scores`.
        settings: control, methods in their order, and the interval.

    Returns:
        `COLUMNS`, one row a comparison, in the order of cohorts and methods; empty if there is nothing to compare.

    Raises:
        InputError: a requested cohort, method, run or test subject has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    rows = [row for cohort in settings.titles.cohorts for row in _cohort(chosen, cohort, settings)]
    return pd.DataFrame(rows, columns=COLUMNS)


def why_none(control: str | None) -> str:
    """The reason that there is nothing to compare, and the remedy."""
    why = (
        "no method starts at random and has the N of others"
        if control is None
        else "no other method is finetuned at an N of the control"
    )
    return f"{why}; figures.paired_subjects.control names another control"


def _cohort(scores: pd.DataFrame, cohort: str, settings: DifferenceTableSettings) -> list[dict[str, Any]]:
    """All comparisons of a cohort, which are one family of tests."""
    own = scores[scores["cohort"] == cohort]
    control = own[own["method"] == settings.control]
    rows: list[dict[str, Any]] = []
    for method in settings.methods:
        method_scores = own[own["method"] == method]
        for n in sorted(set(method_scores["n"]) & set(control["n"])):
            pairs = differences(method_scores[method_scores["n"] == n], control[control["n"] == n])
            if not pairs.empty:
                mean_difference, tested = summarise(pairs, settings.intervals, DIFFERENCE), signed_rank(pairs)
                row: dict[str, Any] = {"cohort": cohort, "method": method, "control": settings.control, "n": int(n)}
                row |= {"difference": mean_difference.mean, "low": mean_difference.low, "high": mean_difference.high}
                row |= {"p": tested.p, "rank_biserial": tested.effect, "better": tested.better}
                rows.append(row | {"test_subjects": tested.pairs, "draws": mean_difference.draws})
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(corrected)
    return rows
