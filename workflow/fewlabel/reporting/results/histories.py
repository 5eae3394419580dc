"""The histories of all trainings of a study in one table: join, thin, read and check."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.data.csv_tables import numbers, read_csv_table, whole_from_1
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import first_lines

COLUMNS = ("run", "stage", "step", "loss", "learning_rate", "spread")
"""run: the training's folder relative to the study; loss: mean since the previous row; other values at this step."""


def join_histories(folder: Path, runs: Iterable[Run]) -> pd.DataFrame:
    """Join the histories of runs, with values as text, so that all digits are kept; runs without a history are skipped.

    Returns:
        `COLUMNS` (without columns that no history has), sorted by run; empty without histories.

    Raises:
        InputError: all histories that `read_history` refuses.
    """
    tables, problems = [], []
    for run in sorted(runs, key=str):
        if (path := folder / LAYOUT.run_history(run)).is_file():
            try:
                tables.append(read_history(path).assign(run=str(run)))
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise InputError.of(first_lines(problems), heading=f"{len(problems)} histories cannot be joined:")
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS[:-1]))
    joined = pd.concat(tables, ignore_index=True).fillna("")
    return joined[["run", *joined.columns.drop("run")]]


def read_history(path: Path) -> pd.DataFrame:
    """Read the history of one training, as text: stage, step, loss, learning rate and further columns.

    Raises:
        InputError: the file was changed, is not a history, or is truncated.
    """
    remedy = f"to fix: restore it, or {recorded_hashes.make_again(path)}"
    table = read_csv_table(path, COLUMNS[1:5], remedy)
    # A loss may be `nan`, but not other text.
    values = numbers(table, ("step", "loss", "learning_rate"))
    unread = values.isna() & ~table[values.columns].isin(["nan", "inf", "-inf"])
    if unread.any(axis=None):
        raise InputError(
            f"{path}, line {int(unread.any(axis=1).to_numpy().argmax()) + 2}: truncated or edited; {remedy}"
        )
    return table


def thin(table: pd.DataFrame, factor: int) -> pd.DataFrame:
    """Merge every `factor` rows of a stage into one; the last row of a stage may be of fewer.

    The loss of a row remains the mean since the previous row; learning rate and spread remain those at its step.
    """
    parts = []
    for _, rows in table.groupby(["run", "stage"], sort=False):
        step = rows["step"].astype("int64").to_numpy()
        steps = np.diff(step, prepend=0)
        group = np.arange(len(rows)) // factor
        loss = np.bincount(group, rows["loss"].astype("float64") * steps) / np.bincount(group, steps)
        last = rows[np.append(group[1:] != group[:-1], True)]
        parts.append(last.assign(loss=[f"{value:.6g}" for value in loss]))
    return pd.concat(parts, ignore_index=True) if parts and factor > 1 else table


def read_histories(path: Path) -> pd.DataFrame:
    """Read and check a table of histories.

    Returns:
        Columns cohort, fold (test fold; 0: none), method, labels (a number or `all` as text; '' for pretrainings),
        draw (0 for pretrainings), stage, step (int64), loss (float64, NaN if it is not a number).

    Raises:
        InputError: the table is missing, was changed, lacks columns, or has an invalid run or step.
    """
    text = read_csv_table(path, COLUMNS[:4])
    try:
        by_folder = {folder: Run.parse(folder) for folder in text["run"].unique()}
    except ValueError as error:
        raise InputError(f"{path.name}: {error}; to fix: make the table again") from None
    step, loss = (numbers(text, [name])[name] for name in ("step", "loss"))
    if not whole_from_1(step).all():
        wrong = text.loc[~whole_from_1(step), "step"].iloc[0]
        raise InputError(f"{path.name}: step {wrong!r}; accepted: whole numbers from 1; to fix: make the table again")
    runs = [by_folder[folder] for folder in text["run"]]
    return pd.DataFrame(
        {
            "cohort": [run.cohort for run in runs],
            "fold": [run.fold or 0 for run in runs],
            "method": [run.method for run in runs],
            "labels": ["" if run.n is None else str(run.n) for run in runs],
            "draw": [run.draw or 0 for run in runs],
            "stage": text["stage"],
            "step": step.astype("int64"),
            "loss": loss.astype("float64"),
        }
    )
