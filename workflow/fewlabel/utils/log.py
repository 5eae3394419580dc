"""The logger of the package. Commands print its messages on stderr; warnings start with `warning: `."""

import logging
import sys

LOG = logging.getLogger("fewlabel")


class _Stderr(logging.Handler):
    """Print to the current `sys.stderr`, which tests and callers may replace."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno == logging.WARNING else ""
        print(f"{prefix}{record.getMessage()}", file=sys.stderr, flush=True)


def show_messages() -> None:
    """Show the library's messages on stderr from now on."""
    LOG.setLevel(logging.INFO)
    if not any(isinstance(handler, _Stderr) for handler in LOG.handlers):
        LOG.addHandler(_Stderr())
