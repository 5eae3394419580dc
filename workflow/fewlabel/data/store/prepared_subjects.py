"""Caches of a preparation, kept until its slice store is packed, so that an interrupted preparation resumes.

.<store>.prepared/
    <subject>/images.npy, masks.npy                   slices on the working grid, as in the store
    .computed/<subject>/image.npy, affine.npy         a reconstructed volume
    .computed/<subject>/mask.npy                      its mask; only for labelled subjects
    .../made_of.json                                  hashes of the input and of the files in the folder

An entry is used only if its input, settings and libraries are equal and all of its files are unchanged.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.sources import registry
from fewlabel.data.store.npy import save_array
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.atomic_files import atomic_folder, sha256
from fewlabel.utils.json_files import load_json

LIBRARIES = ("numpy", "scipy", "scikit-image", "SimpleITK")
"""Libraries on which the slices depend."""
ARRAYS = ("images.npy", "masks.npy")
MADE_OF = "made_of.json"
FOLDER = ".computed"
"""Folder of reconstructed volumes; a subject's name cannot start with a dot."""


@dataclass(frozen=True)
class PreparedSubject:
    """The slices of one subject on disk: float16 images and uint8 masks of class numbers, (slice, row, column)."""

    images: Path
    masks: Path
    target_px: NDArray[np.int64]  # pixels of any class in each slice
    from_cache: bool  # whether an earlier run made them


def prepared_folder(store: Path) -> Path:
    """The cache folder of a store."""
    return store.with_name(f".{store.name}.prepared")


def preparation_key(preparation: Preparation) -> str:
    """Settings, recipe number and libraries, on which the slices of all subjects depend, as JSON."""
    libraries = {name: version(name) for name in LIBRARIES}
    facts = {"settings": preparation.model_dump(mode="json"), "recipe": RECIPES["prepare"], "libraries": libraries}
    return json.dumps(facts, sort_keys=True)


def volume_key(volume: Volume, preparation: str) -> str:
    """A hash of a volume, its mask, its affine and its preparation (64 hexadecimal digits)."""
    digest = hashlib.sha256(preparation.encode())
    for array in (volume.image, volume.affine, volume.mask):
        digest.update(b"none" if array is None else f"{array.dtype.str} {array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load_prepared(folder: Path, key: str) -> PreparedSubject | None:
    """The cached slices of a subject; None if their key differs or a file was changed."""
    return _subject(folder, from_cache=True) if set(_cached(folder, key)) == set(ARRAYS) else None


def save_prepared(folder: Path, key: str, images: NDArray[np.float16], masks: NDArray[np.uint8]) -> PreparedSubject:
    """Cache the slices of a subject atomically."""
    _save(folder, key, {"images.npy": images, "masks.npy": masks})
    return _subject(folder, from_cache=False)


def _subject(folder: Path, from_cache: bool) -> PreparedSubject:
    images, masks = (folder / name for name in ARRAYS)
    target = np.count_nonzero(np.load(masks, mmap_mode="r"), axis=(1, 2)).astype(np.int64)
    return PreparedSubject(images, masks, target, from_cache)


def read_cached_volume(source: Source, cache: Path, subject: Subject) -> Volume:
    """Read a subject's volume as `registry.read_volume` does; cache it if it is reconstructed.

    `cache`: the cache folder of the store (see `prepared_folder`).
    """
    if not subject.computed or subject.image is None:
        return registry.read_volume(source, subject)
    folder, key = cache / FOLDER / subject.subject, reconstruction_key(source, subject)
    if files := _cached(folder, key):
        return Volume(
            *(np.load(folder / f"{name}.npy") for name in ("image", "affine", "mask") if f"{name}.npy" in files)
        )
    volume = registry.read_volume(source, subject)
    mask = {} if volume.mask is None else {"mask.npy": volume.mask}
    _save(folder, key, {"image.npy": volume.image, "affine.npy": volume.affine, **mask})
    return volume


def reconstruction_key(source: Source, subject: Subject) -> str:
    """A hash of a subject's files, the source's settings and the libraries (64 hexadecimal digits)."""
    assert subject.image is not None and isinstance(source, FileSource)
    reader = registry.file_reader(source)
    # A pair has a second file in the image's folder.
    files = [*sorted(subject.image.parent.glob(f"{escape(subject.subject)}*")), subject.label]
    files += reader.files_of(source, subject)
    facts = {
        "source": source.model_dump(mode="json"),
        "libraries": {name: version(name) for name in reader.libraries},
        "recipe": RECIPES["prepare"],
        "files": [[path.name, sha256(path)] for path in files if path is not None and path.is_file()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _cached(folder: Path, key: str) -> Mapping[str, str]:
    """The hashes of a cached folder's files by name; empty if its key differs or a file was changed."""
    try:
        hashes = dict(load_json(folder / MADE_OF))
        if hashes.pop("made_of") == key and all(sha256(folder / name) == value for name, value in hashes.items()):
            return hashes
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


def _save(folder: Path, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    with atomic_folder(folder) as partial:
        for name, array in arrays.items():
            save_array(partial / name, array)
        facts = {"made_of": key, **{name: sha256(partial / name) for name in arrays}}
        (partial / MADE_OF).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
