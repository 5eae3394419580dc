"""What each method gains over the control at each N, with interval and test: of table 3 and its figure."""

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

    Pairs are of one draw and test subject. The interval is by the bootstrap of `statistics.summarise`; p is of
    Wilcoxon's signed-rank test on subjects (`signed_rank.signed_rank`), corrected by Holm within a cohort, over all
    methods and N of it.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: control, methods in their order, and the interval.

    Returns:
        Columns as in `COLUMNS`, a row a comparison, cohorts and methods in their order; no row where there is nothing
        to compare.

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    rows = [row for cohort in settings.titles.cohorts for row in _cohort(chosen, cohort, settings)]
    return pd.DataFrame(rows, columns=COLUMNS)


def why_none(control: str | None) -> str:
    """Why there is nothing to compare, and what to do."""
    why = (
        "no method starts at random and has the N of others"
        if control is None
        else "no other method is finetuned at an N of the control"
    )
    return f"{why}; figures.paired_subjects.control names another control"


def _cohort(scores: pd.DataFrame, cohort: str, settings: DifferenceTableSettings) -> list[dict[str, Any]]:
    """All comparisons of a cohort, which are one family."""
    own = scores[scores["cohort"] == cohort]
    control = own[own["method"] == settings.control]
    rows: list[dict[str, Any]] = []
    for method in settings.methods:
        ours = own[own["method"] == method]
        for n in sorted(set(ours["n"]) & set(control["n"])):
            pairs = differences(ours[ours["n"] == n], control[control["n"] == n])
            if not pairs.empty:
                found, tested = summarise(pairs, settings.intervals, DIFFERENCE), signed_rank(pairs)
                row: dict[str, Any] = {"cohort": cohort, "method": method, "control": settings.control, "n": int(n)}
                row |= {"difference": found.mean, "low": found.low, "high": found.high}
                row |= {"p": tested.p, "rank_biserial": tested.effect, "better": tested.better}
                rows.append(row | {"test_subjects": tested.pairs, "draws": found.draws})
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = float(corrected)
    return rows
