"""Sources of a user's own files: images and masks paired by name, with an optional subjects table."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.paths import cohort_folder, table_files
from fewlabel.data.sources.base import FileReader
from fewlabel.data.subjects.channel_files import ChannelFiles, FilesBySubject, duplicates
from fewlabel.data.subjects.subject import ListingError, Subject
from fewlabel.data.subjects.subjects_table import SubjectRow, read_table
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed


def read_entries(tables: Sequence[Path], images: FilesBySubject) -> tuple[dict[str, SubjectRow], list[str]]:
    """The rows of the subjects table, if there is one, by subject; and its problems."""
    if len(tables) > 1:
        names = listed([table.name for table in tables])
        return {}, [f"{names}: two subjects tables; accepted: one; to fix: remove one, or set `subjects_table`"]
    return read_table(tables[0], images) if tables else ({}, [])


def pair(name: str, images: FilesBySubject, labels: FilesBySubject, entry: SubjectRow | None) -> Subject:
    """A subject with its image and, unless its use is unlabelled, its mask."""
    entry = entry or SubjectRow(patient=name, use="auto")
    label = labels[name][0] if name in labels and entry.use != "unlabelled" else None
    return Subject(name, entry.patient, labelled=label is not None, use=entry.use, image=images[name][0], label=label)


def use_problems(subjects: Sequence[Subject], labels_of: str) -> list[str]:
    """Problems of test subjects without a mask; `labels_of` is the path of a missing mask, with {} for the subject."""
    wrong = [subject.subject for subject in subjects if subject.use == "test" and not subject.labelled]
    return [
        f"subjects table: use 'test' of {name}, which has no label; accepted: auto, train, unlabelled, exclude; "
        f"to fix: add {labels_of.format(name)} or change the use"
        for name in wrong
    ]


P = TypeVar("P", bound=NiftiSource | MetaImageSource | RadialSource)


class PairedReader(FileReader[P]):
    """Lists the subjects of a folder of pairs."""

    accepted: str
    """Content of the folder, for messages."""

    @abstractmethod
    def pairs(self, source: P, folder: Path) -> tuple[ChannelFiles, FilesBySubject]:
        """The files of images, by channel and subject, and of masks by subject."""

    @abstractmethod
    def mask_name(self, source: P) -> str:
        """Name of a subject's mask in messages, with {} for the subject."""

    @abstractmethod
    def listing_problems(
        self, source: P, images: FilesBySubject, labels: FilesBySubject, subjects: Sequence[Subject]
    ) -> list[str]:
        """Problems of the names of images and masks, one line each."""

    def list_subjects(self, source: P) -> list[Subject]:
        """The subjects of the cohort by name, without those whose `use` is exclude.

        Opens no volume. `use` unlabelled hides a subject's mask.

        Raises:
            InputError: all problems of the listing: missing folder, no images, no labels, duplicate subjects, missing
                channels, labels without image, unsafe names, a bad subjects table.
        """
        folder = cohort_folder(source)
        if not folder.is_dir():
            raise InputError(
                f"{source.folder}: no such folder ({folder.absolute()}); accepted: {self.accepted}; to fix: set "
                "`folder` (below `data_root`, which defaults to the environment variable FEWLABEL_DATA, then to "
                "`data`; or an absolute path)"
            )
        files, labels = self.pairs(source, folder)
        images = files.images
        entries, table_problems = read_entries(table_files(source.subjects_table, folder), images)
        subjects = [files.complete(pair(name, images, labels, entries.get(name))) for name in sorted(images)]
        subjects = [subject for subject in subjects if subject.use != "exclude"]
        problems = [
            *self.listing_problems(source, images, labels, subjects),
            *files.problems([subject.subject for subject in subjects], folder),
            *duplicates(folder, labels),
            *table_problems,
            *use_problems(subjects, self.mask_name(source)),
        ]
        if not problems and not any(subject.labelled for subject in subjects):
            problems = [
                "subjects table: its uses leave no labelled subject; accepted: at least one; to fix: change a `use`"
            ]
        if problems:
            raise ListingError(f"{folder}:", problems, subjects)
        return subjects

    def tables(self, source: P, folder: Path) -> list[Path]:
        """The subjects tables that are present."""
        return [path for path in table_files(source.subjects_table, folder) if path.is_file()]
