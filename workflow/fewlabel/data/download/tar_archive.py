"""Tar files, compressed or not, with a limit on headers that is checked before they are read into memory."""

import bz2
import gzip
import lzma
from pathlib import Path
from typing import BinaryIO, cast

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

MOST_HEADER_BYTES = 1_000_000
"""Largest headers of a member: its block, a long name, extended headers. A path has a few thousand bytes at most."""
MOST_PADDING_BYTES = 64_000_000
"""Largest padding after the last member; most programs write up to ten thousand bytes."""
BLOCK = 1_000_000
COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
"""First bytes of a compressed tar, and its reader."""


class TarStream:
    """The stream that `tarfile` reads: headers up to a limit, and the granted bytes of each member."""

    def __init__(self, archive: Path) -> None:
        with archive.open("rb") as file:
            start = file.read(6)
        reader = next((reader for magic, reader in COMPRESSED if start.startswith(magic)), open)
        self._file = cast(BinaryIO, reader(archive, "rb"))
        self._left = MOST_HEADER_BYTES

    def grant(self, count: int) -> None:
        """Allow reading `count` bytes of a member, and then the headers of the next."""
        self._left = count + MOST_HEADER_BYTES

    def read(self, count: int = -1) -> bytes:
        """Read as from any file. Raises InputError: the headers exceed the limit."""
        if count < 0 or count > self._left:
            raise InputError(
                f"a member's headers are larger than {size(MOST_HEADER_BYTES)}, which is implausible for volumes"
            )
        self._left -= count
        return self._file.read(count)

    def finish(self) -> None:
        """Read to the end, so that gzip and xz verify their checksum. Raises InputError: more than padding follows."""
        for _ in range(MOST_PADDING_BYTES // BLOCK):
            if not self._file.read(BLOCK):
                return
        raise InputError(f"more than {size(MOST_PADDING_BYTES)} follow its last member")

    def seek(self, position: int, whence: int = 0) -> int:
        """Seek as in any file."""
        return self._file.seek(position, whence)

    def tell(self) -> int:
        """The position, as of any file."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
