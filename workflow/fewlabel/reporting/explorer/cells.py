"""Numbers of the page: cells (cohort, method, N) with all their scores, and their differences to the control."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics import summary as statistics

DIGITS = 4


class Cell(TypedDict):
    """One method with one N on one cohort.

    `dice` has a list a draw with a value a subject (in the order of the cohort's subjects; None: no score); `subjects`
    and `seconds` have, a draw, whom it was trained on and for how long (None: not recorded). `undefined`: the number
    of scores with an empty mask, whose surface distances are undefined. `further`:
    medians of scores of installed packages. Mean Dice and its interval
    are 0 to 1; `low` and `high` are None where no interval is estimable.
    """

    method: str
    n: int
    mean: float
    low: float | None
    high: float | None
    draws: list[int]
    dice: list[list[float | None]]
    subjects: list[list[str] | None]
    seconds: list[float | None]
    undefined: int
    further: list[float | None]


class CellDifference(TypedDict):
    """A cell minus the control's cell of the same N: mean over draws and subjects, and mean of each subject."""

    method: str
    n: int
    mean: float
    low: float | None
    high: float | None
    dice: list[float | None]


Runs = Mapping[tuple[str, int, int], Mapping[str, Any]]
"""Records of a cohort's finetunings, by method, N and draw."""


def cells(
    scores: pd.DataFrame,
    methods: Sequence[str],
    subjects: Sequence[str],
    runs: Runs,
    intervals: Intervals,
    further: Sequence[str] = (),
) -> list[Cell]:
    """All cells of a cohort, in the order of methods and N.

    Args:
        scores: the cohort's rows, from `scores.read_scores`.
        methods: in the order of the experiment.
        subjects: the test subjects, in the order of the cell's values.
        runs: records of the finetunings; missing values are None in the cells.
        intervals: of the bootstrap.
        further: names of scores of installed packages, whose medians are given.
    """
    result: list[Cell] = []
    for method in methods:
        for n, cell in scores[scores["method"] == method].groupby("n", sort=True):
            table = cell.pivot_table(index="draw", columns="subject", values="dice").reindex(columns=list(subjects))
            draws = [int(draw) for draw in table.index]
            facts = [runs.get((method, int(str(n)), draw), {}) for draw in draws]
            summary = statistics.summarise(cell, intervals)
            result.append(
                {
                    "method": method,
                    "n": int(str(n)),
                    "mean": round(summary.mean, DIGITS),
                    "low": number(summary.low),
                    "high": number(summary.high),
                    "draws": draws,
                    "dice": [[number(value) for value in row] for row in table.to_numpy()],
                    "subjects": [_names(fact.get("subjects")) for fact in facts],
                    "seconds": [_seconds(fact.get("time")) for fact in facts],
                    "undefined": int(cell["hd95_mm"].isna().sum()),
                    "further": [number(cell[name].median()) if name in cell else None for name in further],
                }
            )
    return result


def differences(
    scores: pd.DataFrame, control: str | None, methods: Sequence[str], subjects: Sequence[str], intervals: Intervals
) -> list[CellDifference]:
    """Each method minus the control, paired by N, draw and test subject; empty without a control.

    Intervals are those of `summary.summarise` for the differences.
    """
    if control is None:
        return []
    by_method = {(str(name), int(str(n))): rows for (name, n), rows in scores.groupby(["method", "n"], sort=True)}
    result: list[CellDifference] = []
    for method in [name for name in methods if name != control]:
        for n in sorted(n for name, n in by_method if name == method and (control, n) in by_method):
            cell = statistics.differences(by_method[method, n], by_method[control, n])
            if cell.empty:  # no draw or subject in common
                continue
            summary = statistics.summarise(cell, intervals, statistics.DIFFERENCE)
            by_subject = cell.groupby("subject")["dice"].mean().reindex(list(subjects))
            result.append(
                {
                    "method": method,
                    "n": n,
                    "mean": round(summary.mean, DIGITS),
                    "low": number(summary.low),
                    "high": number(summary.high),
                    "dice": [number(value) for value in by_subject],
                }
            )
    return result


def number(value: float) -> float | None:
    """A rounded number for JSON; None for NaN."""
    return None if math.isnan(value) else round(float(value), DIGITS)


def _names(value: Any) -> list[str] | None:
    return [str(name) for name in value] if isinstance(value, list) else None


def _seconds(value: Any) -> float | None:
    seconds = value.get("seconds") if isinstance(value, dict) else None
    return float(seconds) if isinstance(seconds, (int, float)) else None
