"""Check and extract the members of zip files."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from fewlabel.data.download.archive_limits import Tally
from fewlabel.utils.errors import InputError

ENCRYPTED = 0x1
"""Bit of encryption in a member's flags."""


def extract_zip(archive: Path, destination: Path, tally: Tally, selects: Callable[[PurePosixPath], bool]) -> None:
    """Extract the selected files of a zip file to a folder, after all its members are checked.

    Raises:
        InputError: a member outside the folder, a link, a device, an encrypted member, or implausible sizes.
        BadZipFile: truncated or damaged.
        OSError: no space or permission.
    """
    with ZipFile(archive) as file:
        chosen = []
        for member in file.infolist():
            path = _checked_path(member)
            tally.add(member.filename, member.file_size)
            if not member.is_dir() and selects(path):
                chosen.append((member, path))
        tally.demand_space(sum(member.file_size for member, _ in chosen))
        for member, path in chosen:
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(file, member, target)


def _checked_path(member: ZipInfo) -> PurePosixPath:
    """The path of a member in the archive."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
        raise InputError(f"member {member.filename!r} is outside of the archive's folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"member {member.filename!r} is a link or device; accepted: files and folders")
    if member.flag_bits & ENCRYPTED:
        raise InputError(f"member {member.filename!r} is encrypted")
    return path


def _write(file: ZipFile, member: ZipInfo, target: Path) -> None:
    """Write the content of a member; the library verifies its length and checksum."""
    try:
        with file.open(member) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    except NotImplementedError as error:
        raise BadZipFile(f"{member.filename}: {error}") from None
