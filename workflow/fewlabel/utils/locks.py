"""File locks: one process at a time works on a run or a study. The system frees the locks of killed processes.

Imports nothing slow, since Snakemake's rules import it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fewlabel.utils.log import LOG

POLL_SECONDS = 1.0
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without locks (NFS without its lock service, some FUSE mounts)."""


def lock_files(path: Path) -> tuple[Path, Path]:
    """The lock file of `path`, and the file that names its holder."""
    return path.with_suffix(".lock"), path.with_suffix(".holder")


@contextmanager
def hold_lock(path: Path, what: str = "this run") -> Iterator[None]:
    """Hold the lock of `path` during the block; while another process holds it, print its name and wait."""
    lock_path, holder = lock_files(path)
    lock = FileLock(lock_path)
    try:
        _acquire(lock)
    except Timeout:
        LOG.info(f"{path.name}: {read_holder(holder)} works on {what}; waiting for it")
        lock.acquire(poll_interval=POLL_SECONDS)
    try:
        holder.write_text(this_process(), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        # Removed while held: a waiting process makes a new one.
        lock_path.unlink(missing_ok=True)
        lock.release()


def hold_lock_until_exit(path: Path) -> str | None:
    """Take the lock of `path` until this process ends; if another process holds it, return the name of that process."""
    lock_path, holder = lock_files(path)
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    # Never released: the descriptor must live as long as the process.
    lock = FileLock(lock_path, thread_local=False)
    try:
        _acquire(lock)
    except Timeout:
        return read_holder(holder)
    _UNTIL_EXIT.append(lock)
    holder.write_text(this_process(), encoding="utf-8")
    return None


def _acquire(lock: FileLock) -> None:
    """Take a lock at once; if the file system has no locks, warn and continue, since writes are still atomic.

    Raises:
        Timeout: another process has it.
        OSError: the lock file cannot be made.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        LOG.warning(
            f"{Path(lock.lock_file).parent}: no file locks here ({error.strerror}), so two processes may do "
            "the same work; to fix: start one at a time, or mount the file system with locks"
        )


_UNTIL_EXIT: list[object] = []


def this_process() -> str:
    """The name of this process for others: its number and Slurm job."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()}" + (f" (Slurm job {job})" if job else "")


def read_holder(holder: Path) -> str:
    """The name of a lock's holder."""
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
