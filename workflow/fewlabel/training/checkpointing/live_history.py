"""What a running training tells of itself: a small table beside its state, which `fewlabel watch` reads.

Outputs appear when a training is complete; until then this table is all that is seen of it from elsewhere, also from
another machine. It costs nothing that counts: a line every few seconds, never flushed to the disk, removed at the end.

Columns: time (seconds since 1970), stage, step (steps taken), steps (of the stage), loss (mean since the last row of
the history; empty before the first step), learning_rate. Nothing slow is imported.
"""

import csv
import io
import math
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

SUFFIX = ".live.csv"
EVERY = 5.0
"""Seconds between two rows, at least."""
TAIL = 1 << 16
"""Bytes of the end of a table that are read: hours of rows."""
STAGE = re.compile("[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class LiveRow:
    """One row; see the columns above."""

    time: float
    stage: str
    step: int
    steps: int
    loss: float | None
    learning_rate: float | None


HEADER = ",".join(column.name for column in fields(LiveRow)) + "\n"


def live_path(state: Path) -> Path:
    """The table of the training whose state lies at `state`."""
    return state.with_suffix(SUFFIX)


class LiveHistory:
    """Writes the table of one training.

    A table that a killed process left is begun anew: speed is told of this process. A disk that refuses costs the row,
    and is told once.
    """

    def __init__(self, path: Path | None, every: float = EVERY) -> None:
        self.path, self.every = path, every
        self._told = -math.inf
        self._begun = self._refused = False

    def due(self) -> bool:
        """Whether the last row is old enough for another."""
        return self.path is not None and time.monotonic() - self._told >= self.every

    def tell(self, stage: str, step: int, steps: int, loss: float | None = None, rate: float | None = None) -> None:
        """Add a row."""
        if self.path is None:
            return
        row = LiveRow(round(time.time(), 2), stage, step, steps, loss, rate)
        texts = ("" if value is None else format(value, ".6g") for value in (row.loss, row.learning_rate))
        line = ",".join([f"{row.time:.2f}", stage, str(step), str(steps), *texts]) + "\n"
        # A disk that was full may have taken half of a line: the next one begins on its own.
        text = line if self._begun and not self._refused else ("\n" if self._begun else HEADER) + line
        self._told = time.monotonic()
        try:
            with self.path.open("a" if self._begun else "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            if not self._refused:
                print(f"{self.path.name}: not written ({error}); training goes on", file=sys.stderr)
            self._refused = True
            return
        self._begun, self._refused = True, False


def read_live(path: Path) -> tuple[list[LiveRow], float] | None:
    """The last rows of a table, oldest first, and when it was written last (seconds since 1970).

    Whatever is no row is passed over: a training may be writing, or have been killed while it wrote. None: no table.
    """
    try:
        # Opening, and asking the open file, gives what a network file system knows now, not what it remembers.
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(max(0, status.st_size - TAIL))
            data = file.read(TAIL)
    except OSError:
        return None
    text = data.decode("utf-8", errors="replace").replace("\0", "")
    whole, _, _ = text.rpartition("\n")
    found = (_row(cells) for cells in csv.reader(io.StringIO(whole), quoting=csv.QUOTE_NONE))
    return [row for row in found if row is not None], status.st_mtime


def _row(cells: Sequence[str]) -> LiveRow | None:
    if len(cells) != len(fields(LiveRow)) or not STAGE.fullmatch(cells[1]):
        return None
    try:
        moment, step, steps = float(cells[0]), int(cells[2]), int(cells[3])
        loss, rate = (float(cell) if cell else None for cell in cells[4:])
    except ValueError:
        return None
    sound = math.isfinite(moment) and 0 <= step <= steps < 10**12
    return LiveRow(moment, cells[1], step, steps, loss, rate) if sound else None
