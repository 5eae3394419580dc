"""The source `radial`: radial multi-coil data with NIfTI masks, reconstructed and de-streaked by the settings.

images/<subject>.h5 or .mrd                                      k-space and its trajectory: HDF5 or ISMRMRD
images/<subject>.npy                                             complex coil images (row, column, slice, coil)
images/<subject>_magnitude.nii.gz, <subject>_phase.nii.gz        the same as two 4D files
images/<subject>_real.nii.gz, <subject>_imaginary.nii.gz         the same as two 4D files
labels/<subject>.nii.gz                                          subjects with a mask, on the grid of the image
<interference>/<subject>.nii.gz                                  optional: regions with streaks, on the same grid
subjects.tsv                                                     optional: subject, patient, use
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.paths import (
    FIRST_PARTS,
    NIFTI_SUFFIXES,
    RADIAL_SUFFIXES,
    SECOND_PARTS,
    UNSAFE_NAME,
    VOLUME_NAMES,
    VOLUME_SUFFIXES,
    cohort_folder,
    ends_with,
    place,
    stem,
    table_files,
    visible_files,
)
from fewlabel.data.sources.paired import PairedReader
from fewlabel.data.subjects.channel_files import ChannelFiles, FilesBySubject, by_subject, duplicates
from fewlabel.data.subjects.folder_contents import Unused, contents, unread_content
from fewlabel.data.subjects.subject import Subject, is_safe_name
from fewlabel.utils.formatting import listed

if TYPE_CHECKING:
    from fewlabel.data.subjects.reading import Reading

IMAGE_SUFFIXES = (*RADIAL_SUFFIXES, *NIFTI_SUFFIXES)


class RadialReader(PairedReader[RadialSource]):
    """Implementation of the source `radial`."""

    accepted = "a folder with images/ and labels/"
    libraries = ("finufft", "numpy", "scipy")

    def list_subjects(self, source: RadialSource) -> list[Subject]:
        """See `PairedReader`; images are computed from these files."""
        return [replace(subject, computed=True) for subject in super().list_subjects(source)]

    def pairs(self, source: RadialSource, folder: Path) -> tuple[ChannelFiles, FilesBySubject]:
        """See `PairedReader`."""
        return ChannelFiles({}, {"": _images(folder / "images")}, ()), by_subject(contents(folder / "labels").used)

    def mask_name(self, source: RadialSource) -> str:
        """See `PairedReader`."""
        return "labels/{}.nii.gz"

    def listing_problems(
        self, source: RadialSource, images: FilesBySubject, labels: FilesBySubject, subjects: Sequence[Subject]
    ) -> list[str]:
        """See `PairedReader`; masks of the interference are listed like labels."""
        folder = cohort_folder(source)
        streaks = interference_folder(source)
        interference = {} if streaks is None else by_subject(contents(streaks).used)
        problems = [f"{name}: {UNSAFE_NAME}" for name in images if not is_safe_name(name)]
        if not images:
            problems.append(f"images/: no images; accepted: {', '.join(RADIAL_SUFFIXES)}, or pairs of NIfTI files")
        if not any(subject.labelled for subject in subjects):
            problems.append(f"labels/: no labelled subject; accepted: {VOLUME_NAMES}, named as its image, at least one")
        for where, masks in (("labels", labels), (place(streaks or folder, folder), interference)):
            orphans = [name for name in masks if name not in images]
            if orphans and images:
                what = f"no image of the same name in images/ for {listed(orphans)}"
                problems.append(f"{where}/: {what}; to fix: rename or remove them")
        return [*problems, *duplicates(folder, interference)]

    def hashed(self, source: RadialSource, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """See `FileReader`."""
        masks = [folder / "labels", *([streaks] if (streaks := interference_folder(source)) else [])]
        tables = self.tables(source, folder)
        labels, *interference = (contents(part).counted for part in masks)
        return visible_files(folder / "images", ("",)), [
            *labels,
            *tables,
            *(path for part in interference for path in part),
        ]

    def images(self, source: RadialSource) -> tuple[Path, int]:
        """See `FileReader`."""
        folder = cohort_folder(source) / "images"
        pairs = tuple(part + suffix for part in FIRST_PARTS for suffix in NIFTI_SUFFIXES)
        return folder, len(visible_files(folder, (*RADIAL_SUFFIXES, *pairs)))

    def unused(self, source: RadialSource) -> list[Unused]:
        """See `FileReader`."""
        folder, streaks = cohort_folder(source), interference_folder(source)
        masks = [folder / "labels", *([streaks] if streaks else [])]
        tables = table_files(source.subjects_table, folder)
        inside = [one for part in masks for one in contents(part).unused]
        unused = [*contents(folder / "images", IMAGE_SUFFIXES).unused, *inside]
        return [*unused, *unread_content(folder, [folder / "images", *masks, *tables], has_table=bool(tables))]

    def files_of(self, source: RadialSource, subject: Subject) -> list[Path]:
        """See `FileReader`: the mask of the interference."""
        mask = interference_mask(source, subject.subject)
        return [] if mask is None else [mask]

    def read(self, source: RadialSource, subject: Subject) -> "Reading":
        """Reconstruct one subject: magnitude or T2 (ms) on the grid (row, column, slice) of the scan, and its mask."""
        from fewlabel.data.sources.radial_files.reading import read

        return read(source, subject)

    def examine(self, source: RadialSource, subject: Subject) -> "Reading":
        """Check a subject's files without reconstruction, which takes minutes a volume."""
        from fewlabel.data.sources.radial_files.reading import read

        return read(source, subject, reconstructs=False)

    def acquired(self, source: RadialSource, subjects: Sequence[Subject]) -> tuple[int, int]:
        """See `SourceReader`."""
        from fewlabel.data.sources.radial_files.reading import acquired

        return acquired(subjects)


def interference_folder(source: RadialSource) -> Path | None:
    """The folder of interference masks; None if the settings name none."""
    return None if source.interference is None else cohort_folder(source) / source.interference


def interference_mask(source: RadialSource, subject: str) -> Path | None:
    """The path of a subject's interference mask, which may not exist; None if the settings name no folder."""
    folder = interference_folder(source)
    if folder is None:
        return None
    paths = sorted(path for path in folder.glob("*") if ends_with(path, VOLUME_SUFFIXES) and stem(path) == subject)
    return next((path for path in paths if path.is_file()), folder / f"{subject}.nii.gz")


def _images(folder: Path) -> FilesBySubject:
    images: FilesBySubject = {}
    for path in contents(folder, IMAGE_SUFFIXES).used:
        name = stem(path)
        in_pairs = ends_with(path, NIFTI_SUFFIXES)
        if in_pairs and name.endswith(SECOND_PARTS):
            continue
        part = next((part for part in FIRST_PARTS if in_pairs and name.endswith(part)), "")
        images.setdefault(name.removesuffix(part), []).append(path)
    return images


radial = RadialReader()
