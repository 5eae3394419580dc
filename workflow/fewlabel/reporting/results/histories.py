"""The histories of all trainings of a study in one table: joined, thinned where they are too many, read and checked."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError

COLUMNS = ("run", "stage", "step", "loss", "learning_rate", "spread")
"""run: the training's folder beneath the study; loss: mean since the row before; the rest at this step."""


def join_histories(folder: Path, runs: Iterable[Run]) -> pd.DataFrame:
    """The histories of these runs, as text, digit for digit.

    Args:
        folder: `results/<study>`.
        runs: trainings of it; those without a history are left out.

    Returns:
        `COLUMNS` (a column that no history has is left out), sorted by run; empty where there is none.

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
        raise InputError.of(recorded_hashes.shortened(problems), heading=f"{len(problems)} histories cannot be joined:")
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS[:-1]))
    joined = pd.concat(tables, ignore_index=True).fillna("")
    return joined[["run", *joined.columns.drop("run")]]


def read_history(path: Path) -> pd.DataFrame:
    """The history of one training, as text: stage, step, loss, learning rate and further columns.

    Raises:
        InputError: the file was changed, is not a history, or is truncated.
    """
    recorded_hashes.check(path)
    cure = f"to fix: restore it, or {recorded_hashes.make_again(path)}"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table ({str(error).strip()}); {cure}") from None
    if missing := [column for column in COLUMNS[1:5] if column not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}; {cure}")
    # A loss may be `nan`, but not other text.
    numbers = table[["step", "loss", "learning_rate"]].apply(pd.to_numeric, errors="coerce")
    unread = numbers.isna() & ~table[numbers.columns].isin(["nan", "inf", "-inf"])
    if unread.any(axis=None):
        raise InputError(f"{path}, line {int(unread.any(axis=1).to_numpy().argmax()) + 2}: truncated or edited; {cure}")
    return table


def thinned(table: pd.DataFrame, factor: int) -> pd.DataFrame:
    """A table of histories in which so many rows of a stage are one.

    What a row says stays true: its loss is the mean since the row before, its learning rate and spread are those at its
    step. The last row of a stage may be of fewer.

    Args:
        table: as `join_histories` gives it.
        factor: from 1 (no change).
    """
    parts = []
    for _, rows in table.groupby(["run", "stage"], sort=False):
        step = rows["step"].astype("int64").to_numpy()
        taken = np.diff(step, prepend=0)
        group = np.arange(len(rows)) // factor
        loss = np.bincount(group, rows["loss"].astype("float64") * taken) / np.bincount(group, taken)
        last = rows[np.append(group[1:] != group[:-1], True)]
        parts.append(last.assign(loss=[f"{value:.6g}" for value in loss]))
    return pd.concat(parts, ignore_index=True) if parts and factor > 1 else table


def read_histories(path: Path) -> pd.DataFrame:
    """Read and check a table of histories.

    Returns:
        Columns cohort, fold (its test fold; 0: it has none), method, labels (a number or `all` as text; '' of a
        pretraining), draw (0 of a pretraining), stage, step (int64), loss (float64, NaN where it was no number).

    Raises:
        InputError: the table is missing, was changed, lacks columns, or has an invalid run or step.
    """
    recorded_hashes.check(path)
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: not a CSV table ({str(error).strip()}); make it again") from None
    if missing := [column for column in COLUMNS[:4] if column not in text.columns]:
        raise InputError(f"{path.name}: no column {', '.join(missing)}; found: {', '.join(text.columns)}")
    try:
        known = {folder: Run.parse(folder) for folder in text["run"].unique()}
    except ValueError as error:
        raise InputError(f"{path.name}: {error}; make the table again") from None
    step = pd.to_numeric(text["step"], errors="coerce")
    if not ((step >= 1) & (step % 1 == 0)).all():
        wrong = text.loc[~((step >= 1) & (step % 1 == 0)), "step"].iloc[0]
        raise InputError(f"{path.name}: step {wrong!r}; accepted: whole numbers from 1; make the table again")
    runs = [known[folder] for folder in text["run"]]
    return pd.DataFrame(
        {
            "cohort": [run.cohort for run in runs],
            "fold": [run.fold or 0 for run in runs],
            "method": [run.method for run in runs],
            "labels": ["" if run.n is None else str(run.n) for run in runs],
            "draw": [run.draw or 0 for run in runs],
            "stage": text["stage"],
            "step": step.astype("int64"),
            "loss": pd.to_numeric(text["loss"], errors="coerce").astype("float64"),
        }
    )
