"""Checks of memory and slices of a cohort's volumes on the working grid, from their headers alone."""

from collections.abc import Iterator, Sequence

from fewlabel.config.cohort import Grid
from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.formats.checks import implausible, invertible
from fewlabel.data.paths import cohort_folder, place
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.data.sources.registry import geometry
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed


def grid_problems(source: Source, subjects: Sequence[Subject], grid: Grid) -> list[str]:
    """Messages on volumes that are too large on the working grid; invalid headers are reported elsewhere."""
    return [f"{name}: {problem}" for name, frame in _frames(source, subjects, grid) if (problem := frame.problem(grid))]


def thin_notes(source: Source, subjects: Sequence[Subject], grid: Grid, partitions: int) -> list[str]:
    """One line on volumes with fewer slices on the working grid than partitions in contrastive pretraining."""
    thin = {name: frame.resampled[0] for name, frame in _frames(source, subjects, grid)}
    thin = {name: slices for name, slices in thin.items() if slices < partitions}
    if not thin:
        return []
    return [
        f"{len(thin)} of {len(subjects)} volumes have fewer slices than the {partitions} partitions of contrastive "
        f"pretraining: {listed([f'{name} ({slices})' for name, slices in thin.items()])}; each of their slices "
        "represents several parts; to fix: lower `partitions` if many volumes are affected"
    ]


def _frames(source: Source, subjects: Sequence[Subject], grid: Grid) -> Iterator[tuple[str, Frame]]:
    """The working-grid frames of volumes, with the names of their files."""
    if not isinstance(source, FileSource):
        return
    folder = cohort_folder(source)
    for subject in subjects:
        try:
            shape, affine = geometry(source, subject)
        except InputError:
            continue
        if invertible(affine) and not implausible(affine):
            assert subject.image is not None
            yield place(subject.image, folder), Frame.of(shape, affine, grid)
