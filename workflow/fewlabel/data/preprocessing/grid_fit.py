"""How a cohort's volumes fit the working grid, in memory and in slices, from their headers alone."""

from collections.abc import Iterator, Sequence

from fewlabel.config.cohort import Grid
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.registry import Source
from fewlabel.data.formats.checks import implausible, invertible
from fewlabel.data.formats.registry import geometry
from fewlabel.data.paths import cohort_folder, listed, place
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError


def grid_problems(source: Source, subjects: Sequence[Subject], grid: Grid) -> list[str]:
    """Volumes that are too large on the working grid, one line each. Invalid headers are skipped: the check of the
    files reports them."""
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
    if isinstance(source, PhantomSource):
        return
    for path in (subject.image for subject in subjects if subject.image is not None):
        try:
            shape, affine = geometry(path)
        except InputError:
            continue
        if invertible(affine) and not implausible(affine):
            yield place(path, cohort_folder(source)), Frame.of(shape, affine, grid)
