"""Checks of memory and slices of a cohort's volumes on the working grid, from their headers alone."""

from collections.abc import Iterator, Mapping, Sequence

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


def grid_findings(
    source: Source, subjects: Sequence[Subject], grid: Grid, partitions: int
) -> tuple[list[str], list[str]]:
    """Problems and notes of volumes on the working grid; invalid headers are reported elsewhere.

    Args:
        partitions: most partitions of contrastive pretraining; a note names the volumes with fewer slices.

    Returns:
        Problems, one line a volume that is too large, and notes.
    """
    problems, thin = [], {}
    for name, frame in _frames(source, subjects, grid):
        if problem := frame.problem(grid):
            problems.append(f"{name}: {problem}")
        if frame.resampled[0] < partitions:
            thin[name] = frame.resampled[0]
    return problems, _thin_notes(thin, len(subjects), partitions)


def _thin_notes(thin: Mapping[str, int], subjects: int, partitions: int) -> list[str]:
    """One line on volumes with few slices, whose numbers `thin` holds."""
    if not thin:
        return []
    return [
        f"{len(thin)} of {subjects} volumes have fewer slices than the {partitions} partitions of contrastive "
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
