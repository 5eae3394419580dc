"""Read a subject of radial multi-coil data: reconstruction, mask and interference mask."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.formats.checks import FileGrid, affine_problems, fit_problems, image_problems
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.reconstruction.raw_data.coil_images import coil_count
from fewlabel.data.reconstruction.raw_data.file import examine_radial, kspace_shape, load_radial
from fewlabel.data.sources.radial import interference_mask
from fewlabel.data.subjects.reading import Reading, assemble
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.formatting import listed

ACCEPTED = "accepted: 1 in regions with streaks and 0 elsewhere"


def load_interference(path: Path, name: str) -> tuple[FileGrid | None, list[str]]:
    """An interference mask (row, column, slice) with its affine, or None, and its problems."""
    if not path.is_file():
        return None, [
            f"{name}: no such file; accepted: a mask for each image in images/, 1 in regions with streaks and 0 "
            "elsewhere; to fix: draw it, exclude the subject, or leave `interference` out"
        ]
    mask, problems = load(path, name, None, "label")
    return (None, problems) if mask is None else (mask, _value_problems(np.unique(mask.array), name))


def as_region(mask: FileGrid) -> NDArray[np.bool_]:
    """The mask for de-streaking: (slice, row, column), True in regions with streaks."""
    return np.ascontiguousarray(np.moveaxis(mask.array, -1, 0) > 0.5)


def _value_problems(values: NDArray[np.float32], name: str) -> list[str]:
    # Header scaling by a float32 slope leaves whole numbers a little off; NaN is never close.
    broken = values[~(np.minimum(np.abs(values), np.abs(values - 1)) <= 1e-3)]
    if broken.size:
        values_text = listed([f"{value:g}" for value in broken], 5)
        return [f"{name}: values {values_text}; {ACCEPTED}; to fix: export it again"]
    if (values > 0.5).all() or (values < 0.5).all():
        return [f"{name}: {np.round(values[0]):.0f} everywhere; {ACCEPTED}; to fix: draw it again"]
    return []


def read(source: RadialSource, subject: Subject, reconstructs: bool = True) -> Reading:
    """A subject's volume (zeros without reconstruction) and mask, or all problems of its files."""
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
        label, further = load(subject.label, label_name, None, "label")
        problems = [*problems, *further]
    if image is not None:
        positioned = _positioned(image, label, source)
        problems = [*problems, *problems_of(positioned, name)]
        if streaks is not None:
            # If the position would come from an unreadable label, only shapes are compared.
            comparable = image if label is None and label_name else positioned
            problems += fit_problems(comparable, streaks, _positioned_name(image, label, name), streaks_name)
        image = positioned
    reading = assemble(source, (image, name), (label, label_name) if label_name else None, problems)
    # The check has no voxels yet, so it uses the hash of the file.
    unmade = not reconstructs and reading.volume is not None
    return replace(reading, digest=sha256(subject.image)) if unmade else reading


def _interference(source: RadialSource, subject: Subject) -> tuple[FileGrid | None, str, list[str]]:
    """A subject's interference mask if the settings use one, its name in messages, and its problems."""
    path = interference_mask(source, subject.subject)
    if path is None:
        return None, "", []
    name = place(path, cohort_folder(source))
    mask, problems = load_interference(path, name)
    return mask, name, problems


def _positioned(image: FileGrid, label: FileGrid | None, source: RadialSource) -> FileGrid:
    """The image with a position: of the file, else of its mask, else from the sizes in the settings."""
    if np.isfinite(image.affine).all():
        return image
    affine = np.diag([-source.pixel_mm, -source.pixel_mm, source.slice_mm, 1.0])
    return FileGrid(image.array, affine if label is None else label.affine)


def _positioned_name(image: FileGrid, label: FileGrid | None, name: str) -> str:
    """The image's name in messages, with the origin of its position if the file has none."""
    if np.isfinite(image.affine).all():
        return name
    return f"{name} (position from {'pixel_mm and slice_mm' if label is None else 'its label'})"


def acquired(subjects: Sequence[Subject]) -> tuple[int, int]:
    """Samples of k-space, of all coils and subjects, and the most coils, from headers alone."""
    samples, coils = 0, [0]
    for image in (one.image for one in subjects if one.computed and one.image is not None):
        shape = kspace_shape(image)
        samples += 0 if shape is None else math.prod(shape)
        coils.append(coil_count(image) if shape is None else shape[1])
    return samples, max(coils)
