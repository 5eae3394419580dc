"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from fewlabel.utils.log import LOG

LINE_SECONDS = 10.0


class Progress:
    """Counts steps of a known total; use as a context manager."""

    def __init__(self, what: str, total: int, unit: str = "step", done: int = 0) -> None:
        self.what, self.total, self.unit = what, total, unit
        self._bar = tqdm(total=total, initial=done, desc=what, unit=unit, leave=True) if sys.stderr.isatty() else None
        self._start = self._said = time.monotonic()
        self._done = self._before = done

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count further steps, with a note (a loss, a subject) for the line."""
        self._done += count
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._said >= LINE_SECONDS or self._done == self.total:
            self._said = time.monotonic()
            LOG.info(self._line(note))

    def advance_to(self, done: int, note: str = "") -> None:
        """Set the number of steps done."""
        self.advance(done - self._done, note)

    def _line(self, note: str) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._before) / seconds
        left = (self.total - self._done) / rate if rate else float("inf")
        done = f"{self.what}: {self._done}/{self.total} {self.unit}s"
        return ", ".join([done, f"{rate:.1f} a second", f"{left:.0f} s left", *([note] if note else [])])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
