"""Table 2: Dice and surface distances, the numbers of figure 3."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.base import MEAN
from fewlabel.config.jobs.tables.dice import DiceTableSettings
from fewlabel.config.scores.registry import SCORES
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting import paper
from fewlabel.reporting.statistics.classes import CLASS, View, by_view
from fewlabel.reporting.statistics.scores import read_class_scores, select
from fewlabel.reporting.statistics.summary import CELL, summary_table
from fewlabel.reporting.tables.cohort_facts import diagonals
from fewlabel.reporting.tables.dice_published import published_notes, with_published_cells, with_published_rows
from fewlabel.reporting.tables.table import (
    NONE,
    Section,
    Table,
    between,
    bootstrap_note,
    classes_note,
    distance,
    few_note,
    folds_note,
)
from fewlabel.utils.errors import InputError

MARKS = {paper.WHICH_METHOD: "†", paper.EQUIVALENT: "‡"}
"""Marks of the paper's numbers that need a note."""


def tabulate(results: Path, settings: DiceTableSettings) -> Table:
    """The table of a study, from its folder."""
    known = diagonals(results, settings.titles.cohorts) if settings.hd95_missing == "diagonal" else None
    return dice_table(read_class_scores(results / LAYOUT.scores), settings, known)


def dice_table(
    scores: pd.DataFrame, settings: DiceTableSettings, diagonals: Mapping[tuple[str, str], float] | None = None
) -> Table:
    """Table 2: mean Dice with its interval, median HD95 and misses for each cohort, method and N.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: what to show in which order, the interval, and how to treat an undefined HD95.
        diagonals: of the volumes in mm, by cohort and subject; needed if they replace an undefined HD95.

    Returns:
        CSV: a row a cell, with HD95 in mm, the number of scores for which it is undefined, and how many of these are
        misses; of several classes, cells for the mean and each class. For readers: a section a cohort (and class), with
        the paper's numbers if it has any for the cohort, and rows of what others published.

    Raises:
        InputError: a cohort or method of `settings.titles` has no scores, or a subject has no diagonal.
    """
    chosen = select(scores, settings.titles, settings.runs)
    chosen = chosen.assign(undefined=chosen["hd95_mm"].isna())
    chosen["missed"] = chosen["undefined"] & (chosen["truth_ml"] != 0)
    if settings.hd95_missing == "diagonal":
        chosen["hd95_mm"] = _with_diagonals(chosen, diagonals or {})
    shown = by_view(chosen, settings.titles.cohorts)
    # The mean of the classes comes first.
    published = {view.cohort: (view, settings.published.get(view.cohort, [])) for view in reversed(shown)}
    rows = pd.DataFrame([row for view in shown for row in _view_rows(view, settings)])
    sections = []
    for view in shown:
        body, (beside, theirs) = _body(view.of(rows), settings), published[view.cohort]
        body = with_published_cells(body, theirs) if beside is view and theirs else body
        sections.append(Section(view.title(settings.titles.cohorts[view.cohort].title), body, numbers=True))
    notes = [*_notes(rows, settings), *published_notes(settings)]
    return Table(with_published_rows(rows, published.values()), 2, "Dice on the test subjects", sections, notes)


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
        hd95_mm_median=("hd95_mm", "median"),
        hd95_undefined=("undefined", "sum"),
        misses=("missed", "sum"),
        scores=("undefined", "size"),
    ).reset_index()


def _medians(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """The median of a further score in each cell, and the number of scores for which it is undefined."""
    values = scores.reindex(columns=[*CELL, name])
    cells = values.assign(undefined=values[name].isna()).groupby(CELL)
    medians = cells.agg(median=(name, "median"), undefined=("undefined", "sum")).reset_index()
    return medians.rename(columns={"median": f"{name}_median", "undefined": f"{name}_undefined"})


def _view_rows(view: View, settings: DiceTableSettings) -> list[dict[str, Any]]:
    """The rows of a view, by method and N."""
    summary = summary_table(view.scores, settings.intervals).merge(_distances(view.scores), on=CELL)
    for name in settings.scores:
        summary = summary.merge(_medians(view.scores, name), on=CELL)
    return [
        view.columns | _row(summarised, settings)
        for method in settings.titles.methods
        for _, summarised in summary[summary["method"] == method].iterrows()
    ]


def _row(summarised: pd.Series, settings: DiceTableSettings) -> dict[str, Any]:
    method, cohort = settings.titles.methods[summarised["method"]], summarised["cohort"]
    stands_for = settings.titles.cohorts[cohort].stands_for if cohort in settings.paper else None
    theirs = paper.counterpart(stands_for, method.pretext, int(summarised["n"]), method.benchmark)
    row: dict[str, Any] = {"method": summarised["method"], "n": int(summarised["n"])}
    row |= {"dice_mean": summarised["mean"], "dice_low": summarised["low"], "dice_high": summarised["high"]}
    row |= {"hd95_mm_median": summarised["hd95_mm_median"], "hd95_undefined": int(summarised["hd95_undefined"])}
    row |= {"misses": int(summarised["misses"])}
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
            "median HD95, mm": rows["hd95_mm_median"].map(lambda mm: NONE if pd.isna(mm) else f"{mm:.1f}"),
            "misses": [f"{row['misses']} of {row['scores']}" if row["misses"] else "0" for _, row in rows.iterrows()],
            **{f"median {SCORES[name].heading}": _further_cells(rows, name) for name in settings.scores},
            "draws": rows["draws"].astype(str),
            "test subjects": rows["test_subjects"].astype(str),
        }
    )
    if rows["paper_dice"].notna().any():
        shown["paper"] = [_theirs(row) for _, row in rows.iterrows()]
    return shown.set_index(rows["method"])


def _further_cells(rows: pd.DataFrame, name: str) -> list[str]:
    """The medians of a further score, as text."""
    score = SCORES[name]
    return [
        distance(row[f"{name}_median"], row[f"{name}_undefined"], row["scores"], score.decimals, score.missing)
        for _, row in rows.iterrows()
    ]


def _theirs(row: pd.Series) -> str:
    return NONE if pd.isna(row["paper_dice"]) else f"{row['paper_dice']:.2f}{MARKS.get(row['paper_note'], '')}"


def _notes(rows: pd.DataFrame, settings: DiceTableSettings) -> list[str]:
    """Notes below the table; those on the paper only if its numbers are shown."""
    notes = few_note(rows, settings.titles)
    notes.append(
        f"Mean Dice over all draws and test subjects, on the native grid. {bootstrap_note(settings.intervals)}"
    )
    notes += [*classes_note(rows), *folds_note(settings.titles)]
    single = rows[rows[CLASS] != MEAN] if CLASS in rows else rows
    if undefined := int(single["hd95_undefined"].sum()):
        treated = (
            "left out of the median" if settings.hd95_missing == "exclude" else "set to the diagonal of the volume"
        )
        notes.append(
            f"Misses: empty predictions of subjects that have the target. Their HD95 is undefined and {treated}. A low"
            " median beside many misses is no good result."
        )
        if others := undefined - int(single["misses"].sum()):
            notes.append(f"HD95 is also undefined in {others} scores of subjects without the target; treated alike.")
    if rows["paper_dice"].notna().any():
        notes.append(
            f"Paper: {paper.CITATION}. Its numbers are of its own cohorts and have no intervals: do not compare digits."
        )
    return notes + [f"{mark} {note}." for note, mark in MARKS.items() if (rows["paper_note"] == note).any()]
