"""How many bytes of a download are taken: a server that sends without an end fills no disk."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from fewlabel.units import size

MOST_UNTOLD_BYTES = 50_000_000_000
"""Of a file whose length the server does not tell; the largest archive that is known has 30 GB."""
LEFT_FREE_BYTES = 1_000_000_000
"""On the disk, by such a file."""


class TooLongError(Exception):
    """A file without a told length of more bytes than are taken."""

    def __init__(self) -> None:
        super().__init__(
            f"the server does not tell the length, and sends without an end; accepted: up to "
            f"{size(MOST_UNTOLD_BYTES)}, with {size(LEFT_FREE_BYTES)} left free on the disk"
        )


def taken(blocks: Iterable[bytes], folder: Path, left: int | None) -> Iterator[bytes]:
    """Of a stream, what is taken: what is longer than it was told to be is cut, and judged by its checksum.

    Args:
        blocks: as they arrive.
        folder: where they are written.
        left: bytes that are to come; None: the server does not tell.

    Raises:
        TooLongError: the server does not tell, and more come than are taken.
    """
    room = min(MOST_UNTOLD_BYTES, shutil.disk_usage(folder).free - LEFT_FREE_BYTES) if left is None else left
    for block in blocks:
        if left is None and len(block) > room:
            raise TooLongError
        yield block[:room]
        room -= len(block)
        if left is not None and room <= 0:
            return
