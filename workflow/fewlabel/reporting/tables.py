"""A table in its two forms: for machines (CSV, plain numbers) and for readers (Markdown)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

NONE = "-"
"""Stands in Markdown where there is no value; the CSV has an empty field."""


@dataclass(frozen=True)
class Table:
    """One table in both its forms: `rows` for the CSV, `markdown` for readers."""

    rows: pd.DataFrame
    markdown: str


def save(table: Table, csv: Path, markdown: Path) -> None:
    """Write both forms, or neither; folders are made, and equal tables give equal files."""
    text = {csv: table.rows.to_csv(index=False, lineterminator="\n", float_format="%.6g"), markdown: table.markdown}
    partial = {path: path.with_name(f".{path.name}.partial") for path in text}
    try:
        for path, unfinished in partial.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text[path], encoding="utf-8", newline="\n")
        for path, finished in partial.items():
            finished.replace(path)
    finally:
        for unfinished in partial.values():
            unfinished.unlink(missing_ok=True)


def between(low: float, high: float, digits: int) -> str:
    """A range, or one number where its printed ends are equal; `NONE` if it is unknown."""
    if pd.isna(low) or pd.isna(high):
        return NONE
    ends = [f"{low:.{digits}f}", f"{high:.{digits}f}"]
    return " to ".join(dict.fromkeys(ends))


def cell(text: str) -> str:
    """Text that a user chose, as it may stand in a cell: a bar would end the cell, a line break the row."""
    return " ".join(text.split()).replace("|", "\\|")


def bullets(notes: Sequence[str]) -> str:
    """Notes beneath a table."""
    return "\n".join(f"- {note}" for note in notes)
