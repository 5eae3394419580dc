"""Errors that a person can act on."""

import signal
from collections.abc import Sequence


class InputError(ValueError):
    """Bad input: where it stands, what is wrong, what is accepted, what to do.

    The command line prints it without a traceback and ends with exit code 1; nothing has been written by then.
    """

    @classmethod
    def of(cls, problems: Sequence[str], heading: str = "") -> "InputError":
        """Several problems at once, one to a line, beneath an optional heading."""
        lines = [f"  - {problem}" for problem in problems] if heading else list(problems)
        return cls("\n".join([heading, *lines] if heading else lines))


class TrainingError(RuntimeError):
    """A training that cannot go on; printed like `InputError`."""


class Interrupted(BaseException):
    """A signal asked a run to end, and its state is saved. Not an error: nothing that handles errors may hold it up."""

    def __init__(self, number: int) -> None:
        self.number = number
        name = signal.Signals(number).name
        super().__init__(f"ended by {name}; the state is saved, and the same command goes on from it")
