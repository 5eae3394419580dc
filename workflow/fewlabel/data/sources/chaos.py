"""The T2-SPIR volumes of the CHAOS challenge in their original layout, fetched where they are not there.

Train_Sets/MR/<id>/T2SPIR/DICOM_anon/*.dcm     a series of one slice a file
Train_Sets/MR/<id>/T2SPIR/Ground/*.png         a mask for each slice, as grey values
Test_Sets/MR/<id>/T2SPIR/DICOM_anon/*.dcm      series whose masks are not public
"""

import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.formats.checks import Grid, image_problems
from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.formats.dicom_series import Series, load_series, read_series
from fewlabel.data.paths import UNSAFE_NAME, cohort_folder, place
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.sources.chaos_archives import fetch
from fewlabel.data.sources.chaos_masks import Masks, read_masks
from fewlabel.data.sources.chaos_order import Order, suggested_orders, verified_order
from fewlabel.data.subjects import reading
from fewlabel.data.subjects.folder_contents import Unused, beside, contents
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name


def list_subjects(source: ChaosSource) -> list[Subject]:
    """The subjects by name: `chaos_01` and so on, those of Test_Sets without labels. Opens no volume; may download.

    Raises:
        InputError: see `chaos_archives.fetch`; or with all problems of the listing: subjects without a DICOM or mask
            folder, unsafe names, one number in both sets.
    """
    folder = fetch(source)
    subjects = _listed(source, folder)
    problems = [problem for subject in subjects for problem in _folder_problems(subject, folder)]
    counts = Counter(subject.subject for subject in subjects)
    problems += [f"{name}: in Train_Sets and in Test_Sets; keep one" for name, count in counts.items() if count > 1]
    if not subjects:
        problems = ["Train_Sets/MR: no subjects; accepted: Train_Sets/MR/<id>/T2SPIR; get the archive again"]
    subjects = sorted(subjects, key=lambda subject: subject.subject)
    if problems:
        raise ListingError(f"{folder}:", problems, subjects)
    return subjects


def unused(source: ChaosSource) -> list[Unused]:
    """Files beside the subjects, slices and masks that are not read; CT and T1 folders are not searched."""
    folder = cohort_folder(source)
    found: list[Unused] = []
    if (folder / "Test_Sets").is_dir() and not source.test_sets:
        found.append(Unused(folder / "Test_Sets", "volumes without masks; `test_sets: true` reads them"))
    for part in _parts(source):
        subjects = [path for path in (folder / part / "MR").glob("*") if path.is_dir()]
        found += beside(folder / part / "MR", subjects, has_table=True)
    for subject in _listed(source, folder):
        assert subject.image is not None
        parts = [path for path in (subject.image, subject.label) if path is not None]
        found += beside(subject.image.parent, parts, has_table=True)
        found += series_contents(subject.image).unused
        if subject.label is not None:
            found += contents(subject.label, suffixes=(".png",)).unused
    return found


def read_volume(source: ChaosSource, subject: Subject) -> Volume:
    """Read and check one subject: the series and, where it is labelled, the mask (1 inside), each on its slice.

    Raises:
        InputError: with all problems of this volume.
    """
    return reading.volume_of(_read(source, subject))


def check(source: ChaosSource, subjects: Sequence[Subject], workers: int = 1, seen: reading.Noted = None) -> list[str]:
    """Read every volume and collect all problems of the cohort, one line each; none: an empty list."""
    return reading.check_all(source, subjects, partial(_read, source), workers, seen)


def _listed(source: ChaosSource, folder: Path) -> list[Subject]:
    return [one for part in _parts(source) for one in _subjects(folder / part, labelled=part == "Train_Sets")]


def _parts(source: ChaosSource) -> list[str]:
    return ["Train_Sets", *(["Test_Sets"] if source.test_sets else [])]


def _subjects(part: Path, labelled: bool) -> list[Subject]:
    found = []
    for path in sorted(part.glob("MR/*")):
        if not path.is_dir() or path.name.startswith("."):
            continue
        name = f"chaos_{path.name.zfill(2)}"
        series, ground = path / "T2SPIR" / "DICOM_anon", path / "T2SPIR" / "Ground"
        if labelled:
            found.append(Subject(name, name, labelled=True, image=series, label=ground))
        else:
            found.append(Subject(name, name, labelled=False, use="unlabelled", image=series))
    return found


def _folder_problems(subject: Subject, folder: Path) -> list[str]:
    if not is_safe_name(subject.subject):
        return [f"{subject.subject}: {UNSAFE_NAME}"]
    needed = [path for path in (subject.image, subject.label) if path is not None]
    return [f"{place(path, folder)}: no such folder; get the archive again" for path in needed if not path.is_dir()]


def _read(source: ChaosSource, subject: Subject) -> reading.Reading:
    """Everything that is wrong with a subject's slices and masks at once, or both together."""
    folder = cohort_folder(source)
    assert subject.image is not None
    name = place(subject.image, folder)
    series, problems = read_series(subject.image, name)
    image = None
    if series is not None:
        image, found = load_series(series, name)
        problems += found
    if image is not None:
        problems += image_problems(image, name)
    if subject.label is None:
        return reading.assemble(source.labels, (image, name), None, problems)
    label_name = place(subject.label, folder)
    masks, found = read_masks(subject.label, None if series is None else series.shape, label_name)
    problems += found
    label = None
    if series is not None and image is not None and masks is not None:
        label, found = _placed(source, image, series, masks, label_name)
        problems += found
    return reading.assemble(source.labels, (image, name), (label, label_name), problems)


def _placed(source: ChaosSource, image: Grid, series: Series, masks: Masks, name: str) -> tuple[Grid | None, list[str]]:
    """The masks on their slices, if it can be told which they are."""
    order, tried = _order(source, image, series, masks)
    if order is None:
        scores = ", ".join(f"{one.explained:.2f} {one.name}" for one in tried) or "no order suggests itself"
        return None, [
            f"{name}: the images do not tell which PNG belongs to which slice (share of variance explained: {scores}); "
            "look at them, then set `png_order` to numbered or reversed"
        ]
    if order.name != "by file number":
        others = ", ".join(f"{one.explained:.2f} {one.name}" for one in tried[1:])
        print(f"{name}: PNGs belong to slices {order.name} ({order.explained:.2f}; {others})", file=sys.stderr)
    stack: NDArray[np.float32] = masks.labels[list(order.of_slices)].astype(np.float32)
    return Grid(np.ascontiguousarray(stack.transpose(2, 1, 0)), series.affine), []


def _order(source: ChaosSource, image: Grid, series: Series, masks: Masks) -> tuple[Order | None, list[Order]]:
    if source.png_order == "verified":
        return verified_order(image.array, series.slices, masks)
    wanted = "by file number" + (", reversed" if source.png_order == "reversed" else "")
    found = [of_slices for of_slices, name in suggested_orders(series.slices, masks).items() if name == wanted]
    return (Order(wanted, found[0], float("nan")) if found else None), []
