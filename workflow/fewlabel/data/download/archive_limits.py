"""Limits on the unpacked size of archives, so that a small file cannot fill the disk."""

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size

MOST_MEMBERS = 500_000
MOST_TIMES = 100
"""Largest ratio of unpacked to packed size; MR volumes and masks have about 2, seldom 10."""
ALWAYS_BYTES = 1_000_000_000
"""Unpacked size that is allowed for any archive."""


@dataclass
class Tally:
    """Number and size of an archive's members."""

    most: int  # largest sum of their sizes in bytes
    free: int  # free bytes on the target's disk
    # members, total: number and bytes so far
    members: int = 0
    total: int = 0

    @classmethod
    def of(cls, archive: Path, destination: Path) -> "Tally":
        """The tally of an archive that is unpacked into a folder."""
        most = max(MOST_TIMES * archive.stat().st_size, ALWAYS_BYTES)
        return cls(most, shutil.disk_usage(destination).free)

    def add(self, name: str, count: int) -> None:
        """Count a member before it is written. Raises InputError: too many members, or too large in total."""
        self.members += 1
        self.total += count
        if self.members > MOST_MEMBERS:
            raise InputError(f"it has more than {MOST_MEMBERS} members")
        if self.total > self.most:
            raise InputError(
                f"its members have more than {size(self.most)} in total (with {name!r}, {size(count)}), which is "
                "implausible for an archive of volumes of its size"
            )

    def demand_space(self, count: int) -> None:
        """Raise an OSError if `count` bytes do not fit the disk."""
        if count > self.free:
            raise OSError(errno.ENOSPC, f"{size(count)} to write, {size(self.free)} free")
