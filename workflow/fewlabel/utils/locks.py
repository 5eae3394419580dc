"""One process at a time works on a run or a study. The system frees the lock of a process that is killed.

Imported while Snakemake reads its rules: nothing slow comes with it.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 1.0
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without locks (NFS without its lock service, some FUSE mounts)."""


def lock_files(path: Path) -> tuple[Path, Path]:
    """The lock of what lies at `path`, and the file that says who holds it."""
    return path.with_suffix(".lock"), path.with_suffix(".holder")


@contextmanager
def held(path: Path, what: str = "this run") -> Iterator[None]:
    """Hold the lock of `path` for the block; wait, and say for whom, while another process holds it."""
    lock_path, holder = lock_files(path)
    lock = FileLock(lock_path)
    try:
        _acquire(lock)
    except Timeout:
        print(f"{path.name}: {read_holder(holder)} works on {what}; waiting for it", file=sys.stderr, flush=True)
        lock.acquire(poll_interval=POLL_SECONDS)
    try:
        holder.write_text(me(), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        # Removed while it is held: one who waits finds it gone, and makes a new one.
        lock_path.unlink(missing_ok=True)
        lock.release()


def hold_for_life(path: Path) -> str | None:
    """Take the lock of `path` until this process ends; if another process has it, say who and take nothing."""
    lock_path, holder = lock_files(path)
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    # Not a singleton and never released: the descriptor must live as long as the process.
    lock = FileLock(lock_path, thread_local=False)
    try:
        _acquire(lock)
    except Timeout:
        return read_holder(holder)
    _FOR_LIFE.append(lock)
    holder.write_text(me(), encoding="utf-8")
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
        print(
            f"warning: {Path(lock.lock_file).parent}: no file locks here ({error.strerror}), so two processes may do "
            "the same work; to fix: start one at a time, or mount the file system with locks",
            file=sys.stderr,
            flush=True,
        )


_FOR_LIFE: list[object] = []


def me() -> str:
    """How others are told of this process."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()}" + (f" (Slurm job {job})" if job else "")


def read_holder(holder: Path) -> str:
    """Who holds a lock, as far as it is known."""
    try:
        return holder.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
