"""Atomic writes of files and folders: a reader never sees a partial one."""

import errno
import hashlib
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape, glob, iglob
from pathlib import Path

PARTIAL = ".partial."
"""Marks the names of files and folders that are being written; those of killed processes can be removed."""


def partial_name(path: Path) -> Path:
    """The hidden temporary name in the folder of `path`; unique to this process, with all suffixes."""
    return path.with_name(f".{os.getpid()}-{host_id()}{PARTIAL}{path.name}")


def partials_of(path: Path) -> list[Path]:
    """The partial files and folders of `path`; while its lock is held, all are of killed processes."""
    return sorted(path.parent.glob(f".*{PARTIAL}{escape(path.name)}"))


@cache
def host_id() -> str:
    """Eight hexadecimal digits that identify this host or container, within which process ids are unique."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def visible(folder: Path, pattern: str) -> list[Path]:
    """The matching files and folders below `folder`, sorted, without hidden ones and the content of hidden folders.

    All listings of results use this function: pathlib's patterns also match hidden names of half-written files.
    `pattern` is as for `glob.glob`; `**` matches any number of folders. A missing folder has no matches.
    """
    return sorted(folder / name for name in glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207 - see above


def has_visible(folder: Path, pattern: str) -> bool:
    """Whether `visible` has a match; stops at the first."""
    return next(iglob(pattern, root_dir=folder, recursive=True), None) is not None  # noqa: PTH207 - see `visible`


def absent(path: Path) -> str:
    """The reason that a path does not exist, for messages: no such file, or a broken link."""
    if not path.is_symlink():
        return "no such file"
    return f"a link to {path.readlink()}, which does not exist; to fix: correct or remove the link"


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a full disk, an exhausted quota or the limit on file sizes: only writing causes them."""


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Add the path to an error of a full disk, quota or file size limit; errors of a `write` name no file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            error.filename = str(path)
        raise


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name for `path`; the file is moved into place if the block raises no error."""
    with atomic_files([path]) as (partial,):
        yield partial


@contextmanager
def atomic_files(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Yield temporary names for several files; all are flushed to disk, then moved into place in the given order."""
    partials = tuple(partial_name(path) for path in paths)
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        with naming_full_disk(paths[0] if len(paths) == 1 else paths[0].parent):
            yield partials
        for partial, path in zip(partials, paths, strict=True):
            with naming_full_disk(path):
                flush(partial)
        for partial, path in zip(partials, paths, strict=True):
            partial.replace(path)
        for folder in {path.parent for path in paths}:
            flush(folder)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder for `path`; it is moved into place if the block raises no error.

    An existing folder is replaced. If two processes write at once, the folder of one of them remains.
    """
    partial, old = partial_name(path), partial_name(path.with_name(f"{path.name}.old"))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with naming_full_disk(path):
            yield partial
        while not _moved(partial, path):
            shutil.rmtree(old, ignore_errors=True)
            with suppress(FileNotFoundError):
                path.rename(old)
        flush(path.parent)
    finally:
        for temporary in (partial, old):
            shutil.rmtree(temporary, ignore_errors=True)


def _moved(partial: Path, path: Path) -> bool:
    """Move a folder into place; False if the path exists."""
    try:
        partial.rename(path)
    except OSError as error:
        # Not `path.exists()`: the other of two processes may have moved it away since.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def hard_link(path: Path, link: Path) -> None:
    """Make a hard link to a file, or a copy where the file system has no links."""
    try:
        os.link(path, link)
    except OSError:
        shutil.copyfile(path, link)


def flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk, so that they survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write text atomically (UTF-8, Unix line ends)."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
