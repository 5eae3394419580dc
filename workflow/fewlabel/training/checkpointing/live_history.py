"""Progress table of a running training, which `fewlabel watch` reads.

Outputs appear when a training is complete; until then this table shows its progress, also to other machines. A row is
added every few seconds, without flushing to disk, and the file is removed at the end.

Columns: time (seconds since 1970), stage, step (steps taken), steps (of the stage), loss (mean since the last row of
the history; empty before the first step), learning_rate. Imports nothing slow.
"""

import csv
import io
import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from fewlabel.utils.log import LOG

SUFFIX = ".live.csv"
EVERY = 5.0
"""Least seconds between two rows."""
TAIL = 1 << 16
"""Bytes read from the end of a table: hours of rows."""
STAGE = re.compile("[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class LiveRow:
    """A row of the table; see the module for its columns."""

    time: float
    stage: str
    step: int
    steps: int
    loss: float | None
    learning_rate: float | None


HEADER = ",".join(column.name for column in fields(LiveRow)) + "\n"


def live_path(state: Path) -> Path:
    """The table of the training with this state file."""
    return state.with_suffix(SUFFIX)


class LiveHistory:
    """Writes the table of one training, from the start: speed is that of this process.

    If a row cannot be written, one message is printed and training continues.
    """

    def __init__(self, path: Path | None, every: float = EVERY) -> None:
        self.path, self.every = path, every
        self._last_row = -math.inf
        self._begun = self._refused = False

    def due(self) -> bool:
        """Whether the next row is due."""
        return self.path is not None and time.monotonic() - self._last_row >= self.every

    def add_row(self, stage: str, step: int, steps: int, loss: float | None = None, rate: float | None = None) -> None:
        """Add a row."""
        if self.path is None:
            return
        row = LiveRow(round(time.time(), 2), stage, step, steps, loss, rate)
        texts = ("" if value is None else format(value, ".6g") for value in (row.loss, row.learning_rate))
        line = ",".join([f"{row.time:.2f}", stage, str(step), str(steps), *texts]) + "\n"
        # A full disk may have taken half of a line: the next row starts on a new one.
        text = line if self._begun and not self._refused else ("\n" if self._begun else HEADER) + line
        self._last_row = time.monotonic()
        try:
            with self.path.open("a" if self._begun else "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            if not self._refused:
                LOG.info(f"{self.path.name}: not written ({error}); training continues")
            self._refused = True
            return
        self._begun, self._refused = True, False


def read_live(path: Path) -> tuple[list[LiveRow], float] | None:
    """The last rows of a table, oldest first, and its modification time in seconds since 1970; None: no table.

    Lines that are no rows are skipped, since a training may be writing or have been killed while it wrote.
    """
    try:
        # `fstat` of an open file is current on network file systems; `stat` of a path may be cached.
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(max(0, status.st_size - TAIL))
            data = file.read(TAIL)
    except OSError:
        return None
    text = data.decode("utf-8", errors="replace").replace("\0", "")
    complete, _, _ = text.rpartition("\n")
    rows = (_row(cells) for cells in csv.reader(io.StringIO(complete), quoting=csv.QUOTE_NONE))
    return [row for row in rows if row is not None], status.st_mtime


def _row(cells: Sequence[str]) -> LiveRow | None:
    if len(cells) != len(fields(LiveRow)) or not STAGE.fullmatch(cells[1]):
        return None
    try:
        seconds, step, steps = float(cells[0]), int(cells[2]), int(cells[3])
        loss, rate = (float(cell) if cell else None for cell in cells[4:])
    except ValueError:
        return None
    valid = math.isfinite(seconds) and 0 <= step <= steps < 10**12
    return LiveRow(seconds, cells[1], step, steps, loss, rate) if valid else None
