"""What a cohort on disk looked like, cheaply, so that changed files make finished results again.

Imported while Snakemake reads its rules: no volume is opened, and nothing slow is imported.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.paths import is_present, place, unlabelled_folder, visible_files
from fewlabel.data.sources.registry import file_reader
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.json_files import load_json

EDGE = 4096
"""Bytes at either end of an image that count."""

UNPACKED = ".fewlabel_unpacked"
"""In the folder of an unpacked archive: its fingerprint as unpacked."""


def fingerprint(source: Source) -> str:
    """A hash of a cohort's files that changes when they do, wherever the folder lies.

    Of images: names, sizes, first and last bytes. Of labels, of masks of the interference and of the subjects table or
    `dataset.json`: names and contents. Times of modification do not count.

    Returns:
        64 hexadecimal digits, or '' where the settings say it all: phantoms, folders that are absent, and a folder that
        is still as it was unpacked (so that the first run, which unpacks it, leaves the fingerprint alone).
    """
    if not isinstance(source, FileSource):
        return ""
    further = unlabelled_folder(source)
    found = file_reader(source).fingerprint(source)
    if further is None or not further.is_dir():
        return found
    return hashlib.sha256(f"{found} {hash_files(further, visible_files(further, ('',)), [])}".encode()).hexdigest()


def known_fingerprint(source: Source, record: Path) -> str:
    """The fingerprint of the cohort's files, or the recorded one where its folder is not on this machine.

    The record is part of the results, which therefore stay valid on a machine without the volumes.
    """
    if isinstance(source, FileSource) and not is_present(source) and record.is_file():
        try:
            return str(load_json(record)["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    return fingerprint(source)


def as_unpacked(folder: Path) -> str:
    """The fingerprint that an archive's content had when it was unpacked; empty: it was not unpacked here."""
    marker = folder / UNPACKED
    return marker.read_text(encoding="utf-8").strip() if marker.is_file() else ""


def hash_files(folder: Path, by_size: Iterable[Path], by_content: Iterable[Path]) -> str:
    """A hash of files (64 hexadecimal digits): of some by names, sizes and edges, of others by names and contents."""
    sizes = sorted((_name(path, folder), *_sample(path)) for path in by_size)
    contents = sorted((_name(path, folder), sha256(path) if path.exists() else "") for path in by_content)
    return hashlib.sha256(json.dumps([sizes, contents]).encode()).hexdigest()


def _sample(path: Path) -> tuple[int, str]:
    """Size and a hash of the first and last bytes (a `.gz` ends with the checksum of its content)."""
    if not path.exists():
        return -1, ""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(EDGE)
        file.seek(max(0, size - EDGE))
        return size, hashlib.sha256(first + file.read(EDGE)).hexdigest()


def _name(path: Path, folder: Path) -> str:
    # A table outside the folder counts by its name alone: where it lies is not what it says.
    return place(path, folder) if path.is_relative_to(folder) else path.name
