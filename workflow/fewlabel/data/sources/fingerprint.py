"""Fingerprints of a cohort's files: results run again if the files change.

Snakemake's rules compute them, so no volume is opened and nothing slow is imported.
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
"""Bytes at the start and end of an image that are hashed."""

UNPACKED = ".fewlabel_unpacked"
"""File in an unpacked folder with its fingerprint when it was unpacked."""


def fingerprint(source: Source) -> str:
    """A hash of a cohort's files (64 hexadecimal digits), independent of the folder's path and of modification times.

    It covers names, sizes, first and last bytes of images, and names and contents of labels, interference masks, the
    subjects table and `dataset.json`. It is empty for phantoms, missing folders, and unchanged unpacked folders: the
    first run, which unpacks them, does not change it.
    """
    if not isinstance(source, FileSource):
        return ""
    further = unlabelled_folder(source)
    own = file_reader(source).fingerprint(source)
    if further is None or not further.is_dir():
        return own
    return hashlib.sha256(f"{own} {hash_files(further, visible_files(further, ('',)), [])}".encode()).hexdigest()


def recorded_fingerprint(source: Source, record: Path) -> str:
    """The fingerprint of the cohort's files; if its folder is missing, that in the record of the results.

    Results therefore stay valid on a machine without the volumes.
    """
    if isinstance(source, FileSource) and not is_present(source) and record.is_file():
        try:
            return str(load_json(record)["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
    return fingerprint(source)


def as_unpacked(folder: Path) -> str:
    """The fingerprint of a folder when it was unpacked; empty if it was not unpacked by FewLabel."""
    marker = folder / UNPACKED
    return marker.read_text(encoding="utf-8").strip() if marker.is_file() else ""


def hash_files(folder: Path, by_size: Iterable[Path], by_content: Iterable[Path]) -> str:
    """A hash of files (64 hexadecimal digits): some by names, sizes and edges, others by names and contents."""
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
    # Of a table outside the folder only the name is hashed, not its path.
    return place(path, folder) if path.is_relative_to(folder) else path.name
