"""Files and folders appear whole or not at all."""

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
"""In the names of files and folders that are being written; what a killed process leaves of them can be removed."""


def partial_name(path: Path) -> Path:
    """The temporary name beside `path`; it is hidden, this process's own, and keeps all suffixes."""
    return path.with_name(f".{os.getpid()}-{this_place()}{PARTIAL}{path.name}")


def partials_of(path: Path) -> list[Path]:
    """The partial files and folders of `path`; to whoever holds its lock, those are of killed processes."""
    return sorted(path.parent.glob(f".*{PARTIAL}{escape(path.name)}"))


@cache
def this_place() -> str:
    """Eight hexadecimal digits that identify this host or container, within which process ids are unique."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def visible(folder: Path, pattern: str) -> list[Path]:
    """The matching files and folders below `folder`, sorted, without hidden ones and the content of hidden folders.

    All listings of results use this function: pathlib's patterns also match hidden names of half-written files.

    Args:
        folder: the folder to search; a missing one has no matches.
        pattern: of a path below it, as for `glob.glob`; `**` matches any number of folders.
    """
    return sorted(folder / name for name in glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207 - see above


def has_visible(folder: Path, pattern: str) -> bool:
    """Whether `visible` would find anything; stops at the first match."""
    return next(iglob(pattern, root_dir=folder, recursive=True), None) is not None  # noqa: PTH207 - see `visible`


def absent(path: Path) -> str:
    """Why nothing is at a path, for messages: no such file, or a link to what does not exist."""
    if not path.is_symlink():
        return "no such file"
    return f"a link to {path.readlink()}, which does not exist; to fix: correct or remove the link"


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors that only writing can cause."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Add the path to an error of a full disk, quota or file size limit that does not name its file.

    Errors of a `write`, unlike those of an `open`, name no file.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            error.filename = str(path)
        raise


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; what is written there is moved into place when the block ends well."""
    with whole_together([path]) as (partial,):
        yield partial


@contextmanager
def whole_together(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """The same for several files: none is moved before all are on the disk; they appear in the order given."""
    partials = tuple(partial_name(path) for path in paths)
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        with named(paths[0] if len(paths) == 1 else paths[0].parent):
            yield partials
        for partial, path in zip(partials, paths, strict=True):
            with named(path):
                flush(partial)
        for partial, path in zip(partials, paths, strict=True):
            partial.replace(path)
        for folder in {path.parent for path in paths}:
            flush(folder)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which takes its place when the block ends well.

    A folder that is there already is replaced. Of two processes that do so at once, one counts.
    """
    partial, old = partial_name(path), partial_name(path.with_name(f"{path.name}.old"))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with named(path):
            yield partial
        while not _takes_place(partial, path):
            shutil.rmtree(old, ignore_errors=True)
            with suppress(FileNotFoundError):
                path.rename(old)
        flush(path.parent)
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _takes_place(partial: Path, path: Path) -> bool:
    """Move a folder to its place; False where another stands there."""
    try:
        partial.rename(path)
    except OSError as error:
        # Not `path.exists()`: the other of two processes may have moved it away since.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk: they then survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write text whole or not at all (UTF-8, Unix line ends)."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
