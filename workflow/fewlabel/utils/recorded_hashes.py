"""SHA-256 of files, recorded when they are made and verified when they are used.

The hash of a file comes from the first of these records that contains it:
    .<file>.sha256           of files of one command (scores, histories, roles, draws, experiment, tables, figures)
    run.json                 of files of one training: weights, pretext network, history
    evaluation.json          in the folder `predictions` of a run: of its masks and of the run's scores
    store.json               of files of a slice store
    SHA256SUMS               in a parent folder: of masks and images on native grids, or of a published study, whose
                             sums come before those of store.json

Files without a recorded hash are not checked: results of earlier versions lack some of these records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fewlabel.utils.atomic_files import atomic_files, sha256, visible, write_text
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import counted, first_lines
from fewlabel.utils.json_files import load_json

SUMS, EVALUATION, RUN, STORE = "SHA256SUMS", "evaluation.json", "run.json", "store.json"
DEPTH = 7
"""Parent folders searched for the hash of a file: weights are six folders deep in a published study."""

Stamp = tuple[int, ...]
"""Size, modification times and inode; if they are equal, the file is unchanged."""


@dataclass(frozen=True)
class Recorded:
    """The recorded hash of a file."""

    sha256: str  # in hexadecimal
    where: Path  # the file that contains the hash


def stamp(path: Path) -> Stamp:
    """The current stamp of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def content_hash(path: Path) -> str:
    """The SHA-256 of a file, computed once per process while the file is unchanged."""
    return _content(path, stamp(path))


def recorded(path: Path) -> Recorded | None:
    """The recorded hash of a file; None if there is none."""
    for where, digest in _records(path):
        if isinstance(digest, str):
            return Recorded(digest, where)
    return None


def is_changed(path: Path) -> bool:
    """Whether a file differs from its recorded hash; False for files that are missing or not recorded."""
    try:
        record = recorded(path) if path.is_file() else None
        return record is not None and content_hash(path) != record.sha256
    except OSError:  # the reader of the file reports that it cannot be read
        return False


def check(*paths: Path) -> None:
    """Raise an InputError for files that differ from their recorded hashes."""
    problems = [describe_change(path) for path in paths if is_changed(path)]
    if problems:
        raise InputError("\n".join(first_lines(problems)))


def describe_change(path: Path) -> str:
    """The message on a changed file."""
    record = recorded(path)
    assert record is not None
    hashes = f"its SHA-256 is {content_hash(path)[:12]}…, {record.where.name} records {record.sha256[:12]}…"
    return f"{path}: the file was changed after it was made ({hashes}); to fix: {repair(path, record)}"


def record_hash(path: Path) -> None:
    """Record the hash of a file that was just written."""
    write_text(_hash_file(path), f"{sha256(path)}  {path.name}\n")


def forget_hash(path: Path) -> None:
    """Remove the recorded hash of a file that is about to be written again."""
    _hash_file(path).unlink(missing_ok=True)


def write_recorded(path: Path, text: str) -> None:
    """Write a table atomically and record its hash."""
    forget_hash(path)
    write_text(path, text)
    record_hash(path)


@contextmanager
def recorded_files(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Write files together as `atomic_files` does, and record their hashes."""
    with atomic_files(paths) as partials:
        yield partials
        for path in paths:
            forget_hash(path)
    for path in paths:
        record_hash(path)


def seal(folder: Path) -> None:
    """Write the hash of each file below a folder into its `SHA256SUMS`."""
    names = sorted(path.relative_to(folder).as_posix() for path in visible(folder, "**") if path.is_file())
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in names if name != SUMS))


def read_sums(folder: Path) -> Mapping[str, str]:
    """The hashes in a folder's `SHA256SUMS`, by relative path; empty if there is none."""
    file = folder / SUMS
    return _sums(file, stamp(file)) if file.is_file() else {}


def check_folder(folder: Path, restore: str) -> None:
    """Raise an InputError if a file in a folder's `SHA256SUMS` is missing or changed; `restore`: how to fix it."""
    changed = differing(folder, read_sums(folder))
    if changed:
        heading = f"{folder}: {counted(len(changed), 'file')} not matching {SUMS}; to fix: {restore}:"
        raise InputError.of(first_lines(changed), heading=heading)


def check_published(folder: Path) -> None:
    """Raise an InputError if a published study has changed or missing files; results of a run have no `SHA256SUMS`."""
    restore = f"restore them (git checkout -- {folder}); if the change is intended, publish the study again"
    check_folder(folder, restore)


def differing(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Files of a folder that are missing or differ from the expected hashes, by name."""
    return [
        name if (folder / name).is_file() else f"{name} (missing)"
        for name, digest in expected.items()
        if not (folder / name).is_file() or content_hash(folder / name) != digest
    ]


# ------------------------------------------------------------------------------------------------------------- records
def _hash_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _records(path: Path) -> Iterator[tuple[Path, Any]]:
    """Possible records of a file's hash, each with its hash or None."""
    folder, name = path.parent, path.name
    own = _hash_file(path)
    if own.is_file():
        yield own, own.read_text(encoding="utf-8").partition(" ")[0]
    # Published tables are extracts: their own sums count, not those of the original files.
    for parent in _parents(path):
        if (parent / "runs.json").is_file():
            yield parent / SUMS, read_sums(parent).get(path.absolute().relative_to(parent).as_posix())
    yield folder / RUN, _read(folder / RUN, "outputs").get(name)
    yield folder / STORE, _read(folder / STORE, "sha256").get(name)
    yield folder / EVALUATION, _read(folder / EVALUATION, "outputs").get(f"{folder.name}/{name}")
    inner = folder / "predictions" / EVALUATION
    yield inner, _read(inner, "outputs").get(name)
    for parent in _parents(path):
        yield parent / SUMS, read_sums(parent).get(path.absolute().relative_to(parent).as_posix())


def _parents(path: Path) -> Iterable[Path]:
    return list(path.absolute().parents)[:DEPTH]


def repair(path: Path, record: Recorded) -> str:
    """Instructions to repair a changed file."""
    if record.where.name == SUMS and (record.where.parent / "runs.json").is_file():
        return f"restore it (git checkout -- {path}); if the change is intended, publish the study again"
    # Rules name the folder of masks, not each mask.
    in_folder = record.where.name == SUMS or (record.where.name == EVALUATION and record.where.parent == path.parent)
    again = f"restore it, or {make_again(record.where.parent if in_folder else path)}"
    return again if record.where != _hash_file(path) else f"{again}; if the change is intended, delete {record.where}"


def make_again(path: Path) -> str:
    """Instructions to make only this file or folder of a study again."""
    return f"delete it and make it again: snakemake --configfile <experiment> {path}"


# -------------------------------------------------------------------------------------------------------------- caches
@lru_cache(maxsize=50_000)
def _content(path: Path, stamp: Stamp) -> str:
    return sha256(path)


@lru_cache(maxsize=16)
def _sums(file: Path, stamp: Stamp) -> Mapping[str, str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    # Two characters follow the hash: a space, then a space or an asterisk.
    return {rest[1:]: digest for digest, _, rest in (line.partition(" ") for line in lines)}


def _read(path: Path, key: str) -> Mapping[str, Any]:
    """A group of hashes in a JSON file; empty if there is none."""
    try:
        content = _json(path, stamp(path))
    except (OSError, ValueError):  # missing, or its reader reports what is wrong
        return {}
    group = content.get(key) if isinstance(content, dict) else None
    return group if isinstance(group, dict) else {}


@lru_cache(maxsize=64)
def _json(path: Path, stamp: Stamp) -> Any:
    return load_json(path)
