"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from fewlabel.utils.log import LOG

LINE_SECONDS = 10.0
LINE_BYTES = 100_000_000
"""Between two lines of a transfer whose total is unknown."""


class Progress:
    """Counts steps of a total; use as a context manager. `shown`: whether it prints."""

    def __init__(self, what: str, total: int | None, unit: str = "step", done: int = 0, shown: bool = True) -> None:
        self.what, self.total, self.unit, self.shown = what, total, unit, shown
        terminal = shown and sys.stderr.isatty()
        self._bar = tqdm(total=total, initial=done, desc=what, unit=unit, unit_scale=unit == "B") if terminal else None
        self._start = self._last_line = time.monotonic()
        self._done = self._first = done

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count further steps, with a note (a loss, a subject) for the line."""
        self._done += count
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif self.shown and self._is_due():
            LOG.info(self._line(note))

    def advance_to(self, done: int, note: str = "") -> None:
        """Set the number of steps done."""
        self.advance(done - self._done, note)

    def _is_due(self) -> bool:
        """Whether it is time for a line."""
        if time.monotonic() - self._last_line < LINE_SECONDS and self._done != self.total:
            return False
        self._last_line = time.monotonic()
        return True

    def _line(self, note: str) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._first) / seconds
        seconds_left = ((self.total or 0) - self._done) / rate if rate else float("inf")
        done = f"{self.what}: {self._done}/{self.total} {self.unit}s"
        return ", ".join([done, f"{rate:.1f} a second", f"{seconds_left:.0f} s left", *([note] if note else [])])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


class TransferProgress(Progress):
    """Counts bytes; a log has a line for each tenth of the total, or for each `LINE_BYTES` where it is unknown."""

    def __init__(self, what: str, total: int | None, done: int = 0) -> None:
        super().__init__(what, total, "B", done)
        self._each = max(total / 10, 1) if total else LINE_BYTES
        self._lines = int(done / self._each)

    def _is_due(self) -> bool:
        # With a tolerance, so that rounding does not lose the last tenth.
        before, self._lines = self._lines, int(self._done / self._each + 1e-9)
        return self._lines > before

    def _line(self, note: str) -> str:
        of = f" of {self.total / 1e6:.0f}" if self.total else ""
        return f"{self.what}: {self._done / 1e6:.0f}{of} MB"
