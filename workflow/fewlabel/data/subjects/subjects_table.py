"""The subjects table of a cohort, with patients and uses of its subjects."""

import csv
import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from fewlabel.data.subjects.subject import Use
from fewlabel.utils.formatting import listed

COLUMNS = ("subject", "patient", "use")
USES: tuple[str, ...] = get_args(Use)
FORMULA = ("=", "+", "-", "@")
"""First characters of cells that a spreadsheet computes."""
MARKUP = ("<", ">", "&", "|", "`")
"""Characters with a meaning in HTML and Markdown."""
LONGEST = 200
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of invisible characters: control, format, surrogates, line ends."""


@dataclass(frozen=True)
class SubjectRow:
    """The cells of one subject."""

    patient: str
    use: Use


Cells = list[tuple[int, list[str]]]
"""Rows of a table with their line numbers, from 1; rows without any content are left out."""


def read_table(path: Path, subjects: Collection[str]) -> tuple[dict[str, SubjectRow], list[str]]:
    """Read a subjects table.

    Columns: `subject`, and optionally `patient` (default: the subject) and `use` (default: auto; see `Use`), separated
    by tabs, commas or semicolons, whichever the header has most of. Cells are text: a subject `007` stays `007`.

    Args:
        subjects: names that exist in the cohort.

    Returns:
        The entries by subject, and problems, one line each; entries are complete only if there are no problems.
    """
    cells, problems = _cells(path)
    problems = problems or _header_problems(path.name, cells)
    if problems:
        return {}, problems
    header = cells[0][1]
    rows = [(line, dict(zip(header, row, strict=True))) for line, row in cells[1:] if len(row) == len(header)]
    problems = [
        *(
            f"{path.name}: line {line}: {len(row)} cells, but the header has {len(header)}; accepted: one for each "
            "column; to fix: leave unknown cells empty"
            for line, row in cells[1:]
            if len(row) != len(header)
        ),
        *_patient_problems(path.name, rows),
        *_use_problems(path.name, rows),
        *_subject_problems(path.name, rows, subjects),
    ]
    return {row["subject"]: _entry(row) for _, row in rows}, problems


def _cells(path: Path) -> tuple[Cells, list[str]]:
    """Read each line separately, so that an unclosed quote does not include further rows."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [
            f"{path.name}: not a text file in UTF-8; accepted: TSV or CSV in UTF-8; to fix: save the table as CSV"
        ]
    except OSError as error:
        return [], [
            f"{path.name}: cannot be read ({error.strerror}); accepted: a TSV or CSV file in the cohort's folder"
        ]
    lines = re.split(r"\r\n|\r|\n", text)
    delimiter = max("\t,;", key=lines[0].count)
    cells, problems = [], []
    for number, line in enumerate(lines, start=1):
        try:
            (row,) = csv.reader([line], delimiter=delimiter, strict=True) if line else [[]]
        except csv.Error as error:
            problems.append(f"{path.name}: line {number}: {_broken(line, error)}")
            continue
        row = [cell.strip(" \t") for cell in row]
        problems += [f"{path.name}: line {number}: {text}" for text in _hidden_signs(row)]
        if any(row):
            cells.append((number, row))
    return cells, problems


def _broken(line: str, error: csv.Error) -> str:
    """The reason that a line is not a row of a CSV table."""
    if len(line) > csv.field_size_limit():
        return f"a cell has more than {csv.field_size_limit()} characters; accepted: names; to fix: shorten it"
    if "unexpected end" in str(error):
        return (
            "a quote is opened and not closed; accepted: cells without line breaks, quoted as a whole or not at all; "
            "to fix: close or remove the quote"
        )
    return (
        f"not a row of a table ({error}); accepted: cells quoted as a whole or not at all; to fix: correct the quotes"
    )


def _hidden_signs(row: list[str]) -> list[str]:
    """Problems of invisible characters, by which names that look equal differ."""
    signs = {sign for cell in row for sign in cell if unicodedata.category(sign) in HIDDEN}
    return [
        f"an invisible character (U+{ord(sign):04X}); accepted: text; to fix: remove it, or export the table again"
        for sign in sorted(signs)
    ]


def _header_problems(name: str, cells: Cells) -> list[str]:
    header = cells[0][1] if cells else []
    unknown = [column for column in header if column not in COLUMNS]
    doubled = [column for column, count in Counter(header).items() if count > 1 and column in COLUMNS]
    accepted = f"accepted columns: {listed(COLUMNS)}"
    problems = [f"{name}: unknown column {column!r}; {accepted}" for column in unknown]
    problems += [f"{name}: column {column!r} twice; {accepted}, each once" for column in doubled]
    if "subject" not in header:
        problems.append(f"{name}: no column 'subject'; {accepted}; to fix: add a header line with 'subject'")
    return problems


def _patient_problems(name: str, rows: list[tuple[int, dict[str, str]]]) -> list[str]:
    """Problems of patient names that a spreadsheet or a page would read as a formula or as markup."""
    return [
        f"{name}: line {line}: patient {row['patient'][:40]!r} {why}; accepted: text of at most {LONGEST} characters "
        f"without {' '.join(MARKUP)} and not beginning with {' '.join(FORMULA)}; to fix: rename the patient"
        for line, row in rows
        if (why := _unsuited(row.get("patient", "")))
    ]


def _unsuited(patient: str) -> str | None:
    if patient.startswith(FORMULA):
        return f"starts like a formula ({patient[0]})"
    if markup := [sign for sign in MARKUP if sign in patient]:
        return f"contains {' '.join(markup)}"
    return f"has {len(patient)} characters" if len(patient) > LONGEST else None


def _use_problems(name: str, rows: list[tuple[int, dict[str, str]]]) -> list[str]:
    wrong = [(line, row["use"]) for line, row in rows if row.get("use") and row["use"] not in USES]
    return [f"{name}: line {line}: unknown use {use!r}; accepted: {listed(USES)}" for line, use in wrong]


def _subject_problems(name: str, rows: list[tuple[int, dict[str, str]]], subjects: Collection[str]) -> list[str]:
    problems = []
    for line, row in rows:
        subject = row["subject"]
        if not subject:
            problems.append(f"{name}: line {line}: no subject; accepted: the name of an image without its suffix")
        elif subject not in subjects:
            near = difflib.get_close_matches(subject, subjects, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; accepted: names of images without their suffix"
            problems.append(f"{name}: line {line}: no image of subject {subject!r}{hint}")
    counts = Counter(row["subject"] for _, row in rows if row["subject"])
    problems += [
        f"{name}: subject {subject!r} in {count} rows; accepted: one" for subject, count in counts.items() if count > 1
    ]
    return problems


def _entry(row: dict[str, str]) -> SubjectRow:
    use = cast(Use, row.get("use") or "auto")
    return SubjectRow(patient=row.get("patient") or row["subject"], use=use)
