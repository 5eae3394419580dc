"""Reads a subject of radial multi-coil data: reconstructed, with its mask and that of its interference."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.formats.checks import FileGrid, affine_problems, fit_problems, image_problems
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.reconstruction.raw_data.coil_images import coil_count
from fewlabel.data.reconstruction.raw_data.file import examine_radial, kspace_shape, load_radial
from fewlabel.data.sources.radial import interference_mask
from fewlabel.data.sources.radial_files.interference import as_region, load_interference
from fewlabel.data.subjects.reading import Reading, assemble
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.atomic_files import sha256


def read(source: RadialSource, subject: Subject, reconstructs: bool = True) -> Reading:
    """Everything that is wrong with a subject's files at once, or its volume (zeros if nothing is reconstructed)."""
    assert subject.image is not None
    folder = cohort_folder(source)
    name = place(subject.image, folder)
    streaks, streaks_name, wrong = _interference(source, subject)
    problems_of = image_problems
    if reconstructs and not wrong:
        region = None if streaks is None else as_region(streaks)
        image, problems = load_radial(subject.image, name, source, region)
    else:
        image, problems = examine_radial(subject.image, name, source)
        problems_of = affine_problems
    problems = [*problems, *wrong]
    label, label_name = None, ""
    if subject.labelled and subject.label is not None:
        label_name = place(subject.label, folder)
        label, found = load(subject.label, label_name, None, "label")
        problems = [*problems, *found]
    if image is not None:
        placed = _placed(image, label, source)
        problems = [*problems, *problems_of(placed, name)]
        if streaks is not None:
            # Where a label that cannot be read would tell the image's place, shapes alone are compared.
            known = image if label is None and label_name else placed
            problems += fit_problems(known, streaks, _placed_name(image, label, name), streaks_name)
        image = placed
    reading = assemble(source.labels, (image, name), (label, label_name) if label_name else None, problems)
    # The check has no voxels yet: the hash of the file stands in for the reconstruction.
    unmade = not reconstructs and reading.volume is not None
    return replace(reading, digest=sha256(subject.image)) if unmade else reading


def _interference(source: RadialSource, subject: Subject) -> tuple[FileGrid | None, str, list[str]]:
    """The mask of a subject's interference where the settings want one, its name in messages and its problems."""
    path = interference_mask(source, subject.subject)
    if path is None:
        return None, "", []
    name = place(path, cohort_folder(source))
    mask, problems = load_interference(path, name)
    return mask, name, problems


def _placed(image: FileGrid, label: FileGrid | None, source: RadialSource) -> FileGrid:
    """Where the file does not say where it lies, its mask does, else the settings' sizes."""
    if np.isfinite(image.affine).all():
        return image
    made = np.diag([-source.pixel_mm, -source.pixel_mm, source.slice_mm, 1.0])
    return FileGrid(image.array, made if label is None else label.affine)


def _placed_name(image: FileGrid, label: FileGrid | None, name: str) -> str:
    """The image's name in messages, with what says where it lies if its file does not."""
    if np.isfinite(image.affine).all():
        return name
    return f"{name} (placed by {'pixel_mm and slice_mm' if label is None else 'its label'})"


def acquired(subjects: Sequence[Subject]) -> tuple[int, int]:
    """Samples of k-space, of all coils and subjects, and the most coils, from headers alone."""
    samples, coils = 0, [0]
    for image in (one.image for one in subjects if one.computed and one.image is not None):
        shape = kspace_shape(image)
        samples += 0 if shape is None else math.prod(shape)
        coils.append(coil_count(image) if shape is None else shape[1])
    return samples, max(coils)
