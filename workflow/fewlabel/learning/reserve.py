"""Disk space that a training holds for its outputs, so that what ends is not lost on a disk that filled meanwhile."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from fewlabel.files import partial_name

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of an OSError: the disk, the quota, or what one file may hold is used up."""
BESIDE_BYTES = 48_000
"""History and facts of a run."""


class Reserve:
    """A file of the size of the outputs, in their folder; it is removed before they are written.

    Attributes:
        path: of the file; a partial one by its name, so what a killed process leaves can be removed.
        held: its bytes.
    """

    def __init__(self, outputs: Path) -> None:
        self.path = partial_name(outputs / "room")
        self.held = 0

    def hold(self, more: int) -> None:
        """Take so many bytes more.

        The first time there must be room. Later a training is under way, which a full disk does not end.

        Raises:
            OSError: no room the first time; nothing was trained yet.
        """
        total = self.held + more + (0 if self.held else BESIDE_BYTES)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                _allocate(file.fileno(), total)
        except OSError as error:
            if not self.held:
                self.release()
                if error.errno in FULL:
                    raise
            print(f"{self.path.parent}: no room is held for the outputs ({error.strerror})", file=sys.stderr)
            return
        self.held = total

    def release(self) -> None:
        """Give the room back."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _allocate(descriptor: int, size: int) -> None:
    """Blocks of a file up to this size."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.write(descriptor, bytes(size - os.fstat(descriptor).st_size))
