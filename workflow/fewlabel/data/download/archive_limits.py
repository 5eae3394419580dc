"""What an archive may become when it is unpacked: a small file that fills a disk is no cohort."""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

MOST_MEMBERS = 500_000
MOST_TIMES = 100
"""The archive's own size: MR volumes and masks shrink to a half, seldom to a tenth."""
ALWAYS_BYTES = 1_000_000_000
"""Always allowed, whatever the archive's size."""


@dataclass
class Tally:
    """What an archive's members come to.

    Attributes:
        most: bytes that they may come to.
        free: bytes on the disk that they go to.
        members, total: so far.
    """

    most: int
    free: int
    members: int = 0
    total: int = 0

    @classmethod
    def of(cls, archive: Path, destination: Path) -> "Tally":
        """For an archive that is unpacked into a folder."""
        most = max(MOST_TIMES * archive.stat().st_size, ALWAYS_BYTES)
        return cls(most, shutil.disk_usage(destination).free)

    def add(self, name: str, count: int) -> None:
        """Count a member before it is written.

        Raises:
            InputError: with it they are too many or too large.
        """
        self.members += 1
        self.total += count
        if self.members > MOST_MEMBERS:
            raise InputError(f"it has more than {MOST_MEMBERS} members")
        if self.total > self.most:
            raise InputError(
                f"its members come to more than {size(self.most)} (with {name!r}, {size(count)}), which no archive of "
                "volumes of its size does"
            )

    def demand_space(self, count: int) -> None:
        """Raise an OSError where so many bytes do not fit the disk."""
        if count > self.free:
            raise OSError(errno.ENOSPC, f"{size(count)} to write, {size(self.free)} free")
