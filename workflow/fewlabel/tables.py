"""Tables of subjects and slices on disk."""

from pathlib import Path

import pandas as pd

from fewlabel import recorded
from fewlabel.errors import InputError, plain

MAY_BE_EMPTY = ("target_ml", "target_slices", "kept", "grid_dice")
"""Numbers that a subject without a mask has none of."""


def read_subjects(path: Path, *needed: str) -> pd.DataFrame:
    """Read a table with a row a subject or slice; names stay text, whatever they look like (007, NA, null).

    Args:
        path: of the table.
        needed: columns that it must have beside `subject`.

    Raises:
        InputError: it is no table, lacks a column, or is another one than was recorded when it was made.
        OSError: it cannot be read.
    """
    recorded.check(path)
    empty = {name: [""] for name in MAY_BE_EMPTY}
    try:
        table = pd.read_csv(path, dtype={"subject": str, "patient": str}, keep_default_na=False, na_values=empty)
    except ValueError as error:  # no UTF-8, no table, empty, or a field that is longer than any
        raise InputError(f"{path}: not a CSV table ({plain(str(error))}); make it again") from None
    if missing := [column for column in ("subject", *needed) if column not in table.columns]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found: {plain(', '.join(table.columns))}; make it again"
        )
    return table
