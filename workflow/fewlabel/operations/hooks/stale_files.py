"""What interrupted work leaves in a folder of results: what it is, how large, whether somebody still works on it.

Imported while Snakemake reads its rules: nothing slow comes with it.
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
from fewlabel.utils.atomic_files import PARTIAL, this_place
from fewlabel.utils.locks import lock_files, read_holder

Kind = Literal["state", "refused state", "live history", "finished", "prepared subjects", "partial file", "lock"]

MEANING: dict[Kind, str] = {
    "state": "an interrupted training goes on from it",
    "refused state": "was set aside, since it was damaged or of another run",
    "live history": "what an interrupted training told while it ran",
    "finished": "links to a complete training of which its workflow did not know",
    "prepared subjects": "an interrupted preparation goes on from them",
    "partial file": "was being written when its process was killed",
    "lock": "of a process that was killed",
}
SUFFIXES: dict[str, Kind] = {
    ".state": "state",
    ".refused": "refused state",
    LIVE: "live history",
    ".finished": "finished",
    ".prepared": "prepared subjects",
    ".lock": "lock",
}
TRAINING = "training"
"""The stem of all that a training keeps beside its outputs."""
STEMS = (TRAINING, ".running", ".slices")
"""Of a training, a study and a slice store."""
FOLDERS = ("finished", "prepared subjects")

FRESH_SECONDS = 600
"""Age in seconds up to which another machine may still be writing a partial file."""


@dataclass(frozen=True)
class Leftover:
    """Something that is no result.

    Attributes:
        path: of the file or folder.
        kind: what it is.
        size: in bytes; links to outputs take no room of their own.
        in_use: who works on it, if somebody does.
    """

    path: Path
    kind: Kind
    size: int
    in_use: str | None


def find(folder: Path) -> list[Leftover]:
    """All leftovers beneath a folder, by path."""
    return sorted(_walk(folder), key=lambda leftover: leftover.path)


def remove(leftover: Leftover) -> None:
    """Remove one, unless somebody works on it."""
    if leftover.in_use is not None:
        return
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path, ignore_errors=True)
    else:
        leftover.path.unlink(missing_ok=True)
    if leftover.kind == "lock":
        lock_files(leftover.path)[1].unlink(missing_ok=True)


def forget_finished(study: Path, unknown: Collection[Path]) -> None:
    """Remove the links to complete trainings, but for the folders of those that the workflow does not know of yet."""
    for leftover in _walk(study):
        if leftover.kind == "finished" and leftover.path.parent not in unknown:
            remove(leftover)


def _walk(folder: Path) -> Iterator[Leftover]:
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place) / name
            if kind := _kind(path):
                yield Leftover(path, kind, _size(path, kind), _in_use(path, kind))
        # Nothing inside a leftover, or among hundreds of predicted masks, is one.
        folders[:] = [name for name in folders if _kind(Path(place) / name) is None and name != "predictions"]


def _kind(path: Path) -> Kind | None:
    if path.name.startswith(".") and PARTIAL in path.name:
        return "partial file"
    stem, suffix = _parts(path)
    kind = SUFFIXES.get(suffix) if stem in STEMS else None
    # Somebody's folder of that name is no state.
    return kind if path.is_dir() == (kind in FOLDERS) else None


def _parts(path: Path) -> tuple[str, str]:
    """A name's stem and suffix; a live history has two dots in its suffix."""
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
    except OSError:  # another process has it, or none can tell
        return read_holder(holder)


def _writer(path: Path) -> str | None:
    """The process that still writes a partial file: known for processes of this host, else judged by the file's age."""
    found = re.match(r"\.(\d+)(?:-([0-9a-f]{8}))?\.", path.name)
    if found and found[2] in (None, this_place()) and _alive(int(found[1])):
        return f"process {found[1]}"
    if found and found[2] == this_place():
        return None
    return "possibly another process" if time.time() - path.stat().st_mtime < FRESH_SECONDS else None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # somebody else's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
