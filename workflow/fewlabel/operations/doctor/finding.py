"""What a check found, and how it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was looked at, in a word or two.
        status: `problem` would stop a run, `note` would not.
        text: what was found.
        todo: the next step; empty where all is well.
    """

    check: str
    status: Status
    text: str
    todo: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", text)


def note(check: str, text: str, todo: str = "") -> Finding:
    """Worth knowing; runs go on all the same."""
    return Finding(check, "note", text, todo)


def problem(check: str, text: str, todo: str) -> Finding:
    """A run would be stopped by it."""
    return Finding(check, "problem", text, todo)


def as_text(findings: Sequence[Finding]) -> str:
    """One line a check, in columns, and how many of them are problems."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = [
        f"{finding.status:<7}  {finding.check:<{width}}  {finding.text}{f' -> {finding.todo}' if finding.todo else ''}"
        for finding in findings
    ]
    count = {status: sum(finding.status == status for finding in findings) for status in ("problem", "note")}
    return "\n".join([*lines, f"{len(findings)} checks: {count['problem']} problems, {count['note']} notes"]) + "\n"


def stops(findings: Sequence[Finding]) -> bool:
    """Whether any of them would stop a run."""
    return any(finding.status == "problem" for finding in findings)
