"""Verify files by the SHA-256 recorded when they were made, to find files edited, swapped or damaged since.

The hash of a file comes from the first of these records that contains it:
    .<file>.sha256           beside what a command wrote (scores, histories, roles, draws, experiment, tables, figures)
    run.json                 beside what a training wrote: weights, pretext network, history
    evaluation.json          in the folder `predictions` of a run: its masks, and the scores beside that folder
    store.json               beside the files of a slice store
    SHA256SUMS               of a folder above: the masks and images on native grids; a published study, whose sums come
                             before those of store.json

Files without a recorded hash are not checked: results of earlier versions lack some of these records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fewlabel.utils.atomic_files import sha256, visible, whole_together, write_text
from fewlabel.utils.errors import InputError
from fewlabel.utils.json_files import load_json

SUMS, EVALUATION, RUN, STORE = "SHA256SUMS", "evaluation.json", "run.json", "store.json"
DEPTH = 7
"""Parent folders searched for the hash of a file: weights are six folders deep in a published study."""
SHOWN = 10
"""Number of files that a message lists."""

Stamp = tuple[int, ...]
"""Size, modification times and inode; if they are equal, the file is unchanged."""


@dataclass(frozen=True)
class Recorded:
    """The recorded hash of a file.

    Attributes:
        sha256: in hexadecimal.
        where: the file that contains the hash.
    """

    sha256: str
    where: Path


def stamp(path: Path) -> Stamp:
    """The current stamp of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def content(path: Path) -> str:
    """The SHA-256 of a file, computed once per process while the file is unchanged."""
    return _content(path, stamp(path))


def recorded(path: Path) -> Recorded | None:
    """The recorded hash of a file; None if there is none."""
    for where, wanted in _records(path):
        if isinstance(wanted, str):
            return Recorded(wanted, where)
    return None


def is_changed(path: Path) -> bool:
    """Whether a file differs from its recorded hash; False for files that are missing or not recorded."""
    try:
        found = recorded(path) if path.is_file() else None
        return found is not None and content(path) != found.sha256
    except OSError:  # the reader of the file reports that it cannot be read
        return False


def check(*paths: Path) -> None:
    """Refuse files that differ from their recorded hashes.

    Raises:
        InputError: each of them, the place of its hash, and what to do.
    """
    problems = [told(path) for path in paths if is_changed(path)]
    if problems:
        raise InputError("\n".join(shortened(problems)))


def told(path: Path) -> str:
    """The message on a changed file, with what to do."""
    found = recorded(path)
    assert found is not None
    hashes = f"its SHA-256 is {content(path)[:12]}…, {found.where.name} records {found.sha256[:12]}…"
    return f"{path}: the file was changed after it was made ({hashes}); to fix: {cure(path, found)}"


def keep(path: Path) -> None:
    """Record a file that was just written."""
    write_text(_beside(path), f"{sha256(path)}  {path.name}\n")


def forget(path: Path) -> None:
    """Remove the record of a file that is about to be written again."""
    _beside(path).unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write a table atomically and record its hash."""
    forget(path)
    write_text(path, text)
    keep(path)


@contextmanager
def written(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Write files together as `whole_together` does, and record their hashes."""
    with whole_together(paths) as partials:
        yield partials
        for path in paths:
            forget(path)
    for path in paths:
        keep(path)


def seal(folder: Path) -> None:
    """Write the hash of each file below a folder into its `SHA256SUMS`."""
    names = sorted(path.relative_to(folder).as_posix() for path in visible(folder, "**") if path.is_file())
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in names if name != SUMS))


def read_sums(folder: Path) -> Mapping[str, str]:
    """The hashes in a folder's `SHA256SUMS`, by relative path; empty if there is none."""
    file = folder / SUMS
    return _sums(file, stamp(file)) if file.is_file() else {}


def check_folder(folder: Path, restore: str) -> None:
    """Refuse a folder with a `SHA256SUMS` if a file is missing or changed.

    Args:
        folder: with a `SHA256SUMS`; without one, nothing is checked.
        restore: what to do, for the message.

    Raises:
        InputError: with each such file.
    """
    changed = differing(folder, read_sums(folder))
    if changed:
        heading = f"{folder}: {len(changed)} file(s) do not match {SUMS}; to fix: {restore}:"
        raise InputError.of(shortened(changed), heading=heading)


def check_published(folder: Path) -> None:
    """Refuse a published study with changed or missing files; results of a run have no `SHA256SUMS`.

    Raises:
        InputError: each missing or changed file.
    """
    restore = f"restore them (git checkout -- {folder}); if the change is intended, publish the study again"
    check_folder(folder, restore)


def differing(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Files of a folder that are missing or differ from the expected hashes, by name."""
    return [
        name if (folder / name).is_file() else f"{name} (missing)"
        for name, wanted in expected.items()
        if not (folder / name).is_file() or content(folder / name) != wanted
    ]


def shortened(lines: list[str]) -> list[str]:
    """The first lines of a message, and the number of further ones."""
    return lines[:SHOWN] + ([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])


# ----------------------------------------------------------------------------------------------------- where it stands
def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _records(path: Path) -> Iterator[tuple[Path, Any]]:
    """Possible places of a file's hash, each with the hash found there."""
    folder, name = path.parent, path.name
    beside = _beside(path)
    if beside.is_file():
        yield beside, beside.read_text(encoding="utf-8").partition(" ")[0]
    # Published tables are extracts: their own sums count, not those of the original files.
    for above in _above(path):
        if (above / "runs.json").is_file():
            yield above / SUMS, read_sums(above).get(path.absolute().relative_to(above).as_posix())
    yield folder / RUN, _read(folder / RUN, "outputs").get(name)
    yield folder / STORE, _read(folder / STORE, "sha256").get(name)
    yield folder / EVALUATION, _read(folder / EVALUATION, "outputs").get(f"{folder.name}/{name}")
    inner = folder / "predictions" / EVALUATION
    yield inner, _read(inner, "outputs").get(name)
    for above in _above(path):
        yield above / SUMS, read_sums(above).get(path.absolute().relative_to(above).as_posix())


def _above(path: Path) -> Iterable[Path]:
    return list(path.absolute().parents)[:DEPTH]


def cure(path: Path, found: Recorded) -> str:
    """How to repair a changed file."""
    if found.where.name == SUMS and (found.where.parent / "runs.json").is_file():
        return f"restore it (git checkout -- {path}); if the change is intended, publish the study again"
    # The workflow knows masks by their folder, not by name.
    alone = found.where.name == SUMS or (found.where.name == EVALUATION and found.where.parent == path.parent)
    made = found.where.parent if alone else path
    again = f"restore it, or {make_again(made)}"
    return again if found.where != _beside(path) else f"{again}; if the change is intended, delete {found.where}"


def make_again(path: Path) -> str:
    """The command that makes only this file or folder of a study again."""
    return f"delete it and make it again: snakemake --configfile <experiment> {path}"


# ------------------------------------------------------------------------------------------------- read once a process
@lru_cache(maxsize=50_000)
def _content(path: Path, stamp: Stamp) -> str:
    return sha256(path)


@lru_cache(maxsize=16)
def _sums(file: Path, stamp: Stamp) -> Mapping[str, str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    # Two characters follow the hash: a space, then a space or an asterisk.
    return {rest[1:]: wanted for wanted, _, rest in (line.partition(" ") for line in lines)}


def _read(path: Path, key: str) -> Mapping[str, Any]:
    """A group of hashes in a JSON file; empty if there is none."""
    try:
        found = _json(path, stamp(path))
    except (OSError, ValueError):  # missing, or its reader reports what is wrong
        return {}
    group = found.get(key) if isinstance(found, dict) else None
    return group if isinstance(group, dict) else {}


@lru_cache(maxsize=64)
def _json(path: Path, stamp: Stamp) -> Any:
    return load_json(path)
