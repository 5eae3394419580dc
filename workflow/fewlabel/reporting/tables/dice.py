"""Table 2: the numbers behind figure 3."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.jobs.tables.dice import DiceTableSettings
from fewlabel.config.scores.registry import SCORES
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting import paper
from fewlabel.reporting.statistics.scores import read_scores, select
from fewlabel.reporting.statistics.summary import CELL, summary_table
from fewlabel.reporting.tables.cohort_facts import diagonals
from fewlabel.reporting.tables.table import NONE, Section, Table, between, bootstrap_note, distance, folds_note
from fewlabel.utils.errors import InputError

MARKS = {paper.WHICH_METHOD: "†", paper.EQUIVALENT: "‡"}
"""Behind a number of the paper that needs a note."""


def tabulate(results: Path, settings: DiceTableSettings) -> Table:
    """The table of a study, from its folder."""
    known = diagonals(results, settings.titles.cohorts) if settings.hd95_missing == "diagonal" else None
    return dice_table(read_scores(results / LAYOUT.scores), settings, known)


def dice_table(
    scores: pd.DataFrame, settings: DiceTableSettings, diagonals: Mapping[tuple[str, str], float] | None = None
) -> Table:
    """Table 2: mean Dice with its interval and median HD95 for each cohort, method and N, the paper's number beside.

    Args:
        scores: as `scores.read_scores` gives it.
        settings: what to show and in which order, the interval, and the treatment of an undefined HD95.
        diagonals: of the volumes, in mm, by cohort and subject; needed if they replace an undefined HD95.

    Returns:
        CSV: a row a cell, plain numbers; HD95 in mm, in how many scores it is undefined, and of how many. For readers:
        a section a cohort.

    Raises:
        InputError: a cohort or method of `settings.titles` has no scores, or a subject has no diagonal.
    """
    chosen = select(scores, settings.titles, settings.runs)
    if settings.hd95_missing == "diagonal":
        chosen = chosen.assign(hd95_mm=_with_diagonals(chosen, diagonals or {}), undefined=chosen["hd95_mm"].isna())
    else:
        chosen = chosen.assign(undefined=chosen["hd95_mm"].isna())
    summary = summary_table(chosen, settings.intervals).merge(_distances(chosen), on=CELL)
    for name in settings.scores:
        summary = summary.merge(_medians(chosen, name), on=CELL)
    cells = [
        _row(summarised, settings)
        for cohort in settings.titles.cohorts
        for method in settings.titles.methods
        for _, summarised in summary[(summary["cohort"] == cohort) & (summary["method"] == method)].iterrows()
    ]
    rows = pd.DataFrame(cells)
    sections = [
        Section(title.title, _body(rows[rows["cohort"] == name], settings), numbers=True)
        for name, title in settings.titles.cohorts.items()
    ]
    return Table(rows, 2, "Dice on the test subjects", sections, _notes(rows, settings))


def _with_diagonals(scores: pd.DataFrame, diagonals: Mapping[tuple[str, str], float]) -> pd.Series:
    subjects = list(zip(scores["cohort"], scores["subject"], strict=True))
    if unknown := sorted({subject for subject in subjects if subject not in diagonals}):
        cohort, subject = unknown[0]
        raise InputError(
            f"figures.dice_table.hd95_missing: diagonal: the volume size is unknown for {len(unknown)} subjects, such "
            f"as {subject} of {cohort}; accepted: `slices/subjects.csv` with all test subjects, or `exclude`"
        )
    return scores["hd95_mm"].fillna(pd.Series([diagonals[subject] for subject in subjects], index=scores.index))


def _distances(scores: pd.DataFrame) -> pd.DataFrame:
    cells = scores.groupby(["cohort", "method", "n"])
    return cells.agg(
        hd95_mm_median=("hd95_mm", "median"), hd95_undefined=("undefined", "sum"), scores=("undefined", "size")
    ).reset_index()


def _medians(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """The median of a further score in each cell, and in how many scores it is undefined."""
    values = scores.reindex(columns=[*CELL, name])
    cells = values.assign(undefined=values[name].isna()).groupby(CELL)
    medians = cells.agg(median=(name, "median"), undefined=("undefined", "sum")).reset_index()
    return medians.rename(columns={"median": f"{name}_median", "undefined": f"{name}_undefined"})


def _row(summarised: pd.Series, settings: DiceTableSettings) -> dict[str, Any]:
    method = settings.titles.methods[summarised["method"]]
    stands_for = settings.titles.cohorts[summarised["cohort"]].stands_for
    theirs = paper.counterpart(stands_for, method.pretext, int(summarised["n"]), method.benchmark)
    row = {"cohort": summarised["cohort"], "method": summarised["method"], "n": int(summarised["n"])}
    row |= {"dice_mean": summarised["mean"], "dice_low": summarised["low"], "dice_high": summarised["high"]}
    row |= {"hd95_mm_median": summarised["hd95_mm_median"], "hd95_undefined": int(summarised["hd95_undefined"])}
    for name in settings.scores:
        undefined = int(summarised[f"{name}_undefined"])
        row |= {f"{name}_median": summarised[f"{name}_median"], f"{name}_undefined": undefined}
    row |= {"scores": int(summarised["scores"])}
    row |= {"draws": int(summarised["draws"]), "test_subjects": int(summarised["subjects"])}
    return row | {"paper_dice": theirs.dice if theirs else None, "paper_note": theirs.note if theirs else ""}


def _body(rows: pd.DataFrame, settings: DiceTableSettings) -> pd.DataFrame:
    level = f"{settings.intervals.level * 100:g} %"
    shown = pd.DataFrame(
        {
            "method": rows["method"].map(lambda name: settings.titles.methods[name].title),
            "N": rows["n"].astype(str),
            "mean Dice": rows["dice_mean"].map("{:.3f}".format),
            f"{level} interval": [between(row["dice_low"], row["dice_high"], 3) for _, row in rows.iterrows()],
            "median HD95, mm": [
                distance(row["hd95_mm_median"], row["hd95_undefined"], row["scores"]) for _, row in rows.iterrows()
            ],
            **{f"median {SCORES[name].heading}": _further_cells(rows, name) for name in settings.scores},
            "draws": rows["draws"].astype(str),
            "test subjects": rows["test_subjects"].astype(str),
            "paper": [_theirs(row) for _, row in rows.iterrows()],
        }
    )
    return shown.set_index(rows["method"])


def _further_cells(rows: pd.DataFrame, name: str) -> list[str]:
    """The medians of a further score for readers."""
    score = SCORES[name]
    return [
        distance(row[f"{name}_median"], row[f"{name}_undefined"], row["scores"], score.decimals, score.missing)
        for _, row in rows.iterrows()
    ]


def _theirs(row: pd.Series) -> str:
    return NONE if pd.isna(row["paper_dice"]) else f"{row['paper_dice']:.2f}{MARKS.get(row['paper_note'], '')}"


def _notes(rows: pd.DataFrame, settings: DiceTableSettings) -> list[str]:
    """What a reader must know to read the table; notes on the paper only where its numbers are shown."""
    intervals = settings.intervals
    notes = [f"Mean Dice over all draws and test subjects, on the native grid. {bootstrap_note(intervals)}"]
    notes += folds_note(settings.titles)
    if missing := int(rows["hd95_undefined"].sum()):
        what = "are left out of its medians" if settings.hd95_missing == "exclude" else "count with the diagonal"
        volume = "" if settings.hd95_missing == "exclude" else " of the subject's volume"
        notes.append(
            f"HD95 is undefined if one of the two masks is empty: {missing} scores {what}{volume}; their number is "
            "given beside the median."
        )
    if rows["paper_dice"].notna().any():
        notes.append(
            f"Paper: {paper.CITATION}. On its own cohorts and without intervals: not to be compared digit by digit."
        )
    return notes + [f"{mark} {note}." for note, mark in MARKS.items() if (rows["paper_note"] == note).any()]
