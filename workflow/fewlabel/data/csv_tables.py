"""Read CSV tables of the workflow."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError, plain


def read_csv_table(
    path: Path,
    columns: Iterable[str] = (),
    remedy: str = "to fix: make it again",
    kinds: type | Mapping[str, type] = str,
    may_be_empty: Iterable[str] = (),
) -> pd.DataFrame:
    """Read a table, unchanged since a job wrote it. Names stay text (007, NA, null); further columns are kept.

    Args:
        columns: that it must have.
        remedy: how to fix a refused table, for the message.
        kinds: of the columns; by default, all values are text. Other columns have the type that pandas infers.
        may_be_empty: columns whose empty values are NaN.

    Raises:
        InputError: the file is missing, was changed, is no CSV table, or lacks a column.
    """
    recorded_hashes.check(path)
    options: dict[str, Any] = {"keep_default_na": False, "na_values": {name: [""] for name in may_be_empty}}
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=kinds, **options)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # not UTF-8, not a table, empty, or with an overlong field
        raise InputError(f"{path}: not a CSV table ({plain(str(error).strip())}); {remedy}") from None
    if missing := [column for column in columns if column not in table.columns]:
        columns_text = plain(", ".join(map(str, table.columns)))
        raise InputError(f"{path}: no column {', '.join(missing)}; found: {columns_text}; {remedy}")
    return table


def numbers(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """These columns as numbers; NaN for values that are no numbers."""
    converted: pd.DataFrame = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    return converted


def whole_from_1(values: pd.Series) -> pd.Series:
    """Mask of the values that are whole numbers from 1."""
    return (values >= 1) & (values % 1 == 0)


MAY_BE_EMPTY = ("target_ml", "target_slices", "kept", "grid_dice")
"""Columns that are empty for subjects without a mask."""
CLASS_ML = "ml_"
"""Start of the names of columns with the volumes of named classes, empty for subjects without a mask."""


def read_subjects(path: Path, *needed: str) -> pd.DataFrame:
    """Read a table with one row per subject or slice; `needed`: columns besides `subject`.

    Raises:
        InputError: see `read_csv_table`.
    """
    kinds = {"subject": str, "patient": str}
    table = read_csv_table(path, ("subject", *needed), kinds=kinds, may_be_empty=MAY_BE_EMPTY)
    volumes = [column for column in map(str, table.columns) if column.startswith(CLASS_ML)]
    return table.assign(**numbers(table, volumes)) if volumes else table
