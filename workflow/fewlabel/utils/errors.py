"""Errors that a person can act on."""

import signal
import unicodedata
from collections.abc import Sequence

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of characters that move a terminal's cursor or change its colours or text direction."""


def printable(text: str) -> str:
    """Escape control characters (as `\\x1b`) of text from files, headers and servers, for a terminal.

    Line ends and tabs are kept.
    """
    return "".join(
        each if each in "\n\t" or unicodedata.category(each) not in HIDDEN else ascii(each)[1:-1] for each in text
    )


def plain(text: str, longest: int = 200) -> str:
    """The same as one line of at most `longest` characters."""
    line = printable(" ".join(text[: 4 * longest].split()))
    return line if len(line) <= longest else line[:longest] + "…"


class InputError(ValueError):
    """Bad input: where it stands, what is wrong, what is accepted, what to do.

    The command line prints it without a traceback and ends with exit code 1; nothing has been written by then.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))

    @classmethod
    def of(cls, problems: Sequence[str], heading: str = "") -> "InputError":
        """Several problems at once, one to a line, beneath an optional heading."""
        lines = [f"  - {problem}" for problem in problems] if heading else list(problems)
        return cls("\n".join([heading, *lines] if heading else lines))


class TrainingError(RuntimeError):
    """A training that cannot go on; printed like `InputError`."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class Interrupted(BaseException):
    """A signal asked a run to end, and its state is saved. Not an error: nothing that handles errors may hold it up."""

    def __init__(self, number: int) -> None:
        self.number = number
        name = signal.Signals(number).name
        super().__init__(f"ended by {name}; the state is saved, and the same command goes on from it")
