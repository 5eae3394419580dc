"""Reading one subject's files, and checking a whole cohort of them: shared by all sources that lie on disk."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from tqdm import tqdm

from fewlabel.cohorts.layout import FileSource, place
from fewlabel.cohorts.problems import Grid, fit_problems, image_problems, label_problems, target_problems
from fewlabel.cohorts.subject import Subject
from fewlabel.errors import InputError
from fewlabel.imaging.volume import Volume, read_nifti

Role = Literal["image", "label"]


@dataclass
class Reading:
    """What was read of one subject, and what is wrong with it.

    Attributes:
        volume: None where there are problems.
        values: values in the label file; empty where there is none or it is no good.
        problems: one line each.
    """

    volume: Volume | None = None
    values: frozenset[int] = frozenset()
    problems: list[str] = field(default_factory=list)


def read_volume(source: FileSource, folder: Path, subject: Subject) -> Volume:
    """Read and check one subject.

    Args:
        source: its `labels` are merged to the mask, its `channel` is taken of a 4D image.
        folder: the cohort's folder, for messages.
        subject: with the paths of its files.

    Returns:
        Image and, where the subject is labelled, mask (1 inside the target), on the grid of the file.

    Raises:
        InputError: with all problems of this volume (see `read`).
    """
    reading = read(source, folder, subject)
    if reading.volume is None:
        raise InputError.of(reading.problems)
    return reading.volume


def check(source: FileSource, folder: Path, subjects: Sequence[Subject]) -> list[str]:
    """Read every volume of a cohort, one at a time, and collect all problems, one line each; none: an empty list."""
    problems: list[str] = []
    masks: list[frozenset[int]] = []
    for subject in tqdm(subjects, desc="checking volumes", unit="volume", disable=None):
        reading = read(source, folder, subject)
        problems += reading.problems
        if reading.values:
            masks.append(reading.values)
    return problems + target_problems(source.labels, masks)


def read(source: FileSource, folder: Path, subject: Subject) -> Reading:
    """Read one subject and find all that is wrong: damaged files, bad values, image and mask that do not fit."""
    if subject.image is None:
        raise ValueError(f"subject {subject.subject} has no file")
    reading = Reading()
    image_name = place(subject.image, folder)
    image = _load(reading, subject.image, image_name, source.channel, "image")
    if image is not None:
        reading.problems += image_problems(image, image_name)
    label = None
    if subject.labelled and subject.label is not None:
        label_name = place(subject.label, folder)
        label = _load(reading, subject.label, label_name, None, "label")
        if label is not None:
            _note_values(reading, label, label_name)
        if image is not None and label is not None:
            reading.problems += fit_problems(image, label, image_name, label_name)
    if image is not None and not reading.problems:
        reading.volume = _volume(image, label, source.labels)
    return reading


def _load(reading: Reading, path: Path, name: str, channel: int | None, role: Role) -> Grid | None:
    """A file's array, or None and a problem noted."""
    try:
        _refuse_channels(path, channel, role)
        array, affine = read_nifti(path, channel)
        _read_to_the_end(path)
    except InputError as error:
        # Libraries' messages may span lines; a problem is one line.
        message = " ".join(str(error).removeprefix(path.name).split())
        reading.problems.append(f"{name}{message}")
        return None
    return Grid(array, affine)


def _refuse_channels(path: Path, channel: int | None, role: Role) -> None:
    """What `read_nifti` cannot know: that a label has no channels, and that a channel was asked of a 3D image."""
    try:
        shape: tuple[int, ...] = nib.load(path).shape
    except Exception:  # of many kinds for damaged files; read_nifti, which comes next, says what is wrong
        return
    if role == "label" and len(shape) == 4 and shape[3] > 1:
        raise InputError(
            f"{path.name}: a label of {shape[3]} channels; accepted: one 3D mask with a value for each structure"
        )
    if role == "image" and len(shape) == 3 and channel:
        raise InputError(f"{path.name}: no channel {channel}, the file is 3D; remove `channel` or set it to 0")


def _read_to_the_end(path: Path) -> None:
    """Let gzip verify its checksum, which stands behind all that reading one channel needs to see."""
    if path.suffix != ".gz":
        return
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name}: truncated or damaged ({error}); copy or export it again") from None


def _note_values(reading: Reading, label: Grid, name: str) -> None:
    values = np.unique(label.array)
    problems = label_problems(values, name)
    reading.problems += problems
    if not problems:
        reading.values = frozenset(int(value) for value in np.round(values))


def _volume(image: Grid, label: Grid | None, labels: Sequence[int]) -> Volume:
    mask = None if label is None else np.isin(np.round(label.array), labels).astype(np.uint8)
    return Volume(image.array, image.affine, mask)
