"""Files against the SHA-256 that was recorded when they were made: what was edited, swapped or damaged since is named.

A hash stands in the first of these that names the file:
    .<file>.sha256           beside a table that a command wrote (scores, histories, roles, draws, the experiment)
    run.json                 beside what a training wrote: weights, pretext network, history
    evaluation.json          in the folder `predictions` of a run: its masks, and the scores beside that folder
    store.json               beside the files of a slice store
    SHA256SUMS               of a folder above: the masks and images on native grids; a published study, whose sums come
                             before those of store.json

A file that nothing is recorded of is taken as it is: results of earlier versions lack some of these.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fewlabel.errors import InputError
from fewlabel.files import sha256, visible, write_text
from fewlabel.json_text import load_json

SUMS, EVALUATION, RUN, STORE = "SHA256SUMS", "evaluation.json", "run.json", "store.json"
DEPTH = 7
"""Folders above a file in which its hash is looked for: weights lie six folders deep in a published study."""
SHOWN = 10
"""How many files a message names."""

Stamp = tuple[int, ...]
"""Size, times of change and number in the file system: where they are equal, a file was not touched since."""


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a file.

    Attributes:
        sha256: in hexadecimal.
        where: the file that holds it.
    """

    sha256: str
    where: Path


def stamp(path: Path) -> Stamp:
    """Of a file as it is now."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def content(path: Path) -> str:
    """The SHA-256 of a file; of one that was not touched since it is computed once in a process."""
    return _content(path, stamp(path))


def recorded(path: Path) -> Recorded | None:
    """What was recorded of a file; None: nothing."""
    for where, wanted in _records(path):
        if isinstance(wanted, str):
            return Recorded(wanted, where)
    return None


def is_changed(path: Path) -> bool:
    """Whether a file is another than the one that was recorded; never of a file that is missing or not recorded."""
    try:
        found = recorded(path) if path.is_file() else None
        return found is not None and content(path) != found.sha256
    except OSError:  # whoever reads it tells that it cannot be read
        return False


def check(*paths: Path) -> None:
    """Refuse files that are others than those that were recorded.

    Raises:
        InputError: with each of them, where its hash stands, and what to do.
    """
    problems = [told(path) for path in paths if is_changed(path)]
    if problems:
        raise InputError("\n".join(shortened(problems)))


def told(path: Path) -> str:
    """What is wrong with a file that was changed, and what to do."""
    found = recorded(path)
    assert found is not None
    hashes = f"its SHA-256 is {content(path)[:12]}…, {found.where.name} records {found.sha256[:12]}…"
    return f"{path}: was changed since it was made ({hashes}); to fix: {cure(path, found)}"


def keep(path: Path) -> None:
    """Record a file that was just written."""
    write_text(_beside(path), f"{sha256(path)}  {path.name}\n")


def forget(path: Path) -> None:
    """Drop what is recorded of a file that is about to be written again."""
    _beside(path).unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write a table whole or not at all, and record it."""
    forget(path)
    write_text(path, text)
    keep(path)


def seal(folder: Path) -> None:
    """Write the hash of each file beneath a folder into its `SHA256SUMS`."""
    names = sorted(path.relative_to(folder).as_posix() for path in visible(folder, "**") if path.is_file())
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in names if name != SUMS))


def read_sums(folder: Path) -> Mapping[str, str]:
    """The hash of each file of a folder that is sealed, by its place; empty where it is not."""
    file = folder / SUMS
    return _sums(file, stamp(file)) if file.is_file() else {}


def check_folder(folder: Path, restore: str) -> None:
    """Refuse a sealed folder of which a file is missing or another one.

    Args:
        folder: with a `SHA256SUMS`; nothing is checked in one without.
        restore: what to do, for the message.

    Raises:
        InputError: with each such file.
    """
    changed = differing(folder, read_sums(folder))
    if changed:
        heading = f"{folder}: {len(changed)} file(s) other than {SUMS} records; to fix: {restore}:"
        raise InputError.of(shortened(changed), heading=heading)


def check_published(folder: Path) -> None:
    """Refuse a published study whose files are not as they were published; results as a run leaves them have no sums.

    Raises:
        InputError: with each file that is missing or another.
    """
    restore = f"restore them (git checkout -- {folder}); if the change is meant, publish the study again"
    check_folder(folder, restore)


def differing(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """The files, of those whose hash is given by name, that are missing in a folder or others."""
    return [
        name if (folder / name).is_file() else f"{name} (missing)"
        for name, wanted in expected.items()
        if not (folder / name).is_file() or content(folder / name) != wanted
    ]


def shortened(lines: list[str]) -> list[str]:
    """As many as a message holds, and how many more there are."""
    return lines[:SHOWN] + ([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])


# ----------------------------------------------------------------------------------------------------- where it stands
def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _records(path: Path) -> Iterator[tuple[Path, Any]]:
    """Where something may be recorded of a file, and what is there."""
    folder, name = path.parent, path.name
    beside = _beside(path)
    if beside.is_file():
        yield beside, beside.read_text(encoding="utf-8").partition(" ")[0]
    # Published tables are extracts: their own sums count, not those of what they were taken from.
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
    """What makes a changed file good again."""
    if found.where.name == SUMS and (found.where.parent / "runs.json").is_file():
        return f"restore it (git checkout -- {path}); if it is meant, publish the study again"
    # Masks are no files that the workflow knows by name: their folder is.
    alone = found.where.name == SUMS or (found.where.name == EVALUATION and found.where.parent == path.parent)
    made = found.where.parent if alone else path
    again = f"restore it, or {make_again(made)}"
    return again if found.where != _beside(path) else f"{again}; if it is meant, delete {found.where}"


def make_again(path: Path) -> str:
    """How a file or folder of a study is made again, and nothing else."""
    return f"delete it and make it again: snakemake --configfile <experiment> {path}"


# ------------------------------------------------------------------------------------------------- read once a process
@lru_cache(maxsize=50_000)
def _content(path: Path, stamp: Stamp) -> str:
    return sha256(path)


@lru_cache(maxsize=16)
def _sums(file: Path, stamp: Stamp) -> Mapping[str, str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    # Behind the hash stand two signs: a space, and another one or an asterisk.
    return {rest[1:]: wanted for wanted, _, rest in (line.partition(" ") for line in lines)}


def _read(path: Path, key: str) -> Mapping[str, Any]:
    """A group of hashes of a JSON file; empty where there is none."""
    try:
        found = _json(path, stamp(path))
    except (OSError, ValueError):  # it is missing, or whoever reads it tells what is wrong with it
        return {}
    group = found.get(key) if isinstance(found, dict) else None
    return group if isinstance(group, dict) else {}


@lru_cache(maxsize=64)
def _json(path: Path, stamp: Stamp) -> Any:
    return load_json(path)
