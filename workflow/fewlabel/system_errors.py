"""What the system refuses, in one line: which file, why, what to do. Nothing slow is imported."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fewlabel.errors import InputError, plain
from fewlabel.files import PARTIAL, partial_name

SPACE = "free some space (`fewlabel state` lists what killed work left over), then give the same command again"
PERMISSION = "change its permissions or those of its folders (`ls -ld`), or name another place"
TODO = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: f"{SPACE}; a quota is used up",
    errno.EFBIG: "write to a file system, or under a limit (`ulimit -f`), that takes larger files",
    errno.EROFS: "mount the disk for writing, or name another place",
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a path whose folders are folders",
    errno.EEXIST: "name another place, or remove it",
    errno.ENAMETOOLONG: "use a shorter name or path",
    errno.ELOOP: "mend the link, which leads to itself",
    errno.EMFILE: "allow more open files (`ulimit -n`)",
    errno.EIO: "check the disk or its connection, then give the same command again",
    errno.ESTALE: "the file was changed on its server: give the same command again",
    errno.ENOLCK: "name a place on a file system with file locks",
    errno.ENOMEM: "ask for more memory, or let fewer jobs run at once",
}
"""What to do, by the number of the error; what was there before is whole."""
OTHER = "check the file and the disk that it lies on"
MEMORY = (
    "lower the batch, network.widths or grid.matrix, enlarge grid.spacing_mm, let fewer jobs run at once, or ask for "
    "more memory (`resources: mem_mb`)"
)
LONGEST_NAME = 255
"""Bytes of a name on the file systems of today."""
OWN = re.compile(rf"\.[0-9a-f-]+{re.escape(PARTIAL)}")
"""What a temporary name has before the one to be."""


def told(error: OSError, name: str = "") -> str:
    """A line for a person: place (default: what the system names), what the system says, what to do."""
    if name:
        return f"{name}: {error.strerror}; to fix: {TODO.get(error.errno or 0, OTHER)}"
    place = OWN.sub("", os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    reason = error.strerror or plain(str(error)) or type(error).__name__
    todo = TODO.get(error.errno or 0, OTHER)
    return f"{f'{place}: ' if place else ''}{reason}; to fix: {todo}"


def is_link_loop(error: BaseException) -> bool:
    """Whether a path could not be resolved; until Python 3.12 pathlib tells so by a RuntimeError."""
    return isinstance(error, RuntimeError) and str(error).startswith("Symlink loop")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, or that of a GPU, did not suffice; torch has kinds of its own and is not imported here."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def of_memory(error: BaseException, what: str = "") -> str:
    """A line for a person on memory that did not suffice.

    Args:
        error: as raised.
        what: the volume or setting that it was for; empty: unknown.
    """
    reason = plain(str(error))
    return f"{f'{what}: ' if what else ''}out of memory{f' ({reason})' if reason else ''}; to fix: {MEMORY}"


@contextmanager
def memory_of(what: str = "") -> Iterator[None]:
    """Tell of memory that did not suffice as of any other problem of a volume; `what` is named where it is given.

    Raises:
        InputError: it did not.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(of_memory(error, what)) from None


def demand_writable(paths: Sequence[Path]) -> None:
    """Refuse outputs that cannot be written, before any work is done; nothing is left behind.

    Args:
        paths: files or folders to be; folders above them that are not there yet can be made.

    Raises:
        InputError: with all of them.
    """
    if problems := [problem for path in paths if (problem := _why_not(path))]:
        raise InputError.of(problems)


def _why_not(path: Path) -> str:
    """Why a file or folder cannot be written; empty: it can be."""
    if len(os.fsencode(partial_name(path).name)) > LONGEST_NAME:
        return f"{path}: its name is too long to be written; to fix: {TODO[errno.ENAMETOOLONG]}"
    try:
        # Also a link that leads nowhere is in the way.
        above = next(folder for folder in path.absolute().parents if folder.is_symlink() or folder.exists())
        # Asked by writing: permissions alone do not tell of quotas, mounts and servers.
        with tempfile.TemporaryFile(dir=above):
            return ""
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror}); to fix: {TODO.get(error.errno or 0, PERMISSION)}"
