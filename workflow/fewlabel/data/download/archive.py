"""Unpack archives atomically and safely: no member outside the folder, no links, limited sizes."""

import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from zipfile import BadZipFile, is_zipfile

from fewlabel.data.download.archive_limits import Tally
from fewlabel.data.download.tar_archive import TarStream
from fewlabel.data.download.zip_archive import extract_zip
from fewlabel.utils.errors import InputError, plain, printable
from fewlabel.utils.log import LOG

ZIP = b"PK\x03\x04"
"""First bytes of a zip file."""
Wanted = Callable[[PurePosixPath], bool]
"""Whether to extract a file of an archive, by its path there."""


def unpack(archive: Path, folder: Path, finish: Callable[[Path], None], selects: Wanted = lambda _: True) -> None:
    """Unpack an archive's top folder as `folder`, atomically, also if two processes do so at once.

    Files that macOS adds (`._*`, `.DS_Store`, `__MACOSX`) are skipped.

    Args:
        archive: a zip file, or a tar file, compressed or not, with one top folder named as `folder`.
        folder: the target; its parents are made.
        finish: called with the unpacked folder before it is moved into place; raises InputError to refuse it.
        wanted: which files to extract; all members are checked.

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
