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
from fewlabel.data.subjects.image_mask_pairs import FilesBySubject, duplicates, pair, read_entries, use_problems
from fewlabel.data.subjects.subject import ListingError, Subject
from fewlabel.utils.errors import InputError

P = TypeVar("P", bound=NiftiSource | MetaImageSource | RadialSource)


class PairedReader(FileReader[P]):
    """Lists the subjects of a folder of pairs."""

    accepted: str
    """Content of the folder, for messages."""

    @abstractmethod
    def pairs(self, source: P, folder: Path) -> tuple[FilesBySubject, FilesBySubject]:
        """The files of images and of masks by subject."""

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
            InputError: with all problems of the listing: missing folder, no images, no labels, duplicate subjects,
                labels without image, unsafe names, a bad subjects table.
        """
        folder = cohort_folder(source)
        if not folder.is_dir():
            raise InputError(
                f"{source.folder}: no such folder; looked for {folder.absolute()}; accepted: {self.accepted}; set "
                "`folder` (beneath `data_root`, which defaults to the environment variable FEWLABEL_DATA, then to "
                "`data`; or an absolute path)"
            )
        images, labels = self.pairs(source, folder)
        entries, table_problems = read_entries(table_files(source.subjects_table, folder), images)
        subjects = [pair(name, images, labels, entries.get(name)) for name in sorted(images)]
        subjects = [subject for subject in subjects if subject.use != "exclude"]
        problems = [
            *self.listing_problems(source, images, labels, subjects),
            *duplicates(folder, images, labels),
            *table_problems,
            *use_problems(subjects, self.mask_name(source)),
        ]
        if not problems and not any(subject.labelled for subject in subjects):
            problems = ["subjects table: its uses leave no labelled subject; accepted: at least one; change a `use`"]
        if problems:
            raise ListingError(f"{folder}:", problems, subjects)
        return subjects

    def tables(self, source: P, folder: Path) -> list[Path]:
        """The subjects tables that are present."""
        return [path for path in table_files(source.subjects_table, folder) if path.is_file()]
