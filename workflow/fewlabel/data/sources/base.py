"""The interface of sources: list, check and read the volumes of a cohort.

Snakemake's rules import it and all sources, so numpy and the readers of files are imported in functions.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fewlabel.config.sources.base import FileSource, SourceSettings
from fewlabel.data.paths import cohort_folder
from fewlabel.data.sources.fingerprint import hash_files
from fewlabel.data.subjects.folder_contents import Unused
from fewlabel.data.subjects.subject import Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fewlabel.data.preprocessing.volume import Volume
    from fewlabel.data.subjects.reading import Hashes, Reading

S = TypeVar("S", bound=SourceSettings)
F = TypeVar("F", bound=FileSource)


class SourceReader(ABC, Generic[S]):
    """The implementation of a source; `S` is its specification."""

    @abstractmethod
    def list_subjects(self, source: S) -> list[Subject]:
        """The subjects by name; files are fetched if needed. Opens no volume.

        Raises:
            InputError: all problems of the listing (`ListingError`), or nothing can be listed.
        """

    @abstractmethod
    def read_volume(self, source: S, subject: Subject) -> "Volume":
        """One subject's image and mask (class numbers; None: no label) on the native grid; InputError: all problems."""

    @abstractmethod
    def geometry(self, source: S, subject: Subject) -> "tuple[tuple[int, ...], NDArray[Any]]":
        """A volume's shape (three axes) and affine (indices to RAS+ mm), without voxels. Raises InputError."""

    def check(self, source: S, subjects: Sequence[Subject], workers: int = 1, hashes: "Hashes" = None) -> list[str]:
        """Read every volume, on `workers` processes, and return all problems of the cohort, one line each.

        `hashes`, if given, receives the hash of each image (see `duplicate_volumes`), except of volumes made by code.
        """
        return []

    def acquired(self, source: S, subjects: Sequence[Subject]) -> tuple[int, int]:
        """Samples of radial k-space, of all coils and subjects, and the most coils; 0, 0: nothing is reconstructed."""
        return 0, 0


class FileReader(SourceReader[F]):
    """The implementation of a source whose volumes are files; `F` is its specification."""

    libraries: tuple[str, ...] = ("numpy", "scipy")
    """Libraries that reconstruct the image of a `Subject.computed`; other versions reconstruct it again."""

    @abstractmethod
    def hashed(self, source: F, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
        """The files of a cohort that results depend on: images, then masks and tables (hashed by their content)."""

    def fingerprint(self, source: F) -> str:
        """A hash of the cohort's own files (see `fewlabel.data.sources.fingerprint`); empty: there are none."""
        folder = cohort_folder(source)
        return hash_files(folder, *self.hashed(source, folder)) if folder.is_dir() else ""

    def images(self, source: F) -> tuple[Path, int]:
        """The folder of the images, and how many there are, from names alone."""
        folder = cohort_folder(source)
        return folder, len(self.hashed(source, folder)[0])

    def unused(self, source: F) -> list[Unused]:
        """Content of the cohort's folder that is not read, with the reason. Opens no volume, fetches nothing."""
        return []

    def contradictions(self, source: F) -> list[str]:
        """Problems of the cohort's files among each other that listing does not find, one line each."""
        return []

    def mask_remedy(self, source: F) -> str:
        """The remedy, for messages, for an image that is named like a mask."""
        return "accepted: images; to fix: move it to the masks and give it its image's name, or move it away"

    def files_of(self, source: F, subject: Subject) -> list[Path]:
        """Further files from which a subject's image is computed: none of its name, and not its mask."""
        return []

    def read(self, source: F, subject: Subject) -> "Reading":
        """Read one subject and find all problems: damaged files, bad values, image and mask on different grids."""
        from fewlabel.data.subjects import reading

        return reading.read(source, cohort_folder(source), subject)

    def examine(self, source: F, subject: Subject) -> "Reading":
        """Read as much of a subject as the check needs; overridden where reading is slow."""
        return self.read(source, subject)

    def read_volume(self, source: F, subject: Subject) -> "Volume":
        """See `SourceReader`."""
        from fewlabel.data.subjects import reading

        return reading.volume_of(
            FileReader.read(self, source, subject) if subject.further else self.read(source, subject)
        )

    def geometry(self, source: F, subject: Subject) -> "tuple[tuple[int, ...], NDArray[Any]]":
        """See `SourceReader`."""
        from fewlabel.data.formats.registry import geometry

        assert subject.image is not None
        return geometry(subject.image)

    def check(self, source: F, subjects: Sequence[Subject], workers: int = 1, hashes: "Hashes" = None) -> list[str]:
        """See `SourceReader`."""
        from fewlabel.data.subjects import reading

        return reading.check_all(source, subjects, partial(self._examined, source), workers, hashes)

    def _examined(self, source: F, subject: Subject) -> "Reading":
        return FileReader.read(self, source, subject) if subject.further else self.examine(source, subject)
