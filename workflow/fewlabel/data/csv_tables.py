"""The reader of all CSV tables that the workflow writes."""

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
    """Read a table that is as a job wrote it.

    Names stay as they are (007, NA, null). Columns beyond `columns` are kept.

    Args:
        columns: that it must have.
        remedy: what to do about a table that is refused, for the message.
        kinds: of the columns; by default, all values are text. Other columns have the type that pandas finds.
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
        found = plain(", ".join(map(str, table.columns)))
        raise InputError(f"{path}: no column {', '.join(missing)}; found: {found}; {remedy}")
    return table


def numbers(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """These columns as numbers; NaN where a value is none."""
    found: pd.DataFrame = table[list(columns)].apply(pd.to_numeric, errors="coerce")
    return found


def whole_from_1(values: pd.Series) -> pd.Series:
    """Where numbers are whole and from 1."""
    return (values >= 1) & (values % 1 == 0)
