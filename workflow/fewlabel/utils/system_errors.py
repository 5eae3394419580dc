"""Errors of the operating system as one line: file, reason, remedy. Imports nothing slow."""

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fewlabel.utils.atomic_files import PARTIAL, partial_name
from fewlabel.utils.errors import InputError, plain

SPACE = "free some space (`fewlabel stale-files` lists leftovers of killed jobs), then run the same command again"
PERMISSION = "change its permissions or those of its folders (`ls -ld`), or choose another path"
REMEDY = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: f"{SPACE}; the quota is exhausted",
    errno.EFBIG: "use a file system or a limit (`ulimit -f`) that allows larger files",
    errno.EROFS: "mount the disk for writing, or choose another path",
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "correct the path: one of its folders is a file",
    errno.EEXIST: "choose another path, or remove it",
    errno.ENAMETOOLONG: "use a shorter name or path",
    errno.ELOOP: "correct the symbolic link, which points to itself",
    errno.EMFILE: "allow more open files (`ulimit -n`)",
    errno.EIO: "check the disk or its connection, then run the same command again",
    errno.ESTALE: "the file changed on its server: run the same command again",
    errno.ENOLCK: "choose a path on a file system with file locks",
    errno.ENOMEM: "ask for more memory, or let fewer jobs run at once",
}
"""Remedies by error number; files from before the error are intact."""
OTHER = "check the file and its disk"
MEMORY = (
    "lower the batch, network.widths or grid.matrix, enlarge grid.spacing_mm, let fewer jobs run at once, or ask for "
    "more memory (`resources: mem_mb`)"
)
LONGEST_NAME = 255
"""Longest name of a file in bytes, on common file systems."""
OWN = re.compile(rf"\.[0-9a-f-]+{re.escape(PARTIAL)}")
"""Prefix of a temporary name before the final one."""


def describe(error: OSError, name: str = "") -> str:
    """The error as one line: place (default: the file that the system names), reason, remedy."""
    if name:
        return f"{name}: {error.strerror}; to fix: {REMEDY.get(error.errno or 0, OTHER)}"
    place = OWN.sub("", os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    reason = error.strerror or plain(str(error)) or type(error).__name__
    remedy = REMEDY.get(error.errno or 0, OTHER)
    return f"{f'{place}: ' if place else ''}{reason}; to fix: {remedy}"


def is_link_loop(error: BaseException) -> bool:
    """Whether a path could not be resolved; until Python 3.12 pathlib raises a RuntimeError."""
    return isinstance(error, RuntimeError) and str(error).startswith("Symlink loop")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine or a GPU ran out of memory; torch has its own error types and is not imported here."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def describe_memory_error(error: BaseException, what: str = "") -> str:
    """An out-of-memory error as one line; `what`: the volume or setting that needed the memory; empty: unknown."""
    reason = plain(str(error))
    return f"{f'{what}: ' if what else ''}out of memory{f' ({reason})' if reason else ''}; to fix: {MEMORY}"


@contextmanager
def refuse_out_of_memory(what: str = "") -> Iterator[None]:
    """Turn an out-of-memory error into an InputError that names `what`, if given. Raises InputError: memory ran out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(describe_memory_error(error, what)) from None


def demand_writable(paths: Sequence[Path]) -> None:
    """Raise an InputError for files or folders that cannot be written, before any work; missing parents are allowed."""
    if problems := [problem for path in paths if (problem := _why_not(path))]:
        raise InputError.of(problems)


def _why_not(path: Path) -> str:
    """Why a file or folder cannot be written; empty: it can be."""
    if len(os.fsencode(partial_name(path).name)) > LONGEST_NAME:
        return f"{path}: the name is too long; to fix: {REMEDY[errno.ENAMETOOLONG]}"
    try:
        # A broken link blocks the path, too.
        parent = next(folder for folder in path.absolute().parents if folder.is_symlink() or folder.exists())
        # A test write: permissions alone do not show quotas, mounts and servers.
        with tempfile.TemporaryFile(dir=parent):
            return ""
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror}); to fix: {REMEDY.get(error.errno or 0, PERMISSION)}"
