"""Reserve disk space for the outputs of a training, so that they can be written if the disk fills meanwhile."""

import os
from contextlib import suppress
from pathlib import Path

from fewlabel.utils.atomic_files import FULL, partial_name
from fewlabel.utils.log import LOG

SMALL_FILES_BYTES = 48_000
"""Size of a run's history and record."""
NAME = "room"


class Reserve:
    """A file as large as the outputs, in their folder; removed before they are written.

    It is named as a partial file, so that those of killed processes can be removed.
    """

    def __init__(self, outputs: Path) -> None:
        self.path = partial_name(outputs / NAME)
        self.held = 0

    def hold(self, more: int) -> None:
        """Reserve `more` further bytes.

        Only the first call, before any training, raises an OSError if the disk is full.
        """
        total = self.held + more + (0 if self.held else SMALL_FILES_BYTES)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                _allocate(file.fileno(), total)
        except OSError as error:
            if not self.held:
                self.release()
                if error.errno in FULL:
                    raise
            LOG.info(f"{self.path.parent}: no disk space is reserved for the outputs ({error.strerror})")
            return
        self.held = total

    def release(self) -> None:
        """Free the reserved space."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _allocate(descriptor: int, size: int) -> None:
    """Allocate blocks of a file up to this size."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.write(descriptor, bytes(size - os.fstat(descriptor).st_size))
