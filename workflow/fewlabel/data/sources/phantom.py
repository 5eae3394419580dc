"""The source `phantom`: synthetic volumes computed by `fewlabel.data.phantoms`, without files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.sources.base import SourceReader
from fewlabel.data.subjects.subject import Subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fewlabel.data.preprocessing.volume import Volume


class PhantomReader(SourceReader[PhantomSource]):
    """Implementation of the source `phantom`."""

    def list_subjects(self, source: PhantomSource) -> list[Subject]:
        """See `SourceReader`."""
        from fewlabel.data.phantoms.source import list_subjects

        return list_subjects(source)

    def read_volume(self, source: PhantomSource, subject: Subject) -> "Volume":
        """See `SourceReader`."""
        from fewlabel.data.phantoms.source import read_volume

        return read_volume(source, subject)

    def geometry(self, source: PhantomSource, subject: Subject) -> "tuple[tuple[int, ...], NDArray[Any]]":
        """See `SourceReader`; ignores that phantoms are oblique by a few degrees."""
        import numpy as np

        from fewlabel.data.phantoms.source import native_shape

        return native_shape(source, subject), np.diag([-source.pixel_mm, -source.pixel_mm, source.slice_mm, 1.0])

    def acquired(self, source: PhantomSource, subjects: Sequence[Subject]) -> tuple[int, int]:
        """See `SourceReader`."""
        if source.radial is None:
            return 0, 0
        from fewlabel.data.phantoms.source import native_shape
        from fewlabel.data.reconstruction.radial.trajectory import OVERSAMPLING

        coils, spokes = source.radial.coils, source.radial.spokes
        shapes = [native_shape(source, subject) for subject in subjects]
        return sum(z * coils * spokes * OVERSAMPLING * max(x, y) for x, y, z in shapes), coils


phantom = PhantomReader()
