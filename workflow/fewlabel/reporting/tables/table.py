"""A table: plain numbers for programs, cells of text for readers, and notes. `formats` writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fewlabel.config.base import MEAN
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.titles import Titles
from fewlabel.reporting.statistics.classes import CLASS

NONE = "-"
"""A cell without a value; the CSV has an empty field."""
FEWEST_DRAWS, FEWEST_SUBJECTS = 3, 6
"""Fewer are too few for a conclusion."""
FEW_SUBJECTS = "With fewer than 6, no signed-rank test can reach p < 0.05, and intervals are too narrow."
ONE_DRAW = "With one draw an interval is that of test subjects alone: other labelled {} may change every number."
TWO_DRAWS = "From two draws an interval is unreliable: it is too narrow or too wide."


@dataclass(frozen=True)
class Section:
    """A part of a table with its own head.

    Attributes:
        title: of the part; empty if the table has one part.
        body: cells as plain text, unescaped. Its columns are the head, its first column names the rows. Consecutive
            rows with the same index value share their first cell.
        numbers: whether the cells after the first column are short numbers; else they are text of several lines.
    """

    title: str
    body: pd.DataFrame
    numbers: bool


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        rows: plain numbers, for the CSV.
        number: in the paper; None: the paper has no such table.
        title: what it shows.
        sections: for readers. Columns may be missing in some; all have them in the same order.
        notes: below the table.
    """

    rows: pd.DataFrame
    number: int | None
    title: str
    sections: Sequence[Section]
    notes: Sequence[str]

    @property
    def heading(self) -> str:
        """Number and title."""
        return self.title if self.number is None else f"Table {self.number}: {self.title}"


def bootstrap_note(intervals: Intervals) -> str:
    """How intervals are estimated, for the notes of a table."""
    return (
        f"{intervals.level * 100:g} % intervals: expanded percentiles of {intervals.resamples} bootstrap samples over"
        f" draws and test subjects; {NONE} where neither can be resampled."
    )


def few_note(rows: pd.DataFrame, titles: Titles) -> list[str]:
    """Warnings about cohorts with too few draws or test subjects for a conclusion.

    Args:
        rows: of a table, with columns cohort, draws and test_subjects.
        titles: of the cohorts.
    """
    most = rows.groupby("cohort", sort=False)[["draws", "test_subjects"]].max()
    found = []
    for column, fewest, what in (
        ("test_subjects", FEWEST_SUBJECTS, "test subjects"),
        ("draws", FEWEST_DRAWS, f"draws of labelled {titles.counted}"),
    ):
        few: dict[int, list[str]] = {}
        for name, number in most.loc[most[column] < fewest, column].items():
            few.setdefault(int(number), []).append(titles.cohorts[str(name)].title)
        if few:
            which = "; ".join(f"{number} in {', '.join(cohorts)}" for number, cohorts in few.items())
            why = (
                FEW_SUBJECTS
                if column == "test_subjects"
                else ONE_DRAW.format(titles.counted)
                if 1 in few
                else TWO_DRAWS
            )
            found.append(f"Too few {what} for a conclusion: {which}. {why}")
    return found


def classes_note(rows: pd.DataFrame) -> list[str]:
    """How scores of several classes are averaged.

    Args:
        rows: of a table, with a column class where cohorts have named classes.
    """
    if CLASS not in rows or MEAN not in set(rows[CLASS]):
        return []
    return [
        "Mean of the classes: for each subject, the mean Dice of all classes and the mean of their distances, which is"
        " undefined if one of them is. A class that a subject lacks has Dice 1 and distance 0 if it is not predicted,"
        " else Dice 0 and an undefined distance."
    ]


def folds_note(titles: Titles) -> list[str]:
    """How the scores of cross-validated cohorts are joined."""
    counts = sorted({title.folds for title in titles.cohorts.values() if title.folds is not None})
    if not counts:
        return []
    which = "" if all(title.folds for title in titles.cohorts.values()) else " (cohorts that are cross-validated)"
    return [
        f"Joined from {' or '.join(map(str, counts))} test folds{which}: every subject is tested once. A draw is the "
        "same draw of every fold, and N of all labels is that of the largest fold."
    ]


def between(low: float, high: float, digits: int) -> str:
    """A range, or one number if both ends print alike; `NONE` if it is unknown."""
    if pd.isna(low) or pd.isna(high):
        return NONE
    ends = [f"{low:.{digits}f}", f"{high:.{digits}f}"]
    return " to ".join(dict.fromkeys(ends))


def distance(median: float, undefined: int, scores: int, decimals: int = 1, missing: str = NONE) -> str:
    """A median, such as of distances in mm, with the number of scores for which it is undefined."""
    shown = missing if pd.isna(median) else f"{median:.{decimals}f}"
    return f"{shown} ({undefined} of {scores} undefined)" if undefined else shown
