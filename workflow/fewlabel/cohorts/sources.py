"""The sources of volumes, by `kind`; each is one module with the same three functions."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from fewlabel.cohorts.subject import Subject
from fewlabel.experiment import (
    ChaosSource,
    DecathlonSource,
    MetaImageSource,
    NiftiSource,
    PhantomSource,
    RadialSource,
    Source,
)
from fewlabel.imaging.volume import Volume

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
        case MetaImageSource():
            from fewlabel.cohorts import metaimage

            return metaimage
        case ChaosSource():
            from fewlabel.cohorts import chaos

            return chaos
        case RadialSource():
            from fewlabel.cohorts import radial

            return radial


def list_subjects(source: Source) -> list[Subject]:
    """The subjects of a cohort by name, and behind them those of its `unlabelled` folder.

    Raises:
        InputError: with all problems of the listing.
    """
    subjects = source_module(source).list_subjects(source)
    if isinstance(source, PhantomSource) or source.unlabelled is None:
        return subjects
    from fewlabel.cohorts.unlabelled import list_unlabelled

    return [*subjects, *list_unlabelled(source, {subject.subject for subject in subjects})]


def read_volume(source: Source, subject: Subject) -> Volume:
    """One subject's image and, where it is labelled, mask (1 inside), on the native grid.

    Raises:
        InputError: with all problems of this volume.
    """
    return source_module(source).read_volume(source, subject)


def check(source: Source, subjects: Sequence[Subject]) -> list[str]:
    """Read every volume of a cohort; all its problems, one line each (none: an empty list)."""
    return source_module(source).check(source, list(subjects))
