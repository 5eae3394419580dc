"""The long table of scores, one row for each run, test subject and named class: read, check, join and select."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from fewlabel.config.jobs.grid import CollectSettings
from fewlabel.config.jobs.titles import Titles
from fewlabel.config.scores.registry import BUILT_IN, FURTHER, SCORES
from fewlabel.data.csv_tables import read_csv_table, whole_from_1
from fewlabel.reporting.statistics.classes import CLASS, KEY, class_problems, one_class, row_key
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import first_lines

COLUMNS = (*KEY, *BUILT_IN)
"""Scores are those of the registry; distances are empty where a mask is empty."""

FOLD = "fold"
"""A further column where a cohort is cross-validated: the test fold, from 1; empty for other cohorts."""
COUNTS = ("n", "draw")
NEEDED = (*KEY, "dice")
"""Older tables may lack the other columns."""


def read_scores(path: Path) -> pd.DataFrame:
    """Read one table of scores, with the mean of the classes where there are several: one row a run and test subject.

    See `read_class_scores`; `CLASS` is left out.
    """
    return one_class(read_class_scores(path))


def read_class_scores(path: Path) -> pd.DataFrame:
    """Read and check one table of scores, with one row for each class where cohorts have named classes.

    Args:
        path: a CSV file with at least `NEEDED`; columns that are no scores are dropped, but for `FOLD`.

    Returns:
        `COLUMNS` in their order: cohort, method, subject as text; n, draw as int64 from 1; the rest as float64, with
        NaN for what is undefined, and for columns that the file lacks. Then, only where the file has them, scores of
        installed packages as float64, and `FOLD` as Int64, empty or from 1. Only where the file has it, `CLASS` follows
        the subject: the class's name, empty for cohorts of one class without a name (`classes.one_class` gives the
        table of one class or of their mean).

    Raises:
        InputError: the file is missing, was changed, is not a CSV table, has no rows, lacks columns, contains values
            that are not numbers or out of range, repeats a subject (or a class of it) of a run, or lacks classes.
    """
    # As text, since messages quote wrong numbers.
    text = read_csv_table(path, NEEDED, remedy=f"accepted: {', '.join(COLUMNS)}")
    if text.empty:
        raise InputError(f"{path.name}: no rows; accepted: one row for each run and test subject")
    further = [name for name in FURTHER if name in text]
    scores = text.reindex(columns=[*KEY, *([CLASS] if CLASS in text else []), *BUILT_IN, *further])
    for column in (*COUNTS, *BUILT_IN, *further):
        if column in text:
            scores[column] = text[column].map(_number)
        scores[column] = scores[column].astype("float64")
    problems = [*_empty_names(scores), *_bad_values(text, scores), *_repeats(scores), *class_problems(scores)]
    if FOLD in text:
        folds = text[FOLD].map(_number)
        good = (text[FOLD] == "") | whole_from_1(folds)
        if not good.all():
            wrong = f"{FOLD}: {int((~good).sum())} bad values such as '{text.loc[~good, FOLD].iloc[0]}'"
            problems.append(f"{wrong}; accepted: whole numbers from 1, or empty")
        scores[FOLD] = folds.where(good)
    if problems:
        raise InputError.of(problems, heading=f"{path.name}: not a valid table of scores")
    kinds = dict.fromkeys(COUNTS, "int64") | ({FOLD: "Int64"} if FOLD in scores else {})
    return scores.astype(kinds)


def collect(run_tables: Sequence[Path]) -> pd.DataFrame:
    """Join the tables of all runs into one, sorted by cohort, method, n, draw, subject; classes keep their order.

    The test folds of a cohort become one cohort: draw 1 is draw 1 of every fold, and so on, so that each draw tests
    every subject once. For `all` labels, N is the size of the largest pool of the folds.

    A method with both `all` labels and an N equal to the pool has two runs of one name, which differ only by
    nondeterminism of a GPU; the first one is used.

    Raises:
        InputError: no tables, missing files, a table that `read_class_scores` refuses, or runs of a cohort with
            different classes.
    """
    if not run_tables:
        raise InputError("no tables of scores to collect: the study has no runs")
    if missing := [path for path in run_tables if not path.is_file()]:
        heading = "tables of scores are missing; to fix: evaluate these runs:"
        raise InputError.of([str(path) for path in missing], heading=heading)
    return join_scores(_on_all_labels([(path, read_class_scores(path)) for path in run_tables]))


def join_scores(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of scores into one, as `collect` sorts it; of repeated rows the first is kept.

    Raises:
        InputError: tables of a cohort have different classes.
    """
    joined = pd.concat(tables, ignore_index=True)
    if CLASS in joined:
        joined = joined.assign(**{CLASS: joined[CLASS].fillna("")})
        joined = joined[[*KEY, CLASS, *joined.columns.drop([*KEY, CLASS])]]
        if problems := list(class_problems(joined)):
            heading = "runs of a cohort have different classes; to fix: evaluate them again:"
            raise InputError.of(problems, heading=heading)
    return joined.drop_duplicates(row_key(joined)).sort_values(KEY, kind="stable", ignore_index=True)


def _on_all_labels(tables: Sequence[tuple[Path, pd.DataFrame]]) -> Iterator[pd.DataFrame]:
    """Yield the tables, with one N for the runs of all folds of a cohort on all labels (folder `nall`)."""
    folded = {path for path, table in tables if path.parent.parent.name == "nall" and FOLD in table}
    largest: dict[str, int] = {}
    for path, table in tables:
        if path in folded:
            cohort = str(table["cohort"].iloc[0])
            largest[cohort] = max(largest.get(cohort, 0), int(table["n"].max()))
    for path, table in tables:
        yield table.assign(n=largest[str(table["cohort"].iloc[0])]) if path in folded else table


def fold_of_subject(scores: pd.DataFrame, subject: str) -> int | None:
    """The test fold of a subject, given the rows of its cohort; None: no folds."""
    if FOLD not in scores:
        return None
    folds = scores.loc[scores["subject"] == subject, FOLD].dropna()
    return None if folds.empty else int(folds.iloc[0])


def select(scores: pd.DataFrame, titles: Titles, runs: CollectSettings) -> pd.DataFrame:
    """Select the rows of the cohorts and methods of `titles`, which must be complete.

    Raises:
        InputError: a cohort or method of `titles`, or a run or test subject of these, has no row.
    """
    problems = []
    for column, names in (("cohort", titles.cohorts), ("method", titles.methods)):
        present = set(scores[column])
        if missing := [name for name in names if name not in present]:
            problems.append(f"no {column} {', '.join(missing)}; found: {', '.join(sorted(present))}")
    pairs = set(zip(scores["cohort"], scores["method"], strict=True))
    if not problems:
        required = [(cohort, method) for cohort in titles.cohorts for method in titles.methods]
        problems = [
            f"no method {method} on cohort {cohort}" for cohort, method in required if (cohort, method) not in pairs
        ]
    if problems:
        raise InputError.of(problems, heading="scores are missing; to fix: run or remove these:")
    chosen = scores[scores["cohort"].isin(list(titles.cohorts)) & scores["method"].isin(list(titles.methods))]
    if gaps := [gap for cohort, rows in chosen.groupby("cohort") for gap in _gaps(str(cohort), rows, runs)]:
        raise InputError.of(
            first_lines(gaps),
            heading="the study is incomplete, and figures and tables need all runs; to fix: run these:",
        )
    return chosen


def _gaps(cohort: str, scores: pd.DataFrame, runs: CollectSettings) -> Iterator[str]:
    """Yield runs of a cohort, and test subjects of runs, without scores. `all` is the largest N."""
    everyone = set(scores["subject"])
    tested = scores.groupby(["method", "n", "draw"])["subject"].agg(set).to_dict()
    for method in scores["method"].unique():
        for labels in runs.labels.get(method, []):
            n = int(scores["n"].max()) if labels == "all" else labels
            for draw in range(1, runs.draws + 1):
                run = f"{cohort}, {method}, N = {labels}, draw {draw}"
                if (method, n, draw) not in tested:
                    yield f"{run}: no scores"
                elif absent := sorted(everyone - tested[method, n, draw]):
                    yield f"{run}: no score of {', '.join(absent[:5])}{' …' if len(absent) > 5 else ''}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _empty_names(scores: pd.DataFrame) -> list[str]:
    return [
        f"{column}: empty in {int(empty.sum())} rows"
        for column in ("cohort", "method", "subject")
        if (empty := scores[column] == "").any()
    ]


def _bad_values(text: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    good = {column: whole_from_1(scores[column]) for column in COUNTS}
    accepted = dict.fromkeys(COUNTS, "whole numbers from 1")
    for name in (name for name in SCORES if name in text):
        score, values = SCORES[name], scores[name]
        # Infinity is no value, whatever the range.
        good[name] = values.between(score.low, score.high) & (values.abs() < math.inf)
        if score.may_be_undefined:
            good[name] |= text[name].str.lower().isin(["", "nan"])
        accepted[name] = score.accepted
    return [
        f"{column}: {int((~fine).sum())} bad values such as '{text.loc[~fine, column].iloc[0]}';"
        f" accepted: {accepted[column]}"
        for column, fine in good.items()
        if not fine.all()
    ]


def _repeats(scores: pd.DataFrame) -> list[str]:
    key = row_key(scores)
    repeated = scores[scores.duplicated(key)]
    if repeated.empty:
        return []
    first = ", ".join(f"{column} {repeated[column].iloc[0]}" for column in key)
    return [f"{', '.join(key)}: {len(repeated)} rows are repeated, such as {first}"]
