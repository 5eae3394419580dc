"""A folder of MetaImage pairs, as PROMISE12 is published: masks lie beside images, by a suffix of the name.

Case00.mhd  Case00.raw                               an image
Case00_segmentation.mhd  Case00_segmentation.raw     its mask
Case50.mhd  Case50.raw                               an image without mask
subjects.tsv                                         optional: subject, patient, use
"""

from collections.abc import Sequence

from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.data.paths import UNSAFE_NAME, cohort_folder, is_metaimage_label, listed, stem, table_files
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.subjects import reading
from fewlabel.data.subjects.folder_contents import Unused, contents
from fewlabel.data.subjects.image_mask_pairs import Found, by_subject, duplicates, pair, read_entries, use_problems
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name
from fewlabel.utils.errors import InputError


def list_subjects(source: MetaImageSource) -> list[Subject]:
    """The subjects of the cohort by name, without those whose `use` is exclude. Opens no volume.

    Raises:
        InputError: with all problems of the listing: missing folder, no images, no masks, masks without image,
            duplicate subjects, unsafe names, a bad subjects table.
    """
    folder = cohort_folder(source)
    if not folder.is_dir():
        raise InputError(
            f"{source.folder}: no such folder; looked for {folder.absolute()}; accepted: a folder of .mhd (with .raw) "
            "or .mha files; unpack the data there, or set `folder` (beneath `data_root` or FEWLABEL_DATA)"
        )
    images, labels = _found(source)
    entries, table_problems = read_entries(source, folder, images)
    subjects = [pair(name, images, labels, entries.get(name)) for name in sorted(images)]
    subjects = [subject for subject in subjects if subject.use != "exclude"]
    problems = [
        *_listing_problems(source, images, labels),
        *duplicates(folder, images, labels),
        *table_problems,
        *use_problems(subjects, labels_of=f"{{}}{source.label_suffix}.mhd"),
    ]
    if not problems and not any(subject.labelled for subject in subjects):
        problems = ["subjects table: its uses leave no labelled subject; accepted: at least one; change a `use`"]
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def unused(source: MetaImageSource) -> list[Unused]:
    """Content of the cohort's folder, at any depth, that is not read."""
    folder = cohort_folder(source)
    tables = [path for path in table_files(source, folder) if path.is_file()]
    return list(contents(folder, known=tables, deep=True).unused)


def read_volume(source: MetaImageSource, subject: Subject) -> Volume:
    """Read and check one subject: image and, where it is labelled, mask (1 inside).

    Raises:
        InputError: with all problems of this volume.
    """
    return reading.read_volume(source, cohort_folder(source), subject)


def check(
    source: MetaImageSource, subjects: Sequence[Subject], workers: int = 1, seen: reading.Noted = None
) -> list[str]:
    """Read every volume and collect all problems of the cohort, one line each; none: an empty list."""
    return reading.check(source, cohort_folder(source), subjects, workers, seen)


def _found(source: MetaImageSource) -> tuple[Found, Found]:
    paths = contents(cohort_folder(source), deep=True).used
    masks = [path for path in paths if is_metaimage_label(source, path)]
    images = by_subject(path for path in paths if path not in set(masks))
    labels: Found = {}
    for path in masks:
        labels.setdefault(stem(path)[: -len(source.label_suffix)], []).append(path)
    return images, labels


def _listing_problems(source: MetaImageSource, images: Found, labels: Found) -> list[str]:
    if not (images and labels) and (found := recognised(cohort_folder(source))):
        return [f"the folder is {found}"]
    if not images:
        return ["no images; accepted: <subject>.mhd with its .raw, or <subject>.mha; unpack the data there"]
    if not labels:
        return [f"no masks at all; accepted: <subject>{source.label_suffix}.mhd beside an image; or set `label_suffix`"]
    orphans = [paths[0].name for name, paths in labels.items() if name not in images]
    problems = [f"masks without an image of their name: {listed(orphans)}; rename or remove them"] if orphans else []
    return problems + [f"{images[name][0].name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]
