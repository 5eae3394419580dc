"""The source `chaos`: T2-SPIR volumes of the CHAOS challenge in their original layout, downloaded if missing.

Train_Sets/MR/<id>/T2SPIR/DICOM_anon/*.dcm     a series of one slice a file
Train_Sets/MR/<id>/T2SPIR/Ground/*.png         a mask for each slice, as grey values
Test_Sets/MR/<id>/T2SPIR/DICOM_anon/*.dcm      series whose masks are not public
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.paths import UNSAFE_NAME, cohort_folder, place, visible_files
from fewlabel.data.sources.base import FileReader
from fewlabel.data.sources.fingerprint import as_unpacked, hash_files
from fewlabel.data.subjects.classes import misnamed
from fewlabel.data.subjects.folder_contents import Unused, contents, unread_content
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name

if TYPE_CHECKING:
    from fewlabel.data.subjects.reading import Reading

ORGANS = {1: "liver", 2: "right kidney", 3: "left kidney", 4: "spleen"}
"""Names of the label values."""


class ChaosReader(FileReader[ChaosSource]):
    """Implementation of the source `chaos`."""

    def list_subjects(self, source: ChaosSource) -> list[Subject]:
        """The subjects by name: `chaos_01` and so on, those of Test_Sets without labels. May download.

        Raises:
            InputError: see `archives.fetch`; or all problems of the listing: subjects without a DICOM or mask folder,
                unsafe names, one number in both sets.
        """
        from fewlabel.data.sources.chaos_files.archives import fetch

        folder = fetch(source)
        subjects = _listed(source, folder)
        problems = [problem for subject in subjects for problem in _folder_problems(subject, folder)]
        counts = Counter(subject.subject for subject in subjects)
        problems += [
            f"{name}: in Train_Sets and in Test_Sets; to fix: keep one" for name, count in counts.items() if count > 1
        ]
        problems += misnamed(source.classes, ORGANS, "CHAOS")
        if not subjects:
            problems = [
                "Train_Sets/MR: no subjects; accepted: Train_Sets/MR/<id>/T2SPIR; to fix: download the archive again"
            ]
        subjects = sorted(subjects, key=lambda subject: subject.subject)
        if problems:
            raise ListingError(f"{folder}:", problems, subjects)
        return subjects

    def unused(self, source: ChaosSource) -> list[Unused]:
        """See `FileReader`; CT and T1 folders are not searched."""
        from fewlabel.data.formats.dicom_headers import series_contents

        folder = cohort_folder(source)
        unused: list[Unused] = []
        if (folder / "Test_Sets").is_dir() and not source.test_sets:
            unused.append(Unused(folder / "Test_Sets", "volumes without masks; `test_sets: true` reads them"))
        for part in parts_of(source):
            subjects = [path for path in (folder / part / "MR").glob("*") if path.is_dir()]
            unused += unread_content(folder / part / "MR", subjects, has_table=True)
        for subject in _listed(source, folder):
            assert subject.image is not None
            parts = [path for path in (subject.image, subject.label) if path is not None]
            unused += unread_content(subject.image.parent, parts, has_table=True)
            unused += series_contents(subject.image).unused
            if subject.label is not None:
                unused += contents(subject.label, suffixes=(".png",)).unused
        return unused

    def hashed(self, source: ChaosSource, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """See `FileReader`; of one set, `Train_Sets` or `Test_Sets`."""
        return _hashed(folder)

    def fingerprint(self, source: ChaosSource) -> str:
        """See `FileReader`; empty for unchanged unpacked sets, so that unpacking makes no results old."""
        sets = [cohort_folder(source) / part for part in parts_of(source)]
        prints = [set_fingerprint(folder) for folder in sets if folder.is_dir()]
        if prints == [as_unpacked(folder) for folder in sets if folder.is_dir()]:
            return ""
        return hashlib.sha256(json.dumps(prints).encode()).hexdigest()

    def images(self, source: ChaosSource) -> tuple[Path, int]:
        """See `FileReader`."""
        folder = cohort_folder(source) / "Train_Sets" / "MR"
        return folder, len(list(folder.glob("*/T2SPIR/DICOM_anon")))

    def read(self, source: ChaosSource, subject: Subject) -> "Reading":
        """See `FileReader`: the series and, where it is labelled, the mask (class numbers), each on its slice."""
        from fewlabel.data.sources.chaos_files.reading import read

        return read(source, subject)


def set_fingerprint(folder: Path) -> str:
    """The fingerprint of `Train_Sets` or `Test_Sets`: of the T2-SPIR volumes in it."""
    return hash_files(folder, *_hashed(folder))


def parts_of(source: ChaosSource) -> list[str]:
    """The sets of the cohort."""
    return ["Train_Sets", *(["Test_Sets"] if source.test_sets else [])]


def _hashed(folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    files = [path for path in visible_files(folder / "MR", ("",)) if "T2SPIR" in path.parts]
    masks = [path for path in files if path.suffix.lower() == ".png"]
    return [path for path in files if path.suffix.lower() != ".png"], masks


def _listed(source: ChaosSource, folder: Path) -> list[Subject]:
    return [one for part in parts_of(source) for one in _subjects(folder / part, labelled=part == "Train_Sets")]


def _subjects(part: Path, labelled: bool) -> list[Subject]:
    subjects = []
    for path in sorted(part.glob("MR/*")):
        if not path.is_dir() or path.name.startswith("."):
            continue
        name = f"chaos_{path.name.zfill(2)}"
        series, ground = path / "T2SPIR" / "DICOM_anon", path / "T2SPIR" / "Ground"
        if labelled:
            subjects.append(Subject(name, name, labelled=True, image=series, label=ground))
        else:
            subjects.append(Subject(name, name, labelled=False, use="unlabelled", image=series))
    return subjects


def _folder_problems(subject: Subject, folder: Path) -> list[str]:
    if not is_safe_name(subject.subject):
        return [f"{subject.subject}: {UNSAFE_NAME}"]
    needed = [path for path in (subject.image, subject.label) if path is not None]
    return [
        f"{place(path, folder)}: no such folder; to fix: download the archive again"
        for path in needed
        if not path.is_dir()
    ]


chaos = ChaosReader()
