"""Findings of checks, and their text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str  # name of the check
    status: Status  # `problem` stops a run, `note` does not
    text: str  # the result
    todo: str = ""  # how to fix it; empty for `ok`


def ok(check: str, text: str) -> Finding:
    """A check that passed."""
    return Finding(check, "ok", text)


def note(check: str, text: str, todo: str = "") -> Finding:
    """A finding that does not stop a run."""
    return Finding(check, "note", text, todo)


def problem(check: str, text: str, todo: str) -> Finding:
    """A finding that stops a run."""
    return Finding(check, "problem", text, todo)


def as_text(findings: Sequence[Finding]) -> str:
    """A table with one line a check, and the number of problems and notes."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = [
        f"{finding.status:<7}  {finding.check:<{width}}  {finding.text}{f' -> {finding.todo}' if finding.todo else ''}"
        for finding in findings
    ]
    count = {status: sum(finding.status == status for finding in findings) for status in ("problem", "note")}
    return "\n".join([*lines, f"{len(findings)} checks: {count['problem']} problems, {count['note']} notes"]) + "\n"


def stops(findings: Sequence[Finding]) -> bool:
    """Whether any finding stops a run."""
    return any(finding.status == "problem" for finding in findings)
