"""Read and check the files of a subject or of a whole cohort; for all sources on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.base import FileSource
from fewlabel.data.formats.checks import (
    FileGrid,
    empty_problems,
    fit_problems,
    label_problems,
    position_warning,
    target_problems,
)
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.subjects.channels import load_image
from fewlabel.data.subjects.classes import class_problems, missing_classes
from fewlabel.data.subjects.duplicate_volumes import VolumeHash, voxel_digest
from fewlabel.data.subjects.mask_detection import image_among_masks
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.log import LOG
from fewlabel.utils.parallel import map_subjects

MOST_WARNINGS = 20
"""Number of warnings printed per cohort."""
Hashes = dict[str, VolumeHash] | None
"""Filled by a check: the hash and name of each subject's image."""


@dataclass
class Reading:
    """The volume of a subject, and its problems."""

    volume: Volume | None = None  # None if there are problems
    mask: str = ""  # name of the label file in messages; empty if there is none
    values: frozenset[int] = frozenset()  # values of the label file; empty if the file is invalid
    problems: list[str] = field(default_factory=list)  # one line each
    warnings: list[str] = field(default_factory=list)  # notes on a valid subject, one line each
    digest: str = ""  # hash that identifies the volume if its voxels are not read yet (see `same_voxels`)


def volume_of(reading: Reading) -> Volume:
    """The volume of a reading. Raises InputError: it has problems."""
    if reading.volume is None:
        raise InputError.of(reading.problems)
    return reading.volume


def check_all(
    source: FileSource,
    subjects: Sequence[Subject],
    read_one: Callable[[Subject], Reading],
    workers: int,
    hashes: Hashes = None,
) -> list[str]:
    """Read all volumes of a cohort on `workers` processes and collect their problems, one line each.

    Args:
        read_one: reads a subject; picklable if there are several workers, each of which holds one volume.
        hashes: receives the hash of each image, if given (see `duplicate_volumes`).
    """
    # Numbered: a listing with problems may contain a name twice.
    items = {f"{number} {subject.subject}": subject for number, subject in enumerate(subjects)}
    readings = map_subjects(partial(_findings, read_one), items, workers, "examine")
    print_warnings([warning for reading in readings for warning in reading.warnings])
    problems = [problem for reading in readings for problem in reading.problems]
    if hashes is not None:
        folder = cohort_folder(source)
        hashes |= {
            subject.subject: VolumeHash(reading.digest, place(subject.image, folder))
            for subject, reading in zip(subjects, readings, strict=True)
            if reading.digest and subject.image is not None
        }
    masks = {
        subject.subject: (reading.mask, reading.values)
        for subject, reading in zip(subjects, readings, strict=True)
        if reading.values
    }
    without_target, labelled = source.without_target, {subject.subject for subject in subjects if subject.labelled}
    problems += [
        f"without_target: {name} is not a subject with a mask; accepted: names of labelled subjects"
        for name in without_target
        if name not in labelled
    ]
    values = [values for _, values in masks.values()]
    problems += class_problems(source.classes, values) if source.classes else target_problems(source.labels, values)
    print_warnings(missing_classes(source.classes, masks))
    return problems + empty_problems(source.labels, masks, without_target, source.classes)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print the first few warnings."""
    for warning in warnings[:MOST_WARNINGS]:
        LOG.warning(printable(warning))
    if len(warnings) > MOST_WARNINGS:
        LOG.warning(f"{len(warnings) - MOST_WARNINGS} more warnings are not shown")


def _findings(read_one: Callable[[Subject], Reading], subject: Subject) -> Reading:
    """A reading without its volume, which stays in the process that read it."""
    reading = read_one(subject)
    digest = reading.digest or ("" if reading.volume is None else voxel_digest(reading.volume.image))
    return replace(reading, volume=None, digest=digest)


def read(source: FileSource, folder: Path, subject: Subject) -> Reading:
    """Read one subject and find all problems: damaged files, bad values, image and mask on different grids."""
    if subject.image is None:
        raise ValueError(f"subject {subject.subject} has no file")
    image_name = place(subject.image, folder)
    image, problems = load_image(source, [subject.image, *subject.channels], folder)
    if not subject.labelled or subject.label is None:
        return assemble(source, (image, image_name), None, problems)
    label_name = place(subject.label, folder)
    label, label_problems = load(subject.label, label_name, None, "label")
    return assemble(source, (image, image_name), (label, label_name), [*problems, *label_problems])


def assemble(
    source: FileSource,
    image: tuple[FileGrid | None, str],
    label: tuple[FileGrid | None, str] | None,
    problems: list[str],
) -> Reading:
    """Combine the arrays of a subject, and check that they match; the mask gets the class numbers of the source.

    `image` and `label` are an array (None if it could not be read) and its name in messages.
    """
    reading = Reading(problems=list(problems))
    grid, image_name = image
    mask = None
    if label is not None:
        mask, label_name = label
        reading.mask = label_name
        if mask is not None:
            _note_values(reading, mask, label_name)
        if grid is not None and mask is not None:
            reading.problems += fit_problems(grid, mask, image_name, label_name)
            channels = np.moveaxis(grid.array, -1, 0) if grid.array.ndim > mask.array.ndim else [grid.array]
            if any(np.array_equal(channel, mask.array) for channel in channels):
                reading.problems.append(f"{label_name}: same voxels as {image_name}; accepted: a mask")
    if grid is not None and (warning := position_warning(grid, image_name)):
        reading.warnings.append(warning)
    if grid is not None and not reading.problems:
        numbers = None if mask is None else class_numbers(mask.array, source.target_values)
        reading.volume = Volume(grid.array, grid.affine, numbers, grid.placement)
    return reading


def _note_values(reading: Reading, label: FileGrid, name: str) -> None:
    values = np.unique(label.array)
    problems = label_problems(values, name) or image_among_masks(label.array, values, name)
    reading.problems += problems
    if not problems:
        reading.values = frozenset(int(value) for value in np.round(values))


def class_numbers(label: NDArray[np.float32], target_values: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
    """The class number of each voxel of a label file: 0, or 1 + the position of its value's list in `target_values`."""
    values = np.round(label)
    numbers = np.zeros(label.shape, np.uint8)
    for number, members in enumerate(target_values, start=1):
        numbers[np.isin(values, members)] = number
    return numbers
