"""The source of NumPy arrays: lists, checks and reads a folder of `.npy` files."""

import json
from pathlib import Path

import numpy as np

from fewlabel.data.formats.checks import FileGrid, image_problems
from fewlabel.data.paths import cohort_folder
from fewlabel.data.sources.base import FileReader
from fewlabel.data.subjects.reading import Reading, assemble
from fewlabel.data.subjects.subject import ListingError, Subject
from fewlabel_toys.config.arrays import ArraySource

SPACING = "spacing.json"


class ArrayReader(FileReader[ArraySource]):
    """Implementation of the source `arrays`."""

    def list_subjects(self, source: ArraySource) -> list[Subject]:
        """One subject for each image; those with a mask are labelled."""
        folder = cohort_folder(source)
        images, masks = files(folder)
        problems = [] if images else ["no volumes; accepted: <subject>.npy; to fix: put them there, or set `folder`"]
        if not isinstance(spacing(folder), np.ndarray):
            problems.append(f"{SPACING}: {spacing(folder)}; accepted: a list of three numbers in mm; to fix: write it")
        subjects = []
        for image in images:
            mask = image.with_name(f"{image.stem}_mask.npy")
            label = mask if mask in masks else None
            subjects.append(Subject(image.stem, image.stem, labelled=label is not None, image=image, label=label))
        if problems:
            raise ListingError(f"{folder}:", problems, subjects)
        return subjects

    def hashed(self, source: ArraySource, folder: Path) -> tuple[list[Path], list[Path]]:
        """Images, then what is hashed by its content: results are made again when one of them changes."""
        images, masks = files(folder)
        return images, [*masks, *folder.glob(SPACING)]

    def geometry(self, source: ArraySource, subject: Subject) -> tuple[tuple[int, ...], np.ndarray]:
        """Shape and affine of a volume, without its voxels."""
        return np.load(subject.image, mmap_mode="r", allow_pickle=False).shape, affine(subject.image.parent)

    def read(self, source: ArraySource, subject: Subject) -> Reading:
        """The volume and its mask, or all that is wrong with them."""
        image, problems = load(subject.image)
        if image is not None:
            problems += image_problems(image, subject.image.name)
        if subject.label is None:
            return assemble(source, (image, subject.image.name), None, problems)
        mask, found = load(subject.label)
        label = (mask, subject.label.name)
        return assemble(source, (image, subject.image.name), label, [*problems, *found])


def files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images of a folder, and the masks."""
    arrays = sorted(folder.glob("*.npy"))
    masks = [path for path in arrays if path.stem.endswith("_mask")]
    return [path for path in arrays if path not in masks], masks


def load(path: Path) -> tuple[FileGrid | None, list[str]]:
    """An array (x, y, z), or what is wrong with it."""
    try:
        array = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError) as error:
        return None, [f"{path.name}: cannot be read ({error}); to fix: write it again with numpy.save"]
    if array.ndim != 3:
        return None, [f"{path.name}: {array.ndim} axes; accepted: 3 (x, y, z); to fix: write one volume a file"]
    return FileGrid(array, affine(path.parent)), []


def affine(folder: Path) -> np.ndarray:
    """Voxel indices to mm: axes to the right, the front and the head."""
    return np.diag([*spacing(folder), 1.0])


def spacing(folder: Path) -> np.ndarray | str:
    """Distance of voxels in mm along x, y and z, or what is wrong with the file."""
    try:
        found = np.array(json.loads((folder / SPACING).read_text(encoding="utf-8")), dtype=float)
    except (OSError, ValueError, TypeError) as error:
        return f"cannot be read ({error})"
    return found if found.shape == (3,) and (found > 0).all() else f"{found.tolist()}"


arrays = ArrayReader()
