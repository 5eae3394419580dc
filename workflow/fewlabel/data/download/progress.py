"""Progress of a download: a bar on a terminal, a plain line for each tenth in a log."""

import sys

from tqdm import tqdm

from fewlabel.utils.log import LOG

LINE_BYTES = 100_000_000
"""Bytes between two lines if the total is unknown."""


class TransferProgress:
    """Progress of one file.

    Args:
        name: of the file.
        total: bytes in total; None: unknown.
        done: bytes received before.
    """

    def __init__(self, name: str, total: int | None, done: int = 0) -> None:
        self._name, self._total, self._done = name, total, done
        self._step = max(total / 10, 1) if total else LINE_BYTES
        self._said = int(done / self._step)
        self._bar = (
            tqdm(total=total, initial=done, desc=name, unit="B", unit_scale=True) if sys.stderr.isatty() else None
        )

    def advance(self, count: int) -> None:
        """Count further bytes."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
            return
        # With a tolerance, so that rounding does not lose the last tenth.
        steps = int(self._done / self._step + 1e-9)
        if steps > self._said:
            self._said = steps
            of = f" of {self._total / 1e6:.0f}" if self._total else ""
            LOG.info(f"{self._name}: {self._done / 1e6:.0f}{of} MB")

    def close(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
