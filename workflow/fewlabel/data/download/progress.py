"""Progress of a download: a bar on a terminal, a plain line for each tenth in a log."""

import sys

from tqdm import tqdm

LINE_BYTES = 100_000_000
"""Bytes between two lines where the server does not say how many there are in all."""


class TransferProgress:
    """Counts bytes.

    Args:
        name: of the file.
        total: bytes in all; None where that is not known.
        done: bytes that were there before.
    """

    def __init__(self, name: str, total: int | None, done: int = 0) -> None:
        self._name, self._total, self._done = name, total, done
        self._step = max(total / 10, 1) if total else LINE_BYTES
        self._said = int(done / self._step)
        self._bar = (
            tqdm(total=total, initial=done, desc=name, unit="B", unit_scale=True) if sys.stderr.isatty() else None
        )

    def advance(self, count: int) -> None:
        """So many bytes more."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
            return
        # By tenths and not by bytes: a thousandth of the last one must not be lost in rounding.
        steps = int(self._done / self._step + 1e-9)
        if steps > self._said:
            self._said = steps
            of = f" of {self._total / 1e6:.0f}" if self._total else ""
            print(f"{self._name}: {self._done / 1e6:.0f}{of} MB", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
