"""The slice store: a cohort's slices as memory-mapped arrays with an index, packed once.

A store is a folder with
    images.npy    float16 (slice, row, column), 0 to 1 between the volume's percentiles; of several channels (slice,
                  channel, row, column)
    masks.npy     uint8 (slice, row, column): class numbers from 1, 0 background (one class: 1 inside the target); 0
                  throughout for subjects without a label
    index.csv     one row a slice: subject, patient, slice (from 0), position (0 to 1), labelled, target_px (pixels of
                  any class)
    subjects.csv  one row a subject: its native shape, spacing and affine, slices, volume of the target and of each
                  named class (`ml_<class>`), quartiles of images
    store.json    matrix, number of slices, SHA-256 of the others, how volumes were prepared (grid, bias correction,
                  names of channels)
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.study_layout import ARRAYS
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.data.store.npy import save_blocks
from fewlabel.data.store.packed_subject import PackedSubject, SubjectWork
from fewlabel.data.store.prepared_subjects import (
    preparation_key,
    prepared_folder,
)
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import atomic_file, atomic_folder, write_text
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import counted
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_lock
from fewlabel.utils.parallel import map_subjects

VERIFIED = ".verified.json"
"""File with the verified hash and stamp (`recorded.stamp`) of each file of a store."""


@dataclass(frozen=True)
class Store:
    """An opened slice store; the arrays stay on disk until they are read."""

    # images, masks, index, subjects: as in the files of these names
    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    index: pd.DataFrame
    subjects: pd.DataFrame
    # the `Preparation` of the slices, as plain data; empty in stores of earlier versions
    prepared: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, subjects: Iterable[str]) -> NDArray[np.int64]:
        """Positions in the arrays of all slices of these subjects, in the store's order."""
        rows = [self._rows[name] for name in set(subjects) if name in self._rows]
        return np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)

    def frame(self, subject: str, grid: Grid) -> tuple[Frame, NDArray[np.float64]]:
        """A subject's frame and native affine."""
        shape_text, affine_text = self._places[subject]
        affine = np.array(json.loads(affine_text), dtype=np.float64)
        return Frame.of(tuple(json.loads(shape_text)), affine, grid), affine

    @cached_property
    def _rows(self) -> Mapping[str, NDArray[np.int64]]:
        """The rows of each subject: looked up once, not once for each subject."""
        found = self.index.groupby("subject", sort=False).indices
        return {str(name): np.asarray(rows, np.int64) for name, rows in found.items()}

    @cached_property
    def _places(self) -> Mapping[str, tuple[str, str]]:
        """Shape and affine of each subject, as JSON."""
        names, shapes, affines = (self.subjects[name].astype(str) for name in ("subject", "shape", "affine"))
        return dict(zip(names, zip(shapes, affines, strict=True), strict=True))


def open_store(manifest: Path) -> Store:
    """Open the store of a `store.json`. Raises InputError: a file is missing or does not match its manifest."""
    folder = manifest.parent
    try:
        facts = load_json(manifest)
        prepared, hashes = dict(facts.get("prepared", {})), dict(facts["sha256"])
        masks_shape = (facts["slices"], *facts["matrix"])
        images_shape = _shape(facts["slices"], facts["matrix"], prepared.get("channels", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{manifest}: not the manifest of a slice store ({error!r}); {_remedy(manifest)}") from None
    refuse_changed(manifest, hashes)
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
        masks = np.load(folder / "masks.npy", mmap_mode="r")
        index = read_subjects(folder / "index.csv")
        subjects = read_subjects(folder / "subjects.csv")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: the slice store cannot be read ({error}); {_remedy(manifest)}") from None
    if images.shape != images_shape or masks.shape != masks_shape or len(index) != masks_shape[0]:
        raise InputError(f"{folder}: the arrays do not match {manifest.name}; {_remedy(manifest)}")
    return Store(images, masks, index, subjects, prepared)


def _shape(slices: int, matrix: Sequence[int], channels: Sequence[str]) -> tuple[int, ...]:
    """Of `images.npy`."""
    return (slices, *([len(channels)] if len(channels) > 1 else []), *matrix)


def refuse_changed(manifest: Path, expected: Mapping[str, str]) -> None:
    """Raise an InputError if files of a store are missing or changed; `expected`: the SHA-256 of each, by its manifest.

    Large arrays are read only once: the size and modification times of verified files are kept in `VERIFIED`. After a
    copy to another place, all files are read again.
    """
    folder, verified = manifest.parent, _verified(manifest)
    stamps = {name: list(recorded_hashes.stamp(folder / name)) for name in expected if (folder / name).is_file()}
    unverified = {name: sha for name, sha in expected.items() if verified.get(name) != [sha, stamps.get(name)]}
    if changed := recorded_hashes.differing(folder, unverified):
        heading = f"{folder}: {counted(len(changed), 'file')} changed after the slice store was made; "
        raise InputError.of(changed, f"{heading}{_remedy(manifest)}:")
    if unverified:
        _keep_verified(folder, {name: [sha, stamps[name]] for name, sha in expected.items()})


def _verified(manifest: Path) -> Mapping[str, Any]:
    try:
        verified = json.loads((manifest.parent / VERIFIED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return verified if isinstance(verified, dict) else {}


def _keep_verified(folder: Path, facts: Mapping[str, Any]) -> None:
    # Without write permission, the arrays are read each time.
    with suppress(OSError):
        write_text(folder / VERIFIED, json.dumps(facts))


def _remedy(manifest: Path) -> str:
    return f"to fix: restore it, or {recorded_hashes.make_again(manifest)}"


def pack(
    subjects: Sequence[Subject],
    read: Callable[[Subject], Volume],
    grid: Grid,
    folder: Path,
    native: Path,
    workers: int = 1,
    bias: BiasCorrection | None = None,
    classes: Sequence[str] = (),
    channels: Sequence[str] = (),
) -> None:
    """Preprocess all subjects and write the store, and their native truth masks.

    If a subject is refused or the process is killed, the subjects preprocessed so far are cached, and the next call
    resumes from them (see `prepared_subjects`).

    Args:
        subjects: in the order of the store.
        read: returns a subject's volume; must be picklable when `workers` is above 1.
        native: receives `labels/<subject>.nii.gz` (class numbers, native grid) for labelled subjects and, for
            synthetic or reconstructed subjects, `images/<subject>.nii.gz`.
        workers: processes; each holds one volume.
        bias: settings of bias correction; None: none. Files in `native` are never corrected.
        classes: names by class number, from 1; none: one class without a name.
        channels: names of the images' channels, in their order; none: one channel without a name.
    """
    preparation = Preparation(grid=grid, bias_correction=bias, channels=list(channels))
    parts, key = prepared_folder(folder), preparation_key(preparation)
    parts.parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(parts, "these slices"):
        with atomic_folder(native) as native_partial, atomic_folder(folder) as partial_folder:
            work = SubjectWork(read, preparation, key, parts, native_partial, classes)
            packed = map_subjects(work, {subject.subject: subject for subject in subjects}, workers, "prepare")
            recorded_hashes.seal(native_partial)
            if resumed := sum(part.slices.from_cache for part in packed):
                print(f"{resumed} of {len(packed)} subjects were prepared by an interrupted run")
            _write_store(packed, preparation, partial_folder)
        shutil.rmtree(parts, ignore_errors=True)


def _write_store(parts: Sequence[PackedSubject], preparation: Preparation, folder: Path) -> None:
    """Join prepared subjects to the files of a store."""
    matrix = preparation.grid.matrix
    index = _index(parts)
    shape = _shape(len(index), matrix, preparation.channels)
    _join([part.slices.images for part in parts], folder / "images.npy", shape, np.float16)
    _join([part.slices.masks for part in parts], folder / "masks.npy", (len(index), *matrix), np.uint8)
    write_text(folder / "index.csv", index.to_csv(index=False))
    write_text(folder / "subjects.csv", pd.DataFrame([part.facts for part in parts]).to_csv(index=False))
    hashes = {name: recorded_hashes.content_hash(folder / name) for name in ARRAYS}
    _keep_verified(folder, {name: [sha, list(recorded_hashes.stamp(folder / name))] for name, sha in hashes.items()})
    prepared = preparation.model_dump(mode="json")
    manifest = {"matrix": list(matrix), "slices": len(index), "sha256": hashes, "prepared": prepared}
    write_text(folder / recorded_hashes.STORE, json.dumps(manifest, indent=2) + "\n")


def _index(parts: Sequence[PackedSubject]) -> pd.DataFrame:
    counts = [len(part.slices.target_px) for part in parts]
    return pd.DataFrame(
        {
            "subject": np.repeat(np.array([part.subject.subject for part in parts], object), counts),
            "patient": np.repeat(np.array([part.subject.patient for part in parts], object), counts),
            "slice": np.concatenate([np.arange(count) for count in counts]),
            "position": np.concatenate([np.round((np.arange(count) + 0.5) / count, 6) for count in counts]),
            "labelled": np.repeat([int(part.subject.labelled) for part in parts], counts),
            "target_px": np.concatenate([part.slices.target_px for part in parts]),
        }
    )


def _join(parts: Sequence[Path], path: Path, shape: tuple[int, ...], kind: type) -> None:
    """Concatenate arrays on disk, with one of them in memory at a time."""
    with atomic_file(path) as partial_path:
        save_blocks(partial_path, map(np.load, parts), shape, kind)
