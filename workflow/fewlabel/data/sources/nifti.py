"""A folder with volumes in `images/` and `labels/`: the layout for your own data.

images/<subject>.nii.gz      every subject; any format of `layout.VOLUME_SUFFIXES`
labels/<subject>.nii.gz      subjects with a mask
subjects.tsv                 optional: subject, patient, use
"""

from collections.abc import Sequence
from pathlib import Path

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.paths import UNSAFE_NAME, VOLUME_NAMES, cohort_folder, listed, table_files
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.subjects import reading
from fewlabel.data.subjects.folder_contents import Unused, beside, contents
from fewlabel.data.subjects.image_mask_pairs import Found, by_subject, duplicates, pair, read_entries, use_problems
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name
from fewlabel.utils.errors import InputError

PARTS = ("images", "labels")


def fetch(source: NiftiSource) -> Path:
    """The cohort's folder; nothing is made, it is the user's own."""
    return cohort_folder(source)


def list_subjects(source: NiftiSource) -> list[Subject]:
    """The subjects of the cohort by name, without those whose `use` is exclude.

    Opens no volume. `use` unlabelled hides a subject's mask.

    Raises:
        InputError: with all problems of the listing: missing folder, no images, no labels, duplicate subjects, labels
            without image, unsafe names, a bad subjects table.
    """
    folder = fetch(source)
    if not folder.is_dir():
        raise InputError(
            f"{source.folder}: no such folder; looked for {folder.absolute()}; accepted: a folder with images/ and "
            "labels/; set `folder` (beneath `data_root`, which defaults to the environment variable FEWLABEL_DATA, "
            "then to `data`; or an absolute path)"
        )
    images, labels = (by_subject(contents(folder / part).used) for part in PARTS)
    entries, table_problems = read_entries(source, folder, images)
    subjects = [pair(name, images, labels, entries.get(name)) for name in sorted(images)]
    subjects = [subject for subject in subjects if subject.use != "exclude"]
    problems = [
        *_image_problems(folder, images),
        *_label_problems(folder, images, labels),
        *duplicates(folder, images, labels),
        *table_problems,
        *use_problems(subjects, labels_of="labels/{}.nii.gz"),
    ]
    if not problems and not any(subject.labelled for subject in subjects):
        problems = ["subjects table: its uses leave no labelled subject; accepted: at least one; change a `use`"]
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def unused(source: NiftiSource) -> list[Unused]:
    """Content of the cohort's folder that is not read."""
    folder = cohort_folder(source)
    parts, tables = [folder / part for part in PARTS], table_files(source, folder)
    inside = [one for part in parts for one in contents(part).unused]
    return [*inside, *beside(folder, [*parts, *tables], has_table=bool(tables))]


def read_volume(source: NiftiSource, subject: Subject) -> Volume:
    """Read and check one subject: image and, where it is labelled, mask (1 inside).

    Raises:
        InputError: unreadable, truncated or non-NIfTI file, 4D without `channel`, NaN or infinite values, constant
            volume, image and mask of different shape or affine, label values that are no whole numbers.
    """
    return reading.read_volume(source, cohort_folder(source), subject)


def check(source: NiftiSource, subjects: Sequence[Subject], workers: int = 1, seen: reading.Noted = None) -> list[str]:
    """Read every volume and collect all problems of the cohort, one line each; none: an empty list."""
    return reading.check(source, cohort_folder(source), subjects, workers, seen)


def _image_problems(folder: Path, images: Found) -> list[str]:
    if not images and (found := recognised(folder)):
        return [f"images/: no images; the folder is {found}"]
    if not images:
        decathlon = (folder / "dataset.json").is_file()
        hint = "with dataset.json, use `kind: decathlon`" if decathlon else "put one file for each subject there"
        return [f"images/: no images; accepted: {VOLUME_NAMES}; {hint}"]
    return [f"images/{images[name][0].name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]


def _label_problems(folder: Path, images: Found, labels: Found) -> list[str]:
    if not labels and not images and recognised(folder):
        return []
    if not labels:
        return [
            f"labels/: no labels at all; accepted: {VOLUME_NAMES}, named as its image; "
            "at least one subject needs a mask"
        ]
    orphans = [paths[0].name for name, paths in labels.items() if name not in images]
    if not orphans or not images:
        return []
    problem = f"labels/: no image of the same name in images/ for {listed(orphans)}; rename or remove them"
    if any(f"{name}_0000" in images for name in labels):
        problem += "; images end in _0000, like channels of nnU-Net: remove it from their names"
    return [problem]
