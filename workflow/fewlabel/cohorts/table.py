"""The subjects table of a cohort: whose volume it is and what it may be used for."""

import csv
import difflib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from fewlabel.cohorts.layout import listed
from fewlabel.cohorts.subject import Use

COLUMNS = ("subject", "patient", "use")
USES: tuple[str, ...] = get_args(Use)


@dataclass(frozen=True)
class Entry:
    """What the table says of one subject."""

    patient: str
    use: Use


Cells = list[tuple[int, list[str]]]
"""Rows of a table with their line numbers, from 1; rows without any content are left out."""


def read_table(path: Path, subjects: Collection[str]) -> tuple[dict[str, Entry], list[str]]:
    """Read a subjects table.

    Columns: `subject`, and optionally `patient` (default: the subject) and `use` (default: auto; see `Use`), separated
    by tabs, commas or semicolons, whichever the header holds most of. Cells are text: a subject `007` stays `007`.

    Args:
        path: the table.
        subjects: names that exist in the cohort.

    Returns:
        The entries by subject, and the problems, one line each; entries are only complete where there are no problems.
    """
    cells, problem = _cells(path)
    if problem:
        return {}, [problem]
    if problems := _header_problems(path.name, cells):
        return {}, problems
    header = cells[0][1]
    rows = [(line, dict(zip(header, row, strict=False))) for line, row in cells[1:]]
    problems = [
        *(
            f"{path.name}: line {line}: {len(row)} cells, but the header has {len(header)}"
            for line, row in cells[1:]
            if len(row) > len(header)
        ),
        *_use_problems(path.name, rows),
        *_subject_problems(path.name, rows, subjects),
    ]
    return {row["subject"]: _entry(row) for _, row in rows}, problems


def _cells(path: Path) -> tuple[Cells, str | None]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [], f"{path.name}: not a text file in UTF-8; accepted: TSV or CSV; export it again as such"
    except OSError as error:
        return [], f"{path.name}: cannot be read ({error.strerror}); accepted: a TSV or CSV file in the cohort's folder"
    lines = text.splitlines()
    delimiter = max("\t,;", key=lines[0].count) if lines else "\t"
    rows = ([cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter))
    return [(number, row) for number, row in enumerate(rows, start=1) if any(row)], None


def _header_problems(name: str, cells: Cells) -> list[str]:
    header = cells[0][1] if cells else []
    unknown = [column for column in header if column not in COLUMNS]
    doubled = [column for column, count in Counter(header).items() if count > 1 and column in COLUMNS]
    accepted = f"accepted columns: {listed(COLUMNS)}"
    problems = [f"{name}: unknown column {column!r}; {accepted}" for column in unknown]
    problems += [f"{name}: column {column!r} twice; {accepted}, each once" for column in doubled]
    if "subject" not in header:
        problems.append(f"{name}: no column 'subject'; {accepted}; add a header line with 'subject'")
    return problems


def _use_problems(name: str, rows: list[tuple[int, dict[str, str]]]) -> list[str]:
    wrong = [(line, row["use"]) for line, row in rows if row.get("use") and row["use"] not in USES]
    return [f"{name}: line {line}: unknown use {use!r}; accepted: {listed(USES)}" for line, use in wrong]


def _subject_problems(name: str, rows: list[tuple[int, dict[str, str]]], subjects: Collection[str]) -> list[str]:
    problems = []
    for line, row in rows:
        subject = row["subject"]
        if not subject:
            problems.append(f"{name}: line {line}: no subject; fill in the name of an image without its suffix")
        elif subject not in subjects:
            near = difflib.get_close_matches(subject, subjects, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; accepted: names of images without their suffix"
            problems.append(f"{name}: line {line}: no image of subject {subject!r}{hint}")
    counts = Counter(row["subject"] for _, row in rows if row["subject"])
    problems += [
        f"{name}: subject {subject!r} in {count} rows; keep one" for subject, count in counts.items() if count > 1
    ]
    return problems


def _entry(row: dict[str, str]) -> Entry:
    use = cast(Use, row.get("use") or "auto")
    return Entry(patient=row.get("patient") or row["subject"], use=use)
