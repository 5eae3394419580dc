"""The sources of volumes, by `kind`; each is one module with the same three functions."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.paths import FileSource, cohort_folder, place
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.subjects.folder_contents import Unused, lines
from fewlabel.data.subjects.subject import ListingError, Subject
from fewlabel.data.subjects.suspicious_names import name_notes, name_problems, patient_notes

if TYPE_CHECKING:
    from fewlabel.data.subjects.reading import Noted

S = TypeVar(
    "S",
    bound=PhantomSource | NiftiSource | DecathlonSource | MetaImageSource | ChaosSource | RadialSource,
    contravariant=True,
)


class SourceModule(Protocol[S]):
    """What a source must offer; a new kind is a module like this, its settings in `experiment` and a line below."""

    def list_subjects(self, source: S) -> list[Subject]:
        """The subjects by name; files are fetched where needed. Raises InputError with all problems of the listing."""

    def read_volume(self, source: S, subject: Subject) -> Volume:
        """One subject's image and mask (None without label). Raises InputError where the volume is no good."""

    def unused(self, source: S) -> list[Unused]:
        """Content of the cohort's folder that is not read, with the reason. Opens no volume."""

    def check(self, source: S, subjects: list[Subject], workers: int = 1, seen: "Noted" = None) -> list[str]:
        """Read every volume, on `workers` processes, and return all problems of the cohort, one line each.

        `seen`, if given, receives the hash of each image (see `same_voxels`), except of volumes made by code.
        """


def source_module(source: Source) -> SourceModule[Any]:
    """The module for a source's kind."""
    # Imported here: a cohort of phantoms needs no reader, one of files no phantom maker.
    match source:
        case PhantomSource():
            from fewlabel.data.phantoms import source as phantom

            return phantom
        case NiftiSource():
            from fewlabel.data.sources import nifti

            return nifti
        case DecathlonSource():
            from fewlabel.data.sources import decathlon

            return decathlon
        case MetaImageSource():
            from fewlabel.data.sources import metaimage

            return metaimage
        case ChaosSource():
            from fewlabel.data.sources import chaos

            return chaos
        case RadialSource():
            from fewlabel.data.sources import radial

            return radial


def list_subjects(source: Source) -> list[Subject]:
    """The subjects of a cohort by name, and behind them those of its `unlabelled` folder.

    Raises:
        InputError: with all problems of the listing, most often a `ListingError`; or nothing can be listed.
    """
    subjects, problems, heading = _listed(source)
    if problems:
        raise ListingError(heading, problems, subjects)
    return subjects


def survey(source: Source) -> tuple[list[Subject], list[str], str]:
    """The same before the cohort is used: problems of the listing must not hide those of the volumes.

    Returns:
        The listed subjects; the problems, one line each, including unread files that look like volumes and images
        named like masks; the place of the problems.

    Raises:
        InputError: nothing can be listed: no such folder, a download that failed.
    """
    subjects, problems, heading = _listed(source)
    if isinstance(source, PhantomSource):
        return subjects, problems, heading
    folder = cohort_folder(source)
    further = [*lines(unread(source), folder, stopping=True), *_name_problems(source, subjects)]
    if isinstance(source, DecathlonSource):
        from fewlabel.data.sources.decathlon import contradictions

        further += contradictions(source)
    return subjects, [*problems, *further], heading or (f"{folder}:" if further else "")


def notes(source: Source) -> list[str]:
    """Notes on a valid cohort: files that are not read, and names to check."""
    if isinstance(source, PhantomSource):
        return []
    subjects = _listed(source)[0]
    found = [*name_notes([one.subject for one in subjects]), *patient_notes([one.patient for one in subjects])]
    return [*lines(unread(source), cohort_folder(source), stopping=False), *found]


def unread(source: FileSource) -> list[Unused]:
    """Content of a cohort's folders that is not read, with the reason. Opens no volume, fetches nothing."""
    from fewlabel.data.sources import unlabelled

    return [*source_module(source).unused(source), *unlabelled.unused(source)]


def _name_problems(source: FileSource, subjects: Sequence[Subject]) -> list[str]:
    cure = (
        f"to fix: set `label_suffix` (now {source.label_suffix}) to the suffix of masks, or move it away"
        if isinstance(source, MetaImageSource)
        else "accepted: images; to fix: move it to the masks and give it its image's name, or move it away"
    )
    images = {subject.subject: subject.image for subject in subjects if subject.image is not None}
    return name_problems({name: place(image, cohort_folder(source)) for name, image in images.items()}, cure)


def _listed(source: Source) -> tuple[list[Subject], list[str], str]:
    """Subjects and problems of the listings of the cohort and of its `unlabelled` folder."""
    subjects, problems, heading = _attempt(lambda: source_module(source).list_subjects(source))
    if isinstance(source, PhantomSource) or source.unlabelled is None:
        return subjects, problems, heading
    from fewlabel.data.sources.unlabelled import list_unlabelled

    taken = {subject.subject for subject in subjects}
    further, found, second = _attempt(lambda: list_unlabelled(source, taken))
    return [*subjects, *further], problems + found, heading or second


def _attempt(listing: Callable[[], list[Subject]]) -> tuple[list[Subject], list[str], str]:
    try:
        return listing(), [], ""
    except ListingError as error:
        return error.subjects, error.problems, error.heading


def read_volume(source: Source, subject: Subject) -> Volume:
    """One subject's image and, where it is labelled, mask (1 inside), on the native grid.

    Raises:
        InputError: with all problems of this volume.
    """
    return source_module(source).read_volume(source, subject)


def check(source: Source, subjects: Sequence[Subject], workers: int = 1, seen: "Noted" = None) -> list[str]:
    """Read every volume of a cohort and return its problems, one line each; see `SourceModule`."""
    return source_module(source).check(source, list(subjects), workers, seen)
