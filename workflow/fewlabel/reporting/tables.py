"""A table in its two forms: for machines (CSV, plain numbers) and for readers (Markdown)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from fewlabel.files import whole_together

NONE = "-"
"""Stands in Markdown where there is no value; the CSV has an empty field."""


@dataclass(frozen=True)
class Table:
    """One table in both its forms: `rows` for the CSV, `markdown` for readers."""

    rows: pd.DataFrame
    markdown: str


def save(table: Table, csv: Path, markdown: Path) -> None:
    """Write both forms, or neither; folders are made, and equal tables give equal files."""
    with whole_together([csv, markdown]) as (csv_partial, markdown_partial):
        table.rows.to_csv(csv_partial, index=False, lineterminator="\n", float_format="%.6g")
        markdown_partial.write_text(table.markdown, encoding="utf-8", newline="\n")


def between(low: float, high: float, digits: int) -> str:
    """A range, or one number where its printed ends are equal; `NONE` if it is unknown."""
    if pd.isna(low) or pd.isna(high):
        return NONE
    ends = [f"{low:.{digits}f}", f"{high:.{digits}f}"]
    return " to ".join(dict.fromkeys(ends))


def cell(text: str) -> str:
    """Text that a user chose, as it may stand in a cell: no bar ends it, no HTML or link comes out of it."""
    marked = re.sub(r"([\\|\[\]`])", r"\\\1", " ".join(text.split()))
    return escape(marked, quote=False)


def bullets(notes: Sequence[str]) -> str:
    """Notes beneath a table."""
    return "\n".join(f"- {note}" for note in notes)
