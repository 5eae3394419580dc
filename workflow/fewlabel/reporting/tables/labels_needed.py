"""Table 4: labelled subjects that each method needs for a share of the benchmark's Dice, and labels saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fewlabel.config.jobs.tables.labels_needed import LabelsTableSettings
from fewlabel.config.study_layout import LAYOUT
from fewlabel.reporting.statistics.classes import View, by_view, with_class
from fewlabel.reporting.statistics.labels_needed import Needed, Saved, labels_needed, labels_saved
from fewlabel.reporting.statistics.scores import read_class_scores, select
from fewlabel.reporting.tables.table import NONE, Section, Table, bootstrap_note, classes_note, few_note, folds_note

COLUMNS = [
    "cohort", "method", "share", "dice", "n", "n_low", "n_high", "control", "saved", "saved_is", "saved_low",
    "saved_high", "smallest_n", "largest_n", "draws", "test_subjects",
]  # fmt: skip


def tabulate(results: Path, settings: LabelsTableSettings) -> Table:
    """The table of a study, from its folder."""
    return labels_table(read_class_scores(results / LAYOUT.scores), settings)


def labels_table(scores: pd.DataFrame, settings: LabelsTableSettings) -> Table:
    """Table 4: the interpolated N at which each method reaches shares of the benchmark's mean Dice, and labels saved.

    Args:
        scores: as `scores.read_class_scores` gives it.
        settings: the method whose Dice is 100 %, shares, control, methods in their order, and the interval.

    Returns:
        CSV: a row a cohort, method and share, of several classes for the mean and each class; `n` is `inf` if no N of
        the study reaches the share. For readers: a section a cohort (and class).

    Raises:
        InputError: a cohort, method, run or test subject that is to be shown has no scores.
    """
    chosen = select(scores, settings.titles, settings.runs)
    shown, titles = by_view(chosen, settings.titles.cohorts), settings.titles.cohorts
    found = [row for view in shown for row in _view_rows(view, settings)]
    rows = pd.DataFrame(found, columns=with_class(COLUMNS, chosen))
    sections = [
        Section(view.title(titles[view.cohort].title), _body(view.of(rows), settings), numbers=True) for view in shown
    ]
    title = f"Labelled {settings.titles.counted} that a share of the benchmark needs"
    return Table(rows, 4, title, sections, _notes(rows, settings))


def _view_rows(view: View, settings: LabelsTableSettings) -> Iterator[dict[str, Any]]:
    own = view.scores
    whole = own[own["method"] == settings.reference]
    if whole.empty:
        return
    reference = whole[whole["n"] == whole["n"].max()]
    curves = {
        method: {int(str(n)): cell for n, cell in own[own["method"] == method].groupby("n")}
        for method in settings.methods
    }
    most = max((len(by_n) for by_n in curves.values()), default=0)
    curves = {method: by_n for method, by_n in curves.items() if len(by_n) > 1 or most == 1}
    needed = labels_needed(curves, reference, settings.shares, settings.intervals)
    for method, by_share in needed.items():
        for place, (share, one) in enumerate(zip(settings.shares, by_share, strict=True)):
            row: dict[str, Any] = {**view.columns, "method": method, "share": share}
            row |= {"dice": share * reference["dice"].mean(), "n": one.value, "n_low": one.low, "n_high": one.high}
            if settings.control in needed and method != settings.control:
                saved = labels_saved(one, needed[settings.control][place], settings.intervals)
                row |= {"control": settings.control, "saved": saved.value, "saved_is": saved.bound}
                row |= {"saved_low": saved.low, "saved_high": saved.high}
            row |= {"smallest_n": one.smallest, "largest_n": one.largest}
            yield row | {"draws": reference["draw"].nunique(), "test_subjects": reference["subject"].nunique()}


def _body(rows: pd.DataFrame, settings: LabelsTableSettings) -> pd.DataFrame:
    level = f"{settings.intervals.level * 100:g} % interval"
    read = [_read(row) for _, row in rows.iterrows()]
    shown = pd.DataFrame(
        {
            "method": [settings.titles.methods[name].title for name in rows["method"]],
            "share (Dice)": [f"{row['share'] * 100:g} % ({row['dice']:.3f})" for _, row in rows.iterrows()],
            "N": [_count(one.value, one) for one, _ in read],
            f"{level} of N": [_interval(one) for one, _ in read],
            "labels saved": [_saved(saved) for _, saved in read],
            f"{level} of saved": [_saved_interval(saved) for _, saved in read],
        }
    )
    if rows.empty:
        return pd.DataFrame([[NONE] * len(shown.columns)], columns=shown.columns, index=[NONE])
    return shown.set_index(rows["method"])


def _read(row: pd.Series) -> tuple[Needed, Saved | None]:
    """The numbers of a row."""
    ends = int(row["smallest_n"]), int(row["largest_n"])
    needed = Needed(row["n"], row["n_low"], row["n_high"], np.empty(0), *ends)
    if not isinstance(row["control"], str):
        return needed, None
    return needed, Saved(row["saved"], row["saved_is"], row["saved_low"], row["saved_high"])


def _count(value: float, needed: Needed) -> str:
    if np.isinf(value):
        return f"> {needed.largest}"
    if value <= needed.smallest:
        return f"{needed.smallest}" if needed.smallest == 1 else f"{needed.smallest} or fewer"
    return f"{value:.1f}"


def _interval(needed: Needed) -> str:
    """As `table.between`."""
    return " to ".join(dict.fromkeys(_count(end, needed) for end in (needed.low, needed.high)))


def _saved(saved: Saved | None) -> str:
    if saved is None or np.isnan(saved.value):
        return NONE
    return f"{saved.bound} {_signed(saved.value)}".strip()


def _saved_interval(saved: Saved | None) -> str:
    return NONE if saved is None or np.isnan(saved.low) else f"{_signed(saved.low)} to {_signed(saved.high)}"


def _signed(value: float) -> str:
    """One decimal, and no sign before zero."""
    return f"{value:+.1f}" if f"{abs(value):.1f}" != "0.0" else "0.0"


def _notes(rows: pd.DataFrame, settings: LabelsTableSettings) -> list[str]:
    """Notes below the table."""
    if rows.empty:
        return [
            "Nothing to show: no method is trained on all labels. figures.label_efficiency.reference names another"
            " method whose Dice is 100 %."
        ]
    beyond = rows[np.isinf(rows[["n", "n_low", "n_high"]]).any(axis=1)]
    largest = sorted(set(map(int, beyond["largest_n"])))
    notes = [
        *few_note(rows, settings.titles),
        "N: where the mean Dice over draws and test subjects first reaches the share, on straight lines in log N"
        f" between the N of the study. {bootstrap_note(settings.intervals)} All N, methods and the benchmark are"
        " resampled together.",
        *(
            f'"> {n}": the share is not reached with {n} labelled {settings.titles.counted}, the most that the'
            " method was given; how many more it needs is unknown."
            for n in largest
        ),
    ]
    if settings.control is not None:
        notes.append(
            "Labels saved: N of the control minus N of the method, resampled in pairs; an N beyond those of the study"
            " counts as the largest of them. An interval with 0 is no evidence of a saving."
        )
    further = _left_out_note(rows, settings) + _steps_note(settings)
    return notes + further + classes_note(rows) + folds_note(settings.titles)


def _left_out_note(rows: pd.DataFrame, settings: LabelsTableSettings) -> list[str]:
    """Methods that are left out: one N makes no curve."""
    left = [settings.titles.methods[name].title for name in settings.methods if name not in set(rows["method"])]
    return [f"Left out, since one N makes no curve: {', '.join(left)}."] if left else []


def _steps_note(settings: LabelsTableSettings) -> list[str]:
    """Steps of each method, the most first, if finetunings differ in steps."""
    had: dict[int, list[str]] = {}
    for name, steps in settings.steps.items():
        had.setdefault(steps, []).append(settings.titles.methods[name].title)
    if len(had) < 2:
        return []
    budgets = [f"{steps} for {', '.join(names)}" for steps, names in sorted(had.items(), reverse=True)]
    return [
        f"Steps of finetuning differ: {'; '.join(budgets)}. These methods differ in steps as well as in labels: where"
        " curves are flat, a saving of labels may be one of steps."
    ]
