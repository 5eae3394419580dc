"""Cache of preprocessed subjects, kept until their slice store is packed, so that interrupted preparations resume.

.<store>.prepared/<subject>/
    images.npy, masks.npy    slices on the working grid, as in the store
    made_of.json             hashes of the input and of the two files

A cached subject is used only if its volume, settings and libraries are equal and both files are unchanged.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.jobs.base import RECIPES
from fewlabel.config.jobs.data import Preparation
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.npy import save_array
from fewlabel.utils.atomic_files import atomic_folder, sha256
from fewlabel.utils.json_files import load_json

LIBRARIES = ("numpy", "scipy", "scikit-image", "SimpleITK")
"""Libraries on which the slices depend."""
ARRAYS = ("images.npy", "masks.npy")
MADE_OF = "made_of.json"


@dataclass(frozen=True)
class PreparedSubject:
    """The slices of one subject on disk."""

    # images, masks: float16 and uint8, (slice, row, column)
    images: Path
    masks: Path
    target_px: NDArray[np.int64]  # pixels of the target in each slice
    again: bool  # whether an earlier run made them


def prepared_folder(store: Path) -> Path:
    """The cache folder of a store."""
    return store.with_name(f".{store.name}.prepared")


def preparation_key(preparation: Preparation) -> str:
    """Settings, recipe number and libraries, on which the slices of all subjects depend, as JSON."""
    libraries = {name: version(name) for name in LIBRARIES}
    facts = {"settings": preparation.model_dump(mode="json"), "recipe": RECIPES["prepare"], "libraries": libraries}
    return json.dumps(facts, sort_keys=True)


def volume_key(volume: Volume, how: str) -> str:
    """A hash of a volume, its mask, its affine and its preparation (64 hexadecimal digits)."""
    digest = hashlib.sha256(how.encode())
    for array in (volume.image, volume.affine, volume.mask):
        digest.update(b"none" if array is None else f"{array.dtype.str} {array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load_prepared(folder: Path, key: str) -> PreparedSubject | None:
    """The cached slices of a subject; None if their key differs or a file was changed."""
    try:
        facts = load_json(folder / MADE_OF)
        sound = facts["made_of"] == key and all(facts[name] == sha256(folder / name) for name in ARRAYS)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _kept(folder, again=True) if sound else None


def save_prepared(folder: Path, key: str, images: NDArray[np.float16], masks: NDArray[np.uint8]) -> PreparedSubject:
    """Cache the slices of a subject atomically."""
    with atomic_folder(folder) as partial:
        save_array(partial / "images.npy", images)
        save_array(partial / "masks.npy", masks)
        facts = {"made_of": key, **{name: sha256(partial / name) for name in ARRAYS}}
        (partial / MADE_OF).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return _kept(folder, again=False)


def _kept(folder: Path, again: bool) -> PreparedSubject:
    images, masks = (folder / name for name in ARRAYS)
    target = np.load(masks, mmap_mode="r").sum(axis=(1, 2), dtype=np.int64)
    return PreparedSubject(images, masks, target, again)
