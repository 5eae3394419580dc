"""Table 3: paired differences of each method to the control, with intervals and tests."""

from pathlib import Path

import pandas as pd

from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.statistics.classes import CLASS, by_view
from fewlabel.reporting.statistics.comparisons import comparisons, why_none
from fewlabel.reporting.statistics.scores import read_class_scores
from fewlabel.reporting.tables.table import NONE, Section, Table, bootstrap_note, classes_note, few_note, folds_note


def tabulate(results: Path, settings: DifferenceTableSettings) -> Table:
    """The table of a study, from its folder."""
    return difference_table(read_class_scores(results / LAYOUT.scores), settings)


def difference_table(scores: pd.DataFrame, settings: DifferenceTableSettings) -> Table:
    """Table 3: the mean paired difference in Dice of each method to the control, for each cohort and N.

    See `comparisons.comparisons` for how they are estimated.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: control, methods in their order, and the interval.

    Returns:
        CSV: a row a comparison, of several classes for the mean and each class; no rows if there is nothing to compare.
        For readers: a section a cohort (and class).

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    rows = comparisons(scores, settings)
    titles = settings.titles.cohorts
    sections = [
        Section(_head(view.title(titles[view.cohort].title), settings), _body(view.of(rows), settings), numbers=True)
        for view in by_view(scores, titles)
    ]
    return Table(rows, 3, "Paired differences in Dice to the control", sections, _notes(rows, settings))


def _body(rows: pd.DataFrame, settings: DifferenceTableSettings) -> pd.DataFrame:
    level = f"{settings.intervals.level * 100:g} %"
    shown = pd.DataFrame(
        {
            "method": rows["method"].map(lambda name: settings.titles.methods[name].title),
            "N": rows["n"].astype(str),
            "difference": rows["difference"].map("{:+.3f}".format),
            f"{level} interval": [_interval(row["low"], row["high"]) for _, row in rows.iterrows()],
            "p": rows["p"].map(probability),
            "p, Holm": rows["p_holm"].map(probability),
            "effect": rows["rank_biserial"].map(lambda value: NONE if pd.isna(value) else f"{value:+.2f}"),
            "subjects better": [f"{row['better']} of {row['test_subjects']}" for _, row in rows.iterrows()],
            "draws": rows["draws"].astype(str),
        }
    )
    if rows.empty:
        return pd.DataFrame([[NONE] * len(shown.columns)], columns=shown.columns, index=[NONE])
    return shown.set_index(rows["method"])


def _interval(low: float, high: float) -> str:
    return NONE if pd.isna(low) or pd.isna(high) else f"{low:+.3f} to {high:+.3f}"


def probability(p: float) -> str:
    """Format a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _head(cohort: str, settings: DifferenceTableSettings) -> str:
    """Title of a section."""
    return f"{cohort}, minus {settings.titles.methods[settings.control].title}" if settings.control else cohort


def _notes(rows: pd.DataFrame, settings: DifferenceTableSettings) -> list[str]:
    """Notes below the table."""
    if rows.empty:
        return [f"Nothing to compare: {why_none(settings.control)}."]
    by_class = CLASS in rows
    family = rows.groupby(["cohort", CLASS] if by_class else "cohort").size()
    ends = sorted({int(family.min()), int(family.max())})
    return [
        *few_note(rows, settings.titles),
        "Difference: mean Dice of the method minus that of the control, over pairs of one draw and one test subject."
        f" Both networks saw the same labelled {settings.titles.counted}. {bootstrap_note(settings.intervals)}",
        "p: two-sided Wilcoxon signed-rank test on the means over draws of each test subject. It covers other test"
        " subjects but not other draws; the interval covers both. Holm: corrected for the"
        f" {' to '.join(map(str, ends))} comparisons of a {'part of the table' if by_class else 'cohort'}.",
        "Effect: matched-pairs rank-biserial correlation, from -1 (worse in every subject) to 1 (better in every one).",
        *classes_note(rows),
        *folds_note(settings.titles),
    ]
