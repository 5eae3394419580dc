"""Files that interrupted jobs leave among results: their kind, their size, and the process that still uses them.

Imported while Snakemake reads its rules; imports nothing slow.
"""

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from fewlabel.training.checkpointing.live_history import SUFFIX as LIVE
from fewlabel.utils.atomic_files import PARTIAL, host_id
from fewlabel.utils.locks import lock_files, read_holder

Kind = Literal[
    "state", "refused state", "live history", "finished", "evaluated", "prepared subjects", "partial file", "lock"
]

MEANING: dict[Kind, str] = {
    "state": "an interrupted training resumes from it",
    "refused state": "set aside because it was damaged or of another run",
    "live history": "losses of an interrupted training",
    "finished": "links to a complete training that the workflow has not recorded yet",
    "evaluated": "scores and masks that `fewlabel evaluate` has not taken over yet",
    "prepared subjects": "an interrupted preparation resumes from them",
    "partial file": "incomplete: its process was killed while writing",
    "lock": "of a killed process",
}
SUFFIXES: dict[str, Kind] = {
    ".state": "state",
    ".refused": "refused state",
    LIVE: "live history",
    ".finished": "finished",
    ".evaluated": "evaluated",
    ".prepared": "prepared subjects",
    ".lock": "lock",
}
TRAINING = "training"
"""The stem of the working files of a training."""
STEMS = (TRAINING, ".running", ".slices")
"""Stems of working files: of a training, a study, a slice store."""
FOLDERS = ("finished", "evaluated", "prepared subjects")

FRESH_SECONDS = 600
"""Age in seconds up to which another machine may still be writing a partial file."""


@dataclass(frozen=True)
class StaleFile:
    """A file or folder that is no result."""

    path: Path  # of the file or folder
    kind: Kind
    size: int  # in bytes; 0 for links to outputs
    in_use: str | None  # the process that uses it; None: no process


def find(folder: Path) -> list[StaleFile]:
    """All stale files below a folder, sorted by path."""
    return sorted(_walk(folder), key=lambda leftover: leftover.path)


def remove(leftover: StaleFile) -> None:
    """Remove a stale file, unless a process uses it."""
    if leftover.in_use is not None:
        return
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path, ignore_errors=True)
    else:
        leftover.path.unlink(missing_ok=True)
    if leftover.kind == "lock":
        lock_files(leftover.path)[1].unlink(missing_ok=True)


def forget_finished(study: Path, trainings: Collection[Path], evaluations: Collection[Path]) -> None:
    """Remove links to complete trainings and their evaluations, except where the workflow still needs them.

    Args:
        trainings, evaluations: the folders of runs whose training, or whose evaluation, it has not recorded yet.
    """
    needed = {"finished": trainings, "evaluated": evaluations}
    for leftover in _walk(study):
        if leftover.kind in needed and leftover.path.parent not in needed[leftover.kind]:
            remove(leftover)


def _walk(folder: Path) -> Iterator[StaleFile]:
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place) / name
            if kind := _kind(path):
                yield StaleFile(path, kind, _size(path, kind), _in_use(path, kind))
        # Folders that are stale themselves, and hundreds of predicted masks, are not searched.
        folders[:] = [name for name in folders if _kind(Path(place) / name) is None and name != "predictions"]


def _kind(path: Path) -> Kind | None:
    if path.name.startswith(".") and PARTIAL in path.name:
        return "partial file"
    stem, suffix = _parts(path)
    kind = SUFFIXES.get(suffix) if stem in STEMS else None
    # A user's folder of that name is no state.
    return kind if path.is_dir() == (kind in FOLDERS) else None


def _parts(path: Path) -> tuple[str, str]:
    """A name's stem and suffix; the suffix of a live history has two dots."""
    suffix = LIVE if path.name.endswith(LIVE) else path.suffix
    return path.name.removesuffix(suffix), suffix


def _size(path: Path, kind: Kind) -> int:
    if kind == "finished":
        return 0
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _in_use(path: Path, kind: Kind) -> str | None:
    if kind == "partial file":
        return _writer(path)
    lock_path, holder = lock_files(path.with_name(f"{_parts(path)[0]}.lock"))
    if not lock_path.exists():
        return None
    try:
        with FileLock(lock_path, timeout=0):
            return None
    except OSError:  # held by another process, or unknown
        return read_holder(holder)


def _writer(path: Path) -> str | None:
    """The process that writes a partial file: by its id on this host; on other hosts, by the age of the file."""
    match = re.match(r"\.(\d+)(?:-([0-9a-f]{8}))?\.", path.name)
    if match and match[2] in (None, host_id()) and _alive(int(match[1])):
        return f"process {match[1]}"
    if match and match[2] == host_id():
        return None
    return "possibly another process" if time.time() - path.stat().st_mtime < FRESH_SECONDS else None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # of another user
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
