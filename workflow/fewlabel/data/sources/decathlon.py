"""The source `decathlon`: a task of the Medical Segmentation Decathlon in its layout, downloaded if missing.

<task>/dataset.json                     lists of the files below
<task>/imagesTr/<subject>.nii.gz        images with labels; 4D where there are several modalities
<task>/labelsTr/<subject>.nii.gz
<task>/imagesTs/<subject>.nii.gz        images whose labels are not public
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.sources.base import FileReader
from fewlabel.data.sources.decathlon_files.listing import (
    PARTS,
    DecathlonVolume,
    Listing,
    contradictions_of,
    names_of,
    read_listing,
    settings_problems,
)
from fewlabel.data.sources.fingerprint import UNPACKED, as_unpacked, hash_files
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.data.subjects.folder_contents import Unused, contents, unread_content
from fewlabel.data.subjects.subject import ListingError, Subject
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed

if TYPE_CHECKING:
    from fewlabel.data.subjects.reading import Hashes, Reading

KNOWN = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
}
"""MD5 of the archives of the tasks in MR, for messages; downloads use only that of the settings."""
MIRROR = "https://msd-for-monai.s3-us-west-2.amazonaws.com"


class DecathlonReader(FileReader[DecathlonSource]):
    """Implementation of the source `decathlon`."""

    def fetch(self, source: DecathlonSource) -> Path:
        """Provide the task's folder: use an existing one, unpack its archive, or download it.

        Raises:
            InputError: no folder, archive or `url`; a failed download; a wrong MD5; a bad or incomplete archive.
        """
        folder = cohort_folder(source)
        if folder.is_dir():
            return folder
        from fewlabel.data.download import archive
        from fewlabel.data.download.checksums import verify
        from fewlabel.data.download.download import download

        tar = folder.with_name(f"{source.task}.tar")
        if not tar.is_file():
            if source.url is None or source.md5 is None:
                raise InputError(_nothing_there(source, folder, tar))
            download(source.url, f"md5:{source.md5}", tar)
        elif source.md5 is not None:
            verify(tar, f"md5:{source.md5}")
        archive.unpack(tar, folder, _finish)
        return folder

    def list_subjects(self, source: DecathlonSource) -> list[Subject]:
        """The subjects of the task by name: `training` with labels, `test` without. Opens no volume; may download.

        Raises:
            InputError: see `fetch`; or all problems of the listing: missing or bad `dataset.json`, missing files,
                unsafe names, duplicates, unknown channels or label values.
        """
        folder = self.fetch(source)
        listing, problems = read_listing(folder)
        problems += settings_problems(source, listing)
        if not problems and not any(entry.label for entry in listing.entries):
            problems = ["dataset.json: no labels ('training' is empty); accepted: the task as it is published"]
        if problems and (layout := recognised(folder)):
            problems = [f"the folder is {layout}"]
        subjects = sorted((_subject(folder, entry) for entry in listing.entries), key=lambda subject: subject.subject)
        if problems:
            raise ListingError(f"{folder}:", problems, subjects)
        return subjects

    def contradictions(self, source: DecathlonSource) -> list[str]:
        """See `FileReader`: in `dataset.json`, or between it and the files; none if the folder is missing."""
        folder = cohort_folder(source)
        listing, problems = read_listing(folder)
        unread = problems and not listing.entries
        return [] if unread or recognised(folder) else contradictions_of(folder, listing)

    def unused(self, source: DecathlonSource) -> list[Unused]:
        """See `FileReader`; `contradictions` reports volumes missing in `dataset.json`."""
        folder = cohort_folder(source)
        read_paths = [folder / name for name in (*PARTS, "dataset.json", UNPACKED)]
        return [
            *(one for part in PARTS for one in contents(folder / part).unused),
            *unread_content(folder, read_paths, has_table=True),
        ]

    def hashed(self, source: DecathlonSource, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """See `FileReader`."""
        return _hashed(folder)

    def fingerprint(self, source: DecathlonSource) -> str:
        """See `FileReader`; empty for an unchanged unpacked folder, so that unpacking makes no results old."""
        current = super().fingerprint(source)
        return "" if current == as_unpacked(cohort_folder(source)) else current

    def images(self, source: DecathlonSource) -> tuple[Path, int]:
        """See `FileReader`."""
        folder = cohort_folder(source) / "imagesTr"
        return folder, len(contents(folder).used)

    def check(
        self, source: DecathlonSource, subjects: Sequence[Subject], workers: int = 1, hashes: "Hashes" = None
    ) -> list[str]:
        """See `SourceReader`."""
        from fewlabel.data.subjects import reading

        folder = cohort_folder(source)
        listing, _ = read_listing(folder)
        read_one = partial(_read_named, source, folder, listing)
        return reading.check_all(source, subjects, read_one, workers, hashes)


def _hashed(folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    images = [*contents(folder / "imagesTr").counted, *contents(folder / "imagesTs").counted]
    listing = folder / "dataset.json"
    return images, [*contents(folder / "labelsTr").counted, *([listing] if listing.is_file() else [])]


def _read_named(source: DecathlonSource, folder: Path, listing: Listing, subject: Subject) -> "Reading":
    """Read a subject, and compare its mask's values and its channels with those named in `dataset.json`."""
    from fewlabel.data.subjects.reading import read

    reading, named = read(source, folder, subject), listing.values or {}
    unknown = sorted(value for value in reading.values if value and value not in named) if named else []
    if unknown and subject.label is not None:
        reading.problems.append(
            f"{place(subject.label, folder)}: unknown values {listed(unknown)}; accepted: 0: background, "
            f"{names_of(named)} (dataset.json); to fix: download the task again"
        )
    if subject.image is not None and subject.image.parent.parent == folder and reading.volume is not None:
        reading.problems += _channel_problems(subject.image, place(subject.image, folder), listing.modalities or {})
    return reading


def _channel_problems(image: Path, name: str, modalities: Mapping[int, str]) -> list[str]:
    from fewlabel.data.formats.nifti_header import axes_of, open_file

    shape = axes_of(open_file(image))
    channels = shape[3] if len(shape) > 3 else 1
    if not modalities or channels == len(modalities):
        return []
    return [
        f"{name}: {channels} channels, dataset.json names {len(modalities)}: {names_of(modalities)}; to fix: correct it"
    ]


def _nothing_there(source: DecathlonSource, folder: Path, tar: Path) -> str:
    md5 = KNOWN.get(source.task)
    where = f"`url: {MIRROR}/{tar.name}` and `md5: {md5}`" if md5 else "`url` and `md5` of the archive"
    return (
        f"{source.task}: no such task; accepted: the folder {folder.absolute()} or the archive {tar.absolute()}; "
        f"to fix: place one there (`data_root` or FEWLABEL_DATA names the folder), or set {where} to download it"
    )


def _finish(folder: Path) -> None:
    """Refuse the folder of an incomplete archive; record the fingerprint of a complete one."""
    _, problems = read_listing(folder)
    if problems:
        raise InputError.of(
            problems, heading=f"{folder.name}.tar: incomplete; to fix: remove it and download it again:"
        )
    (folder / UNPACKED).write_text(hash_files(folder, *_hashed(folder)), encoding="utf-8")


def _subject(folder: Path, entry: DecathlonVolume) -> Subject:
    if entry.label is None:
        return Subject(entry.subject, entry.subject, labelled=False, use="unlabelled", image=folder / entry.image)
    return Subject(entry.subject, entry.subject, labelled=True, image=folder / entry.image, label=folder / entry.label)


decathlon = DecathlonReader()
