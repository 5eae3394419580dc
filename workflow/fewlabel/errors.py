"""Errors that a person can act on."""

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
