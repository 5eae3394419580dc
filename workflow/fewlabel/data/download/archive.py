"""Unpack archives atomically and safely: no member outside the folder, no links, limited sizes."""

import errno
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

from fewlabel.data.download.tar_archive import TarStream
from fewlabel.utils.errors import InputError, plain, printable
from fewlabel.utils.formatting import size
from fewlabel.utils.log import LOG

MOST_MEMBERS = 500_000
MOST_TIMES = 100
"""Largest ratio of unpacked to packed size; MR volumes and masks have about 2, seldom 10."""
ALWAYS_BYTES = 1_000_000_000
"""Unpacked size that is allowed for any archive."""
ENCRYPTED = 0x1
"""Bit of encryption in the flags of a zip file's member."""
ZIP = b"PK\x03\x04"
"""First bytes of a zip file."""
Wanted = Callable[[PurePosixPath], bool]
"""Whether to extract a file of an archive, by its path there."""


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


def extract_zip(archive: Path, destination: Path, tally: Tally, selects: Wanted) -> None:
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


def unpack(archive: Path, folder: Path, finish: Callable[[Path], None], selects: Wanted = lambda _: True) -> None:
    """Unpack an archive's top folder as `folder`, atomically, also if two processes do so at once.

    Files that macOS adds (`._*`, `.DS_Store`, `__MACOSX`) are skipped.

    Args:
        archive: a zip file, or a tar file, compressed or not, with one top folder named as `folder`.
        folder: the target; its parents are made.
        finish: called with the unpacked folder before it is moved into place; raises InputError to refuse it.
        selects: which files to extract; all members are checked.

    Raises:
        InputError: truncated or no archive; members outside the folder, links or devices; implausible sizes; another
            top folder; no space or permission.
    """
    LOG.info(printable(f"{archive.name}: unpacking to {folder}"))
    with _temporary(archive, folder) as temporary:
        _extract(archive, temporary, selects)
        unpacked = temporary / folder.name
        if not unpacked.is_dir():
            names = ", ".join(sorted(path.name for path in temporary.iterdir())[:5]) or "nothing"
            raise InputError(
                f"{archive.name}: contains {names}, no folder {folder.name}/; accepted: the archive as published"
            )
        finish(unpacked)
        _appear(unpacked, folder)


@contextmanager
def _temporary(archive: Path, folder: Path) -> Iterator[Path]:
    """A temporary folder next to the target; after an error, parents made for it are removed."""
    new_folders = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(
            f"{folder.parent}: cannot be written ({error.strerror}); to fix: unpack {archive.name} there"
        ) from None
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for parent in new_folders:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _extract(archive: Path, destination: Path, selects: Wanted) -> None:
    try:
        tally = Tally.of(archive, destination)
        if is_zipfile(archive):
            extract_zip(archive, destination, tally, lambda path: selects(path) and not _of_macos(path))
        elif _begins(archive) == ZIP:
            raise BadZipFile("a zip without the list of members at its end")
        else:
            _extract_tar(archive, destination, tally, selects)
    except (tarfile.FilterError, InputError) as error:
        raise InputError(f"{archive.name}: refused, {error}; to fix: download it from its publisher") from None
    except RecursionError:
        raise InputError(
            f"{archive.name}: refused, headers are nested too deeply; to fix: download it from its publisher"
        ) from None
    except (tarfile.TarError, BadZipFile, EOFError, zlib.error, LZMAError, OSError) as error:
        # Decompressors report damage as an OSError without errno.
        if isinstance(error, OSError) and error.errno is not None:
            reason = error.strerror or str(error)
            raise InputError(
                f"{archive.name}: not unpacked ({reason}); to fix: free disk space or check permissions"
            ) from None
        raise InputError(
            f"{archive.name}: truncated, or neither tar nor zip ({plain(str(error))}); to fix: download it again"
        ) from None


def _begins(archive: Path) -> bytes:
    with archive.open("rb") as file:
        return file.read(len(ZIP))


def _extract_tar(archive: Path, destination: Path, tally: Tally, selects: Wanted) -> None:
    def judge(member: tarfile.TarInfo, place: str) -> tarfile.TarInfo | None:
        if not (member.isfile() or member.isdir()) or member.issparse():
            kind = "sparse" if member.issparse() else "a link or device"
            raise InputError(f"member {member.name!r} is {kind}; accepted: files and folders")
        tally.add(member.name, member.size)
        path = PurePosixPath(member.name)
        if path.is_absolute():
            raise InputError(f"member {member.name!r} is outside of the archive's folder")
        judged = tarfile.data_filter(member, place)
        skipped = _of_macos(path) or (member.isfile() and not selects(path))
        stream.grant(0 if skipped or member.isdir() else member.size)
        return None if skipped else judged

    with closing(TarStream(archive)) as stream, tarfile.open(fileobj=cast(BinaryIO, stream), mode="r:") as tar:
        tar.extractall(destination, filter=judge)  # noqa: S202 - each member is judged
        stream.finish()


def _of_macos(path: PurePosixPath) -> bool:
    return path.name.startswith("._") or path.name == ".DS_Store" or "__MACOSX" in path.parts


def _appear(unpacked: Path, folder: Path) -> None:
    try:
        unpacked.rename(folder)
    except OSError:
        # Another process was faster; its folder is as good.
        if not folder.is_dir():
            raise
