"""Cache of reconstructed volumes, kept until the slice store is packed, so that none is reconstructed twice.

.<store>.prepared/.computed/<subject>/
    image.npy, affine.npy, mask.npy    the volume; no mask.npy for subjects without a label
    made_of.json                       hashes of the input and of the files
"""

import hashlib
import json
from functools import partial
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.sources import registry
from fewlabel.data.store.npy import save_array
from fewlabel.data.store.prepared_subjects import MADE_OF
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.atomic_files import atomic_folder, sha256
from fewlabel.utils.json_files import load_json

FOLDER = ".computed"
"""Folder of the cache; a subject's name cannot start with a dot."""


def read_cached_volume(source: Source, parts: Path, subject: Subject) -> Volume:
    """Read a subject's volume as `registry.read_volume` does, and cache it if it is reconstructed.

    Args:
        parts: the cache folder of the store (see `prepared_folder`).

    Raises:
        InputError: with all problems of this volume.
    """
    if not subject.computed or subject.image is None:
        return registry.read_volume(source, subject)
    place, key = parts / FOLDER / subject.subject, reconstruction_key(source, subject)
    volume = _load(place, key)
    if volume is None:
        volume = registry.read_volume(source, subject)
        _save(place, key, volume)
    return volume


def reconstruction_key(source: Source, subject: Subject) -> str:
    """A hash of a subject's files, the source's settings and the libraries (64 hexadecimal digits)."""
    assert subject.image is not None
    # A pair has a second file in the image's folder.
    files = [*sorted(subject.image.parent.glob(f"{escape(subject.subject)}*")), subject.label]
    assert isinstance(source, FileSource)
    reader = registry.file_reader(source)
    files += reader.files_of(source, subject)
    facts = {
        "source": source.model_dump(mode="json"),
        "libraries": {name: version(name) for name in reader.libraries},
        "recipe": RECIPES["prepare"],
        "files": [[path.name, sha256(path)] for path in files if path is not None and path.is_file()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _load(place: Path, key: str) -> Volume | None:
    """The cached volume; None if its key differs or a file was changed."""
    try:
        facts = load_json(place / MADE_OF)
        if facts.pop("made_of") != key or any(sha256(place / name) != expected for name, expected in facts.items()):
            return None
        load = partial(np.load, allow_pickle=False)
        mask = load(place / "mask.npy") if "mask.npy" in facts else None
        return Volume(load(place / "image.npy"), load(place / "affine.npy"), mask)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _save(place: Path, key: str, volume: Volume) -> None:
    arrays: dict[str, NDArray[Any]] = {"image.npy": volume.image, "affine.npy": volume.affine}
    if volume.mask is not None:
        arrays["mask.npy"] = volume.mask
    with atomic_folder(place) as partial_place:
        for name, array in arrays.items():
            save_array(partial_place / name, array)
        facts = {"made_of": key, **{name: sha256(partial_place / name) for name in arrays}}
        (partial_place / MADE_OF).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
