"""Error types with messages that users can act on."""

import signal
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of characters that move a terminal's cursor or change its colours or text direction."""


def printable(text: str) -> str:
    """Escape control characters, except line ends and tabs, of text from files and servers (as `\\x1b`)."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in HIDDEN else ascii(char)[1:-1] for char in text
    )


def plain(text: str, longest: int = 200) -> str:
    """Text as one printable line of at most `longest` characters."""
    line = printable(" ".join(text[: 4 * longest].split()))
    return line if len(line) <= longest else line[:longest] + "…"


def first_fault(error: "ValidationError", *parents: str) -> str:
    """The first fault of a validation as `place: problem`, with the place below its parents."""
    first = error.errors()[0]
    place = ".".join(map(str, (*parents, *first["loc"])))
    return f"{place}: {first['msg']}" if place else first["msg"]


class InputError(ValueError):
    """Bad input. The message names the place, the problem, what is accepted and how to fix it.

    The command line prints it without a traceback and exits with code 1, before anything is written.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))

    @classmethod
    def of(cls, problems: Sequence[str], heading: str = "") -> "InputError":
        """An error that lists several problems, one a line, under an optional heading."""
        lines = [f"  - {problem}" for problem in problems] if heading else list(problems)
        return cls("\n".join([heading, *lines] if heading else lines))


class TrainingError(RuntimeError):
    """A training that cannot continue; printed like `InputError`."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Interrupted(BaseException):
    """A signal ended a run after its state was saved. A BaseException, so that no error handler catches it."""

    def __init__(self, number: int) -> None:
        self.number = number
        name = signal.Signals(number).name
        super().__init__(f"ended by {name}; the state is saved, and the same command resumes from it")
