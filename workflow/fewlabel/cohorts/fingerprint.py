"""What a cohort on disk looked like, cheaply, so that changed files make finished results again.

Imported while Snakemake reads its rules: no volume is opened, and nothing slow is imported.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from fewlabel.cohorts.layout import cohort_folder, nifti_files, place, table_files
from fewlabel.experiment import NiftiSource, PhantomSource, Source
from fewlabel.files import sha256

EDGE = 4096
"""Bytes at either end of an image that count."""

UNPACKED = ".fewlabel_unpacked"
"""In the folder of an unpacked archive: its fingerprint as unpacked."""


def fingerprint(source: Source) -> str:
    """A hash of a cohort's files that changes when they do, wherever the folder lies.

    Of images: names, sizes, first and last bytes. Of labels and of the subjects table or `dataset.json`: names and
    contents. Times of modification do not count.

    Returns:
        64 hexadecimal digits, or '' where the settings say it all: phantoms, folders that are absent, and a folder that
        is still as it was unpacked (so that the first run, which unpacks it, leaves the fingerprint alone).
    """
    if isinstance(source, PhantomSource):
        return ""
    folder = cohort_folder(source)
    if not folder.is_dir():
        return ""
    if isinstance(source, NiftiSource):
        tables = [table for table in table_files(source, folder) if table.is_file()]
        return _hash(folder, nifti_files(folder / "images"), [*nifti_files(folder / "labels"), *tables])
    found = task_fingerprint(folder)
    return "" if found == _as_unpacked(folder) else found


def task_fingerprint(folder: Path) -> str:
    """The fingerprint of a Decathlon task's folder."""
    images = [*nifti_files(folder / "imagesTr"), *nifti_files(folder / "imagesTs")]
    listing = folder / "dataset.json"
    return _hash(folder, images, [*nifti_files(folder / "labelsTr"), *([listing] if listing.is_file() else [])])


def _as_unpacked(folder: Path) -> str:
    marker = folder / UNPACKED
    return marker.read_text(encoding="utf-8").strip() if marker.is_file() else ""


def _hash(folder: Path, by_size: Iterable[Path], by_content: Iterable[Path]) -> str:
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
