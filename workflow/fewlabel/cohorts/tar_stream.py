"""A tar file, compressed or not, whose headers stay small: none is read into memory before it is judged."""

import bz2
import gzip
import lzma
from pathlib import Path
from typing import BinaryIO, cast

from fewlabel.errors import InputError
from fewlabel.units import size

MOST_HEADER_BYTES = 1_000_000
"""What stands before a member: its block, a long name, extended headers. A path has at most some thousand bytes."""
MOST_PADDING_BYTES = 64_000_000
"""Zeros behind the last member; most programs write up to ten thousand."""
BLOCK = 1_000_000
COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
"""How a compressed tar begins, and what reads it."""


class TarStream:
    """What `tarfile` reads from: headers up to a limit, and of members as much as was granted.

    Args:
        archive: the file.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, archive: Path) -> None:
        with archive.open("rb") as file:
            begins = file.read(6)
        opened = next((reader for magic, reader in COMPRESSED if begins.startswith(magic)), open)
        self._file = cast(BinaryIO, opened(archive, "rb"))
        self._left = MOST_HEADER_BYTES

    def grant(self, count: int) -> None:
        """So many bytes of a member may be read, and then the headers of the next."""
        self._left = count + MOST_HEADER_BYTES

    def read(self, count: int = -1) -> bytes:
        """Bytes, as of any file.

        Raises:
            InputError: headers of more bytes than any archive of volumes has.
        """
        if count < 0 or count > self._left:
            raise InputError(
                f"a member's headers have more than {size(MOST_HEADER_BYTES)}, which no archive of volumes has"
            )
        self._left -= count
        return self._file.read(count)

    def finish(self) -> None:
        """Read what stands behind the last member, where gzip and xz have the checksum of everything.

        Raises:
            InputError: there is more than padding.
        """
        for _ in range(MOST_PADDING_BYTES // BLOCK):
            if not self._file.read(BLOCK):
                return
        raise InputError(f"more than {size(MOST_PADDING_BYTES)} stand behind its last member")

    def seek(self, place: int, whence: int = 0) -> int:
        """As of any file."""
        return self._file.seek(place, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def close(self) -> None:
        """As of any file."""
        self._file.close()
