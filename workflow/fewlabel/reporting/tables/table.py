"""A table as what it says: plain numbers for machines, and cells of text for readers; `table_forms` writes it down."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.titles import Titles

NONE = "-"
"""Stands for readers where there is no value; the CSV has an empty field."""


@dataclass(frozen=True)
class Section:
    """A part of a table with a head of its own.

    Attributes:
        title: of the part; empty where the table is all of one piece.
        body: cells as plain text, unescaped; its columns are the head, its first column names the rows. Rows that
            follow each other with the same index value share their first cell.
        numbers: whether cells behind the first are short numbers; else they are text, which may need several lines.
    """

    title: str
    body: pd.DataFrame
    numbers: bool


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        rows: for the CSV, plain numbers.
        number: of the table in the paper; None: it has none.
        title: what it shows.
        sections: for readers; all have the same columns.
        notes: what a reader must know, beneath it.
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
    """How intervals come about, for the notes of a table."""
    return (
        f"{intervals.level * 100:g} % interval: expanded percentiles of {intervals.resamples} bootstrap samples of"
        f" draws and, crossed with them, test subjects; with one draw it speaks of the test subjects alone; of two"
        f" draws it is too narrow or says little; {NONE} where nothing can be resampled."
    )


def folds_note(titles: Titles) -> list[str]:
    """What a reader must know of cohorts whose scores are joined from test folds."""
    counts = sorted({title.folds for title in titles.cohorts.values() if title.folds is not None})
    if not counts:
        return []
    which = "" if all(title.folds for title in titles.cohorts.values()) else " (cohorts that are cross-validated)"
    return [
        f"Joined from {' or '.join(map(str, counts))} test folds{which}: every subject is tested once; a draw is that "
        "draw of every fold; N of all labels is the largest fold's."
    ]


def between(low: float, high: float, digits: int) -> str:
    """A range, or one number where its printed ends are equal; `NONE` if it is unknown."""
    if pd.isna(low) or pd.isna(high):
        return NONE
    ends = [f"{low:.{digits}f}", f"{high:.{digits}f}"]
    return " to ".join(dict.fromkeys(ends))


def distance(median: float, undefined: int, scores: int, decimals: int = 1, missing: str = NONE) -> str:
    """A median, such as of a distance in mm, with the number of scores in which it is undefined (an empty mask)."""
    shown = missing if pd.isna(median) else f"{median:.{decimals}f}"
    return f"{shown} ({undefined} of {scores} undefined)" if undefined else shown
