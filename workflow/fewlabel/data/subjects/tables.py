"""Read tables of subjects and slices."""

from pathlib import Path

import pandas as pd

from fewlabel.data.csv_tables import read_csv_table

MAY_BE_EMPTY = ("target_ml", "target_slices", "kept", "grid_dice")
"""Columns that are empty for subjects without a mask."""


def read_subjects(path: Path, *needed: str) -> pd.DataFrame:
    """Read a table with one row per subject or slice; names remain text (007, NA, null).

    Args:
        needed: required columns besides `subject`.

    Raises:
        InputError: it is missing, not a table, lacks a column, or differs from its recorded hash.
    """
    kinds = {"subject": str, "patient": str}
    return read_csv_table(path, ("subject", *needed), kinds=kinds, may_be_empty=MAY_BE_EMPTY)
