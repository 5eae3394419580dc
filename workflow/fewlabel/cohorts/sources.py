"""The sources of volumes, by `kind`; each is one module with the same three functions."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from fewlabel.cohorts.subject import Subject
from fewlabel.experiment import DecathlonSource, NiftiSource, PhantomSource, Source
from fewlabel.imaging.volume import Volume

S = TypeVar("S", bound=PhantomSource | NiftiSource | DecathlonSource, contravariant=True)


class SourceModule(Protocol[S]):
    """What a source must offer; a new kind is a module like this, its settings in `experiment` and a line below."""

    def list_subjects(self, source: S) -> list[Subject]:
        """The subjects by name; files are fetched where needed. Raises InputError with all problems of the listing."""

    def read_volume(self, source: S, subject: Subject) -> Volume:
        """One subject's image and mask (None without label). Raises InputError where the volume is no good."""

    def check(self, source: S, subjects: list[Subject]) -> list[str]:
        """Read every volume and return all problems of the cohort, one line each."""


def source_module(source: Source) -> SourceModule[Any]:
    """The module for a source's kind."""
    # Imported here: a cohort of phantoms needs no reader, one of files no phantom maker.
    match source:
        case PhantomSource():
            from fewlabel.cohorts import phantom

            return phantom
        case NiftiSource():
            from fewlabel.cohorts import nifti

            return nifti
        case DecathlonSource():
            from fewlabel.cohorts import decathlon

            return decathlon


def list_subjects(source: Source) -> list[Subject]:
    """The subjects of a cohort by name.

    Raises:
        InputError: with all problems of the listing.
    """
    return source_module(source).list_subjects(source)


def read_volume(source: Source, subject: Subject) -> Volume:
    """One subject's image and, where it is labelled, mask (1 inside), on the native grid.

    Raises:
        InputError: with all problems of this volume.
    """
    return source_module(source).read_volume(source, subject)


def check(source: Source, subjects: Sequence[Subject]) -> list[str]:
    """Read every volume of a cohort; all its problems, one line each (none: an empty list)."""
    return source_module(source).check(source, list(subjects))
