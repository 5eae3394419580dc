"""Find the implementation of a source, and list, check and read volumes of any source.

A source has a specification (`fewlabel.config.sources`), registered by its `kind`, and an implementation, an object of
`fewlabel.data.sources.base.SourceReader` or, for files, of `FileReader`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from fewlabel.config.extensions import implementation
from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.paths import UNSAFE_NAME, cohort_folder, place
from fewlabel.data.subjects.folder_contents import Unused, unread_lines
from fewlabel.data.subjects.subject import ListingError, Subject, is_safe_name
from fewlabel.data.subjects.suspicious_names import name_notes, name_problems, patient_notes
from fewlabel.utils.errors import InputError
from fewlabel.utils.optional_dependencies import require_radial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fewlabel.data.preprocessing.volume import Volume
    from fewlabel.data.sources.base import FileReader, SourceReader
    from fewlabel.data.subjects.reading import Hashes


def reader(source: Source) -> "SourceReader[Any]":
    """The implementation of a source. Raises InputError: it cannot be imported, is none, or lacks a library."""
    if source.reconstruction is not None:
        require_radial(f"kind: {source.kind}" if isinstance(source, FileSource) else "radial")
    owner = f"kind {source.kind} ({type(source).__name__})"
    return _reader(source.implementation, owner, isinstance(source, FileSource))


def reader_problem(source: Source) -> str:
    """The reason that a source cannot be used here; empty if it can."""
    try:
        reader(source)
    except InputError as error:
        return str(error)
    return ""


def file_reader(source: FileSource) -> "FileReader[Any]":
    """The implementation of a source whose volumes are files."""
    return cast("FileReader[Any]", reader(source))


@cache
def _reader(reference: str, owner: str, of_files: bool) -> "SourceReader[Any]":
    from fewlabel.data.sources.base import FileReader, SourceReader

    base = FileReader if of_files else SourceReader
    source_reader = implementation(reference, owner)
    if not isinstance(source_reader, base):
        raise InputError(
            f"{owner}: its implementation {reference!r} is of the class {type(source_reader).__name__}; accepted: an "
            f"object of the class {base.__module__}.{base.__name__}; to fix: report it to the authors of the extension"
        )
    return source_reader


def list_subjects(source: Source) -> list[Subject]:
    """The subjects of a cohort by name, followed by those of its `unlabelled` folder.

    Raises:
        InputError: all problems of the listing, most often a `ListingError`; or nothing can be listed.
    """
    subjects, problems, heading = _listed(source)
    if problems:
        raise ListingError(heading, problems, subjects)
    return subjects


def survey(source: Source) -> tuple[list[Subject], list[str], str]:
    """List a cohort before its first use: problems of the listing must not hide those of the volumes.

    Returns:
        The listed subjects; the problems, one line each, including unread files that look like volumes and images
        named like masks; the place of the problems.

    Raises:
        InputError: nothing can be listed: no such folder, a download that failed.
    """
    subjects, problems, heading = _listed(source)
    if not isinstance(source, FileSource):
        return subjects, problems, heading
    folder = cohort_folder(source)
    further = [*unread_lines(unread(source), folder, stopping=True), *_name_problems(source, subjects)]
    further += file_reader(source).contradictions(source)
    return subjects, [*problems, *further], heading or (f"{folder}:" if further else "")


def notes(source: Source) -> list[str]:
    """Notes on a valid cohort: files that are not read, and names to check."""
    if not isinstance(source, FileSource):
        return []
    subjects = _listed(source)[0]
    name_lines = [*name_notes([one.subject for one in subjects]), *patient_notes([one.patient for one in subjects])]
    return [*unread_lines(unread(source), cohort_folder(source), stopping=False), *name_lines]


def unread(source: FileSource) -> list[Unused]:
    """Content of a cohort's folders that is not read, with the reason. Opens no volume, fetches nothing."""
    from fewlabel.data.sources import unlabelled

    return [*file_reader(source).unused(source), *unlabelled.unused(source)]


def _name_problems(source: FileSource, subjects: Sequence[Subject]) -> list[str]:
    images = {subject.subject: subject.image for subject in subjects if subject.image is not None}
    places = {name: place(image, cohort_folder(source)) for name, image in images.items()}
    return name_problems(places, file_reader(source).mask_remedy(source))


def _listed(source: Source) -> tuple[list[Subject], list[str], str]:
    """Subjects and problems of the listings of the cohort and of its `unlabelled` folder."""
    subjects, problems, heading = _attempt(lambda: reader(source).list_subjects(source))
    if not problems:
        problems = _listed_names(subjects)
    if not isinstance(source, FileSource) or source.unlabelled is None:
        return subjects, problems, heading
    from fewlabel.data.sources.unlabelled import list_unlabelled

    names = {subject.subject for subject in subjects}
    further, further_problems, second = _attempt(lambda: list_unlabelled(source, names))
    return [*subjects, *further], problems + further_problems, heading or second


def _listed_names(subjects: Sequence[Subject]) -> list[str]:
    """Names that no implementation may list: those unsafe in paths, and repeated ones."""
    counts = Counter(subject.subject for subject in subjects)
    problems = [f"{name}: {UNSAFE_NAME}" for name in counts if not is_safe_name(name)]
    return [*problems, *(f"duplicate subject {name}; accepted: each once" for name in counts if counts[name] > 1)]


def _attempt(listing: Callable[[], list[Subject]]) -> tuple[list[Subject], list[str], str]:
    try:
        return listing(), [], ""
    except ListingError as error:
        return error.subjects, error.problems, error.heading


def read_volume(source: Source, subject: Subject) -> "Volume":
    """One subject's image and mask (class numbers; None: no label), native grid. Raises InputError: all problems."""
    return reader(source).read_volume(source, subject)


def geometry(source: Source, subject: Subject) -> "tuple[tuple[int, ...], NDArray[Any]]":
    """A volume's shape and affine, see `SourceReader`; those of the folder `unlabelled` alike for every source."""
    if not subject.further:
        return reader(source).geometry(source, subject)
    from fewlabel.data.formats.registry import geometry as of_file

    assert subject.image is not None
    return of_file(subject.image)


def check(source: Source, subjects: Sequence[Subject], workers: int = 1, hashes: "Hashes" = None) -> list[str]:
    """Read every volume of a cohort and return its problems, one line each; see `SourceReader`."""
    return reader(source).check(source, subjects, workers, hashes)
