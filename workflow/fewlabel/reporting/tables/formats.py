"""Write a table as CSV, Markdown, LaTeX and HTML. Text of users is escaped in each of them."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
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
"""Characters with a meaning in LaTeX, as commands of its kernel."""
MARKDOWN = re.compile(r"[\\|\[\]`]|<(?=[A-Za-z/!?])|&(?=#?\w+;)")
"""Characters that would end a cell or begin code, a link, HTML or an entity."""

FORMULA = re.compile(r"\s*[=+\-@]")
NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?", re.IGNORECASE)
ENDS = ("start", "end")


class Group(NamedTuple):
    """Consecutive rows that share their first cell."""

    name: str
    rows: list[list[str]]


def groups(section: Section) -> Iterator[Group]:
    """Group consecutive rows of a section with the same index value."""
    cells = section.body.astype(str).to_numpy().tolist()
    for _, members in groupby(zip(section.body.index, cells, strict=True), key=lambda row: row[0]):
        rows = [row for _, row in members]
        yield Group(rows[0][0], [row[1:] for row in rows])


def save(table: Table, csv: Path, markdown: Path, latex: Path, html: Path) -> None:
    """Write all formats, or none. Folders are made; equal tables give equal files."""
    _save(table, csv, {markdown: as_markdown(table), latex: as_latex(table), html: as_html(table)})


def save_plain(table: Table, csv: Path, markdown: Path) -> None:
    """Write only CSV and Markdown."""
    _save(table, csv, {markdown: as_markdown(table)})


def _save(table: Table, csv: Path, texts: Mapping[Path, str]) -> None:
    with recorded_hashes.recorded_files([csv, *texts]) as (csv_partial, *partials):
        as_csv_text(table.rows).to_csv(csv_partial, index=False, lineterminator="\n", float_format="%.6g")
        for partial, text in zip(partials, texts.values(), strict=True):
            partial.write_text(text, encoding="utf-8", newline="\n")


# ----------------------------------------------------------------------------------------------------------- CSV
def as_csv_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with an apostrophe before texts that a spreadsheet would take for a formula."""
    texts = {name: column.map(_csv_cell) for name, column in rows.items() if column.dtype.kind == "O"}
    return rows.assign(**{str(name): column for name, column in texts.items()})


def _csv_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value) else value


# ------------------------------------------------------------------------------------------------------ Markdown
def as_markdown(table: Table) -> str:
    """Headings, pipe tables, and the notes as a list."""
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
    """Text of a cell, heading or note, with backslashes before what would not stay text."""
    return MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


# ---------------------------------------------------------------------------------------------- LaTeX and HTML
def as_latex(table: Table) -> str:
    """A float with the rules of booktabs, without a preamble.

    Sections share one head; a column that a section lacks is empty in its rows.
    """
    signs = {"block": ("<%", "%>"), "comment": ("<#", "#>"), "variable": ("<<", ">>")}
    own: Any = {
        f"{name}_{end}_string": sign for name, pair in signs.items() for end, sign in zip(ENDS, pair, strict=True)
    }
    environment = _environment().overlay(**own)
    environment.filters["tex"] = latex_text
    head = max((list(section.body.columns) for section in table.sections), key=len)
    sections = [replace(section, body=section.body.reindex(columns=head, fill_value="")) for section in table.sections]
    whole = replace(table, sections=sections)
    return environment.get_template("table.tex.j2").render(table=whole, groups=groups)


def latex_text(text: str) -> str:
    """Text that LaTeX prints character by character, without commands, groups or ligatures."""
    return re.sub(r"([-',])(?=\1)", r"\1{}", " ".join(text.split()).translate(LATEX))


def as_html(table: Table, picture: bytes | None = None) -> str:
    """A self-contained page without scripts, for light and dark screens and for screen readers.

    Args:
        table: with all its sections.
        picture: a PNG, embedded above the table.
    """
    encoded = None if picture is None else b64encode(picture).decode("ascii")
    return _environment().get_template("table.html.j2").render(table=table, groups=groups, picture=encoded)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fewlabel.reporting.tables"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
