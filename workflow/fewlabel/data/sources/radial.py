"""Radial multi-coil data with NIfTI masks, reconstructed and de-streaked as the settings say.

images/<subject>.h5 or .mrd                                      k-space and its trajectory: HDF5 or ISMRMRD
images/<subject>.npy                                             complex coil images (row, column, slice, coil)
images/<subject>_magnitude.nii.gz, <subject>_phase.nii.gz        the same as two 4D files
images/<subject>_real.nii.gz, <subject>_imaginary.nii.gz         the same as two 4D files
labels/<subject>.nii.gz                                          subjects with a mask, on the grid of the image
<interference>/<subject>.nii.gz                                  optional: where streaks are seen, on the same grid
subjects.tsv                                                     optional: subject, patient, use
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.formats.checks import Grid, fit_problems, image_problems, place_problems
from fewlabel.data.formats.registry import load
from fewlabel.data.paths import (
    FIRST_PARTS,
    NIFTI_SUFFIXES,
    RADIAL_SUFFIXES,
    SECOND_PARTS,
    UNSAFE_NAME,
    VOLUME_NAMES,
    cohort_folder,
    ends_with,
    interference_folder,
    interference_mask,
    listed,
    place,
    stem,
    table_files,
)
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.reconstruction.raw_data.file import examine_radial, load_radial
from fewlabel.data.sources.radial_interference import as_region, load_interference
from fewlabel.data.subjects.folder_contents import Unused, beside, contents
from fewlabel.data.subjects.image_mask_pairs import Found, by_subject, duplicates, pair, read_entries, use_problems
from fewlabel.data.subjects.reading import Noted, Reading, assemble, check_all, volume_of
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.errors import InputError

IMAGE_SUFFIXES = (*RADIAL_SUFFIXES, *NIFTI_SUFFIXES)


def list_subjects(source: RadialSource) -> list[Subject]:
    """The subjects of the cohort by name, without those whose `use` is exclude. Opens no file.

    Raises:
        InputError: with all problems of the listing.
    """
    folder = cohort_folder(source)
    if not folder.is_dir():
        raise InputError(
            f"{source.folder}: no such folder; looked for {folder.absolute()}; accepted: a folder with images/ and "
            "labels/; set `folder` (beneath `data_root` or FEWLABEL_DATA)"
        )
    images, labels = _images(folder / "images"), by_subject(contents(folder / "labels").used)
    streaks = interference_folder(source) or folder
    seen = {} if source.interference is None else by_subject(contents(streaks).used)
    entries, table_problems = read_entries(source, folder, images)
    paired = [pair(name, images, labels, entries.get(name)) for name in sorted(images)]
    subjects = [replace(subject, computed=True) for subject in paired]
    subjects = [subject for subject in subjects if subject.use != "exclude"]
    problems = [f"{name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]
    if not images:
        problems.append(f"images/: no images; accepted: {', '.join(RADIAL_SUFFIXES)}, or pairs of NIfTI files")
    if not any(subject.labelled for subject in subjects):
        problems.append(f"labels/: no labelled subject; accepted: {VOLUME_NAMES}, named as its image, at least one")
    for where, masks in (("labels", labels), (place(streaks, folder), seen)):
        orphans = [name for name in masks if name not in images]
        if orphans and images:
            what = f"no image of the same name in images/ for {listed(orphans)}"
            problems.append(f"{where}/: {what}; rename or remove them")
    problems += [*duplicates(folder, images, labels, seen), *table_problems]
    problems += use_problems(subjects, labels_of="labels/{}.nii.gz")
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def unused(source: RadialSource) -> list[Unused]:
    """Content of the cohort's folder that is not read."""
    folder, streaks = cohort_folder(source), interference_folder(source)
    masks, tables = [folder / "labels", *([streaks] if streaks else [])], table_files(source, folder)
    inside = [one for part in masks for one in contents(part).unused]
    found = [*contents(folder / "images", IMAGE_SUFFIXES).unused, *inside]
    return [*found, *beside(folder, [folder / "images", *masks, *tables], has_table=bool(tables))]


def read_volume(source: RadialSource, subject: Subject) -> Volume:
    """Reconstruct one subject: magnitude or T2 in ms, on the grid (row, column, slice) of the scan, and its mask.

    Raises:
        InputError: with all problems of this subject.
    """
    return volume_of(_read(source, subject))


def check(source: RadialSource, subjects: Sequence[Subject], workers: int = 1, seen: Noted = None) -> list[str]:
    """Look at every file and collect all problems of the cohort, one line each; none: an empty list.

    Nothing is reconstructed, which takes minutes a volume and is done once, when it is read.
    """
    return check_all(source, subjects, partial(_read, source, reconstructs=False), workers, seen)


def _read(source: RadialSource, subject: Subject, reconstructs: bool = True) -> Reading:
    assert subject.image is not None
    folder = cohort_folder(source)
    name = place(subject.image, folder)
    streaks, streaks_name, wrong = _interference(source, subject)
    problems_of = image_problems
    if _is_finished(source, subject):
        image, problems = load(subject.image, name, None, "image")
    elif reconstructs and not wrong:
        region = None if streaks is None else as_region(streaks)
        image, problems = load_radial(subject.image, name, source, region)
    else:
        image, problems = examine_radial(subject.image, name, source)
        problems_of = place_problems
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
    unmade = not reconstructs and not _is_finished(source, subject) and reading.volume is not None
    return replace(reading, digest=sha256(subject.image)) if unmade else reading


def _is_finished(source: RadialSource, subject: Subject) -> bool:
    """Whether a subject's file is an image already, from the folder of further volumes."""
    assert subject.image is not None
    return subject.use == "unlabelled" and subject.image.parent != cohort_folder(source) / "images"


def _interference(source: RadialSource, subject: Subject) -> tuple[Grid | None, str, list[str]]:
    """The mask of a subject's interference where the settings want one, its name in messages and its problems."""
    path = interference_mask(source, subject.subject)
    if path is None or _is_finished(source, subject):
        return None, "", []
    name = place(path, cohort_folder(source))
    mask, problems = load_interference(path, name)
    return mask, name, problems


def _placed(image: Grid, label: Grid | None, source: RadialSource) -> Grid:
    """Where the file does not say where it lies, its mask does, else the settings' sizes."""
    if np.isfinite(image.affine).all():
        return image
    made = np.diag([-source.pixel_mm, -source.pixel_mm, source.slice_mm, 1.0])
    return Grid(image.array, made if label is None else label.affine)


def _placed_name(image: Grid, label: Grid | None, name: str) -> str:
    """The image's name in messages, with what says where it lies if its file does not."""
    if np.isfinite(image.affine).all():
        return name
    return f"{name} (placed by {'pixel_mm and slice_mm' if label is None else 'its label'})"


def _images(folder: Path) -> Found:
    found: Found = {}
    for path in contents(folder, IMAGE_SUFFIXES).used:
        name = stem(path)
        in_pairs = ends_with(path, NIFTI_SUFFIXES)
        if in_pairs and name.endswith(SECOND_PARTS):
            continue
        part = next((part for part in FIRST_PARTS if in_pairs and name.endswith(part)), "")
        found.setdefault(name.removesuffix(part), []).append(path)
    return found
