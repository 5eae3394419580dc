"""Tables of subjects and slices on disk."""

from pathlib import Path

import pandas as pd


def read_subjects(path: Path) -> pd.DataFrame:
    """Read a table with a row a subject or slice; names stay text, whatever they look like (007, NA, null)."""
    return pd.read_csv(
        path, dtype={"subject": str, "patient": str}, keep_default_na=False, na_values={"target_ml": [""]}
    )
