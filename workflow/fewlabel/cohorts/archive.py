"""Archives: downloaded with checksum and progress, unpacked safely, whole or not at all."""

import hashlib
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from fewlabel.errors import InputError


class LogLines:
    """Progress of a download as plain lines, one for each tenth, for logs; pooch drives it as it drives a bar."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0
        self._done = 0
        self._tenth = 0

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._done += size
        tenth = 10 * self._done // self.total if self.total else 0
        if tenth > self._tenth:
            self._tenth = tenth
            _say(f"{self.name}: {self._done / 1e6:.0f} of {self.total / 1e6:.0f} MB")

    def reset(self) -> None:
        """Count from the start; lines that were written are not written again."""
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""


def download(url: str, md5: str, archive: Path) -> None:
    """Download an archive; `archive` appears only when it is complete and its MD5 is right.

    Raises:
        InputError: no network, HTTP error, wrong MD5, or no space.
    """
    # Imported here: whoever has the files needs no network library.
    import pooch

    by_hand = f"download it by hand and place it as {archive.absolute()}"
    progress = True if sys.stderr.isatty() else LogLines(archive.name)
    try:
        pooch.retrieve(
            url,
            known_hash=f"md5:{md5}",
            fname=archive.name,
            path=archive.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress),
        )
    except OSError as error:
        raise InputError(f"{url}: not downloaded ({error}); check the network and `url`, or {by_hand}") from None
    except ValueError as error:
        raise InputError(
            f"{url}: what was downloaded has not the expected MD5 {md5} ({error}); check `url` and `md5`, or {by_hand}"
        ) from None


def verify(archive: Path, md5: str) -> None:
    """Compare a present archive with its MD5.

    Raises:
        InputError: it differs: another archive, or a download cut short.
    """
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise InputError(
            f"{archive.absolute()}: has MD5 {found}; expected: {md5}; it is incomplete or another archive: "
            "remove or replace it, or correct `md5`"
        )


def unpack(archive: Path, folder: Path, finish: Callable[[Path], None]) -> None:
    """Unpack an archive's top folder as `folder`, whole or not at all, also where two processes do so at once.

    Files that macOS adds (`._*`, `.DS_Store`) are left out.

    Args:
        archive: a tar file, compressed or not, that holds one folder named as `folder`.
        folder: where it appears; its parent exists.
        finish: called with the unpacked folder before it appears; raises InputError to refuse it.

    Raises:
        InputError: truncated archive or no tar; members that leave the folder, links or devices; another folder in it;
            no space or permission.
    """
    _say(f"{archive.name}: unpacking to {folder}")
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(
            f"{folder.parent}: cannot be written ({error.strerror}); unpack {archive.name} there"
        ) from None
    try:
        _extract(archive, temporary)
        unpacked = temporary / folder.name
        if not unpacked.is_dir():
            found = ", ".join(sorted(path.name for path in temporary.iterdir())[:5]) or "nothing"
            raise InputError(
                f"{archive.name}: no folder {folder.name}/ in it, but {found}; accepted: the task's archive"
            )
        finish(unpacked)
        _appear(unpacked, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, destination: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(destination, filter=_plain)  # noqa: S202 - each member is judged by `_plain`
    except (tarfile.FilterError, InputError) as error:
        raise InputError(f"{archive.name}: refused, {error}; get the archive from its publisher") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{archive.name}: truncated or no tar ({error}); remove it and get it again") from None
    except OSError as error:
        raise InputError(f"{archive.name}: not unpacked ({error}); make space, or check permissions") from None


def _plain(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo | None:
    """Of an archive's members: what is taken, left out or refused."""
    name = PurePosixPath(member.name).name
    if name.startswith("._") or name == ".DS_Store":
        return None
    if not (member.isfile() or member.isdir()):
        raise InputError(f"member {member.name!r} is a link or device; accepted: files and folders")
    return tarfile.data_filter(member, destination)


def _appear(unpacked: Path, folder: Path) -> None:
    try:
        unpacked.rename(folder)
    except OSError:
        # Another process was faster; its folder is as good.
        if not folder.is_dir():
            raise


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
