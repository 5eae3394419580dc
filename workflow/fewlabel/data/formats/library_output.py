"""Suppress output of libraries while they read a file; FewLabel reports problems with the file's name."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_warnings(logger: str | None = None) -> Iterator[None]:
    """Suppress Python warnings and the messages of a library's logger."""
    log = logging.getLogger(logger) if logger else None
    level = log.level if log else logging.NOTSET
    try:
        if log:
            log.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if log:
            log.setLevel(level)


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Suppress what C++ libraries write to the standard error of this process."""
    sys.stderr.flush()
    original, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(nowhere)
