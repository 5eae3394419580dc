"""What a cohort on disk looked like, cheaply, so that changed files make finished results again.

Imported while Snakemake reads its rules: no volume is opened, and nothing slow is imported.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.paths import (
    FileSource,
    cohort_folder,
    interference_folder,
    is_metaimage_label,
    place,
    table_files,
    unlabelled_folder,
    visible_files,
)
from fewlabel.data.subjects.folder_contents import contents
from fewlabel.utils.atomic_files import sha256

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
    if isinstance(source, PhantomSource):
        return ""
    further = unlabelled_folder(source)
    found = _own_fingerprint(source)
    if further is None or not further.is_dir():
        return found
    return hashlib.sha256(f"{found} {_hash(further, visible_files(further, ('',)), [])}".encode()).hexdigest()


def _own_fingerprint(source: FileSource) -> str:
    folder = cohort_folder(source)
    if not folder.is_dir():
        return ""
    match source:
        case NiftiSource():
            labels = [*_volumes(folder / "labels"), *_tables(source, folder)]
            return _hash(folder, _volumes(folder / "images"), labels)
        case RadialSource():
            masks = interference_folder(source)
            labels = [*_volumes(folder / "labels"), *_tables(source, folder)]
            labels += [] if masks is None else _volumes(masks)
            return _hash(folder, visible_files(folder / "images", ("",)), labels)
        case MetaImageSource():
            files = contents(folder, deep=True).counted
            labels = [path for path in files if is_metaimage_label(source, path)]
            return _hash(folder, files, [*labels, *_tables(source, folder)])
        case DecathlonSource():
            found = task_fingerprint(folder)
            return "" if found == _as_unpacked(folder) else found
        case ChaosSource():
            parts = [folder / part for part in ("Train_Sets", *(["Test_Sets"] if source.test_sets else []))]
            changed = [chaos_fingerprint(part) for part in parts if part.is_dir()]
            marks = [_as_unpacked(part) for part in parts if part.is_dir()]
            return "" if changed == marks else hashlib.sha256(json.dumps(changed).encode()).hexdigest()


def task_fingerprint(folder: Path) -> str:
    """The fingerprint of a Decathlon task's folder."""
    images = [*_volumes(folder / "imagesTr"), *_volumes(folder / "imagesTs")]
    listing = folder / "dataset.json"
    return _hash(folder, images, [*_volumes(folder / "labelsTr"), *([listing] if listing.is_file() else [])])


def chaos_fingerprint(folder: Path) -> str:
    """The fingerprint of CHAOS's `Train_Sets` or `Test_Sets`: of the T2-SPIR volumes in it."""
    files = [path for path in visible_files(folder / "MR", ("",)) if "T2SPIR" in path.parts]
    masks = [path for path in files if path.suffix.lower() == ".png"]
    return _hash(folder, [path for path in files if path not in set(masks)], masks)


def _volumes(folder: Path) -> tuple[Path, ...]:
    """Includes files that stop the work, so that the next run refuses them."""
    return contents(folder).counted


def _tables(source: NiftiSource | MetaImageSource | RadialSource, folder: Path) -> list[Path]:
    return [table for table in table_files(source, folder) if table.is_file()]


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
