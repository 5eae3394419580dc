"""The forms of a table: CSV, Markdown, LaTeX and HTML. Whatever a user chose stays text in each of them."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from fewlabel.reporting.tables.table import Section, Table
from fewlabel.utils import recorded_hashes

LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        '"': r"\symbol{34}",
        # Behind a row's end they would be its options.
        "[": "{[}",
        "]": "{]}",
        "*": "{*}",
        **{sign: f"\\{sign}" for sign in "{}$&%#_"},
    }
)
"""Signs with a meaning in LaTeX, as commands of its kernel."""


FORMULA = re.compile(r"\s*[=+\-@]")
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?", re.IGNORECASE)
ENDS = ("start", "end")


class Group(NamedTuple):
    """Rows that share their first cell."""

    name: str
    rows: list[list[str]]


def groups(section: Section) -> Iterator[Group]:
    """A section's rows, those together that follow each other with the same index value."""
    cells = section.body.astype(str).to_numpy().tolist()
    for _, members in groupby(zip(section.body.index, cells, strict=True), key=lambda row: row[0]):
        rows = [row for _, row in members]
        yield Group(rows[0][0], [row[1:] for row in rows])


def save(table: Table, csv: Path, markdown: Path, latex: Path, html: Path) -> None:
    """Write all forms, or none; folders are made, and equal tables give equal files."""
    _save(table, csv, {markdown: as_markdown(table), latex: as_latex(table), html: as_html(table)})


def save_plain(table: Table, csv: Path, markdown: Path) -> None:
    """CSV and Markdown alone."""
    _save(table, csv, {markdown: as_markdown(table)})


def _save(table: Table, csv: Path, texts: Mapping[Path, str]) -> None:
    with recorded_hashes.recorded_files([csv, *texts]) as (csv_partial, *partials):
        as_csv_text(table.rows).to_csv(csv_partial, index=False, lineterminator="\n", float_format="%.6g")
        for partial, text in zip(partials, texts.values(), strict=True):
            partial.write_text(text, encoding="utf-8", newline="\n")


# ----------------------------------------------------------------------------------------------------------- CSV
def as_csv_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with an apostrophe before texts that a spreadsheet would compute as a formula."""
    texts = {name: column.map(_csv_cell) for name, column in rows.items() if column.dtype.kind == "O"}
    return rows.assign(**{str(name): column for name, column in texts.items()})


def _csv_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value) else value


# ------------------------------------------------------------------------------------------------------ Markdown
def as_markdown(table: Table) -> str:
    """Headings, tables with bars, and the notes as a list."""
    parts = [f"# {markdown_cell(table.heading)}"]
    for section in table.sections:
        parts += [f"## {markdown_cell(section.title)}"] if section.title else []
        parts.append(_bars(section))
    parts.append("\n".join(f"- {markdown_cell(note)}" for note in table.notes))
    return "\n\n".join(parts) + "\n"


def _bars(section: Section) -> str:
    rows = [
        [group.name if first else "", *row]
        for group in groups(section)
        for first, row in zip([True, *[False] * len(group.rows)], group.rows, strict=False)
    ]
    escaped = pd.DataFrame([list(map(markdown_cell, row)) for row in rows])
    further = len(section.body.columns) - 1
    return escaped.to_markdown(
        index=False,
        headers=[markdown_cell(name) for name in section.body.columns],
        disable_numparse=True,
        colalign=("left", *["right" if section.numbers else "left"] * further),
    )


def markdown_cell(text: str) -> str:
    """Text as it may stand in a cell or a note: no bar ends it, no HTML or link comes out of it."""
    marked = re.sub(r"([\\|\[\]`])", r"\\\1", " ".join(text.split()))
    return escape(marked, quote=False)


# ---------------------------------------------------------------------------------------------- LaTeX and HTML
def as_latex(table: Table) -> str:
    """A float with booktabs' rules, without a preamble."""
    signs = {"block": ("<%", "%>"), "comment": ("<#", "#>"), "variable": ("<<", ">>")}
    own: Any = {
        f"{name}_{end}_string": sign for name, pair in signs.items() for end, sign in zip(ENDS, pair, strict=True)
    }
    environment = _environment().overlay(**own)
    environment.filters["tex"] = latex_text
    return environment.get_template("table.tex.j2").render(table=table, groups=groups)


def latex_text(text: str) -> str:
    """Text as LaTeX prints it sign by sign, without commands, groups or ligatures."""
    return re.sub(r"([-',])(?=\1)", r"\1{}", " ".join(text.split()).translate(LATEX))


def as_html(table: Table, picture: bytes | None = None) -> str:
    """A page without scripts or anything from elsewhere, readable in the dark and by a screen reader.

    Args:
        table: in all its sections.
        picture: a PNG that stands above the table, in the page itself.
    """
    told = None if picture is None else b64encode(picture).decode("ascii")
    return _environment().get_template("table.html.j2").render(table=table, groups=groups, picture=told)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fewlabel.reporting.tables"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
