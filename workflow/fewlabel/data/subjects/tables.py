"""Read tables of subjects and slices."""

from pathlib import Path

import pandas as pd

from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError, plain

MAY_BE_EMPTY = ("target_ml", "target_slices", "kept", "grid_dice")
"""Columns that are empty for subjects without a mask."""


def read_subjects(path: Path, *needed: str) -> pd.DataFrame:
    """Read a table with one row per subject or slice; names remain text (007, NA, null).

    Args:
        path: of the table.
        needed: required columns besides `subject`.

    Raises:
        InputError: it is not a table, lacks a column, or differs from its recorded hash.
        OSError: it cannot be read.
    """
    recorded_hashes.check(path)
    empty = {name: [""] for name in MAY_BE_EMPTY}
    try:
        table = pd.read_csv(path, dtype={"subject": str, "patient": str}, keep_default_na=False, na_values=empty)
    except ValueError as error:  # not UTF-8, not a table, empty, or with an overlong field
        raise InputError(f"{path}: not a CSV table ({plain(str(error))}); to fix: make it again") from None
    if missing := [column for column in ("subject", *needed) if column not in table.columns]:
        columns = plain(", ".join(table.columns))
        raise InputError(f"{path}: no column {', '.join(missing)} (columns: {columns}); to fix: make it again")
    return table
