"""Limits on the size of downloads, so that a server that never stops sending does not fill the disk."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from fewlabel.utils.formatting import size

MOST_UNKNOWN_BYTES = 50_000_000_000
"""Largest download without a Content-Length; the largest known archive has 30 GB."""
LEFT_FREE_BYTES = 1_000_000_000
"""Disk space that a download without a Content-Length leaves free."""


class TooLongError(Exception):
    """A download without a Content-Length that exceeds the limit."""

    def __init__(self) -> None:
        super().__init__(
            f"the server sends no Content-Length and more data than the limit; accepted: up to "
            f"{size(MOST_UNKNOWN_BYTES)}, with {size(LEFT_FREE_BYTES)} left free on the disk"
        )


def limited_blocks(blocks: Iterable[bytes], folder: Path, missing: int | None) -> Iterator[bytes]:
    """Yield the blocks of a stream up to `missing` bytes (None: unknown); the rest of a longer stream is dropped.

    Raises:
        TooLongError: the length is unknown and the limit is exceeded.
    """
    room = min(MOST_UNKNOWN_BYTES, shutil.disk_usage(folder).free - LEFT_FREE_BYTES) if missing is None else missing
    for block in blocks:
        if missing is None and len(block) > room:
            raise TooLongError
        yield block[:room]
        room -= len(block)
        if missing is not None and room <= 0:
            return
