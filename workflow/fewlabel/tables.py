"""Tables of subjects and slices on disk."""

from pathlib import Path

import pandas as pd

MAY_BE_EMPTY = ("target_ml", "target_slices", "kept", "grid_dice")
"""Numbers that a subject without a mask has none of."""


def read_subjects(path: Path) -> pd.DataFrame:
    """Read a table with a row a subject or slice; names stay text, whatever they look like (007, NA, null)."""
    empty = {name: [""] for name in MAY_BE_EMPTY}
    return pd.read_csv(path, dtype={"subject": str, "patient": str}, keep_default_na=False, na_values=empty)
