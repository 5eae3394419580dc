"""Check the disks of results, data and temporary files: free space, writing, links, locks."""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.utils.environment import command_output
from fewlabel.utils.formatting import size

LEAST_BYTES = 500_000_000
FEW_BYTES = 10_000_000_000
FEW_FILES = 10_000
PROBE_BYTES = 1_000_000


@dataclass(frozen=True)
class DiskSpace:
    """The disk of a folder; None: unknown."""

    folder: Path  # the checked one: the requested folder, or its nearest existing parent
    kind: str | None = None  # file system, such as ext4 or nfs4
    free: int | None = None  # bytes available to this user
    files: int | None = None  # free inodes
    refused: str | None = None  # why writing fails; None: it works
    links: bool | None = None  # whether hard links work
    locks: bool | None = None  # whether locks exclude other processes
    clock: float | None = None  # seconds by which the clock of the disk is ahead of this machine


def ask(folder: Path, write: bool = True) -> DiskSpace:
    """Collect the facts of a folder's disk; with `write`, test it in a temporary folder, which is removed."""
    folder = existing(folder)
    facts = os.statvfs(folder)
    # Some file systems (btrfs, some network ones) do not count inodes.
    files = facts.f_favail if facts.f_files else None
    disk = DiskSpace(folder, file_system(folder), shutil.disk_usage(folder).free, files)
    return _write_tested(disk) if write else disk


def existing(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    folder = folder.absolute()
    return folder if folder.is_dir() else existing(folder.parent)


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The file system of a folder."""
    try:
        rows = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    real = folder.resolve()
    places = [(place.replace("\\040", " "), kind) for _, place, kind, *_ in rows]
    # The deepest mount counts; of two with the same path, the later one.
    fitting = [(len(place), index, kind) for index, (place, kind) in enumerate(places) if real.is_relative_to(place)]
    return max(fitting)[2] if fitting else None


def findings(check: str, disk: DiskSpace, for_results: bool = True) -> list[Finding]:
    """Check free space and write access; for results also links and locks."""
    return [_space(check, disk), *([_access(check, disk)] if for_results or disk.refused else [])]


def _space(check: str, disk: DiskSpace) -> Finding:
    on = f" on {disk.kind}" if disk.kind else ""
    text = f"{size(disk.free or 0)} free{on}: {disk.folder}"
    todo = "free space (`fewlabel stale-files` lists files of interrupted work), or use another disk"
    if disk.free is not None and disk.free < LEAST_BYTES:
        return problem(check, f"{text}: too little for a study", todo)
    if disk.files == 0:
        return problem(check, f"{text}, but no inodes are free", "remove unused files")
    if disk.free is not None and disk.free < FEW_BYTES:
        return note(check, f"{text}: enough only for small studies", todo)
    if disk.files is not None and disk.files < FEW_FILES:
        return note(check, f"{text}, only {disk.files} inodes free", "remove unused files")
    return ok(check, text)


def _access(check: str, disk: DiskSpace) -> Finding:
    check = f"{check}: files"
    if disk.refused is not None:
        return problem(check, f"{disk.folder}: {disk.refused}", "use a writable folder with free quota")
    if not disk.locks:
        text = f"{disk.folder}: file locks do not work, so two runs could write the same files"
        return problem(check, text, "mount it with locks (Lustre: `flock`; NFS: without `nolock`), or use another disk")
    if not disk.links:
        return note(check, f"{disk.folder}: writable, locks work; no hard links, files are copied instead")
    return ok(check, "writable, hard links and locks work")


def _write_tested(disk: DiskSpace) -> DiskSpace:
    try:
        place = Path(tempfile.mkdtemp(prefix=".doctor-", dir=disk.folder))
    except OSError as error:
        return DiskSpace(disk.folder, disk.kind, disk.free, disk.files, refused=_reason(error))
    try:
        probe = place / "probe"
        refused, clock = _written(probe)
        links = _works(lambda: os.link(probe, place / "link"))
        locks = _locks(place / "lock")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return DiskSpace(disk.folder, disk.kind, disk.free, disk.files, refused, links, locks, clock)


def _written(probe: Path) -> tuple[str | None, float | None]:
    """Write to the disk, since only that detects a full quota; also compare the clock of the disk with ours."""
    try:
        with probe.open("wb") as file:
            file.write(os.urandom(PROBE_BYTES))
            os.fsync(file.fileno())
        os.utime(probe)
        return None, round(probe.stat().st_mtime - time.time(), 1) + 0.0  # no -0.0
    except OSError as error:
        return _reason(error), None


def _locks(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            try:
                FileLock(path).acquire(timeout=0)
            except Timeout:
                return True
            return False
    except (OSError, NotImplementedError, Timeout):
        return False


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _reason(error: OSError) -> str:
    full = {errno.EDQUOT: "your quota is full", errno.ENOSPC: "the disk is full", errno.EROFS: "mounted read-only"}
    return full.get(error.errno or 0, f"writing failed ({error.strerror})")


LITTLE = 0.05
"""Remaining share of the quota below which a note is printed."""

NUMBER = re.compile(r"(\d+)\*?")


def ask_quota(folder: Path, kind: str | None) -> tuple[int, int] | None:
    """Used and granted bytes on the disk of a folder, by `lfs quota` or `quota`; None: no quota, or unknown."""
    if kind == "lustre" and shutil.which("lfs"):
        return used_and_granted(command_output(["lfs", "quota", "-q", "-u", str(os.getuid()), str(folder)], 4) or "")
    if shutil.which("quota"):
        # Exit code 1 means that the quota is exceeded: the output is then None, and the write test reports it.
        return used_and_granted(command_output(["quota", "-w", "-p", "-f", str(folder)], 4) or "")
    return None


def used_and_granted(text: str) -> tuple[int, int] | None:
    """Parse `quota -w -p` or `lfs quota -q`: kilobytes used, soft and hard limit."""
    for row in text.splitlines():
        cells = row.split()
        numbers = [NUMBER.fullmatch(cell) for cell in cells[1:4]]
        if len(cells) >= 4 and all(numbers):
            used, soft, hard = (int(match[1]) * 1024 for match in numbers if match)
            granted = min((bound for bound in (soft, hard) if bound), default=0)
            return (used, granted) if granted else None
    return None


def quota_findings(quota: tuple[int, int] | None) -> list[Finding]:
    """Check the quota; no finding where it is unknown."""
    if quota is None:
        return []
    used, granted = quota
    text = f"{size(used)} of {size(granted)} used"
    todo = "remove unused files (`fewlabel stale-files` lists those of interrupted work), or request a larger quota"
    if used >= granted:
        return [problem("quota", text, todo)]
    return [note("quota", text, todo) if granted - used < LITTLE * granted else ok("quota", text)]
