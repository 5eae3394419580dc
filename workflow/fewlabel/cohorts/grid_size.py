"""Whether a cohort's volumes fit the working grid in memory, told by headers alone."""

from collections.abc import Sequence

from fewlabel.cohorts.formats import geometry
from fewlabel.cohorts.layout import cohort_folder, place
from fewlabel.cohorts.problems import implausible, invertible
from fewlabel.cohorts.subject import Subject
from fewlabel.errors import InputError
from fewlabel.experiment import Grid, PhantomSource, Source
from fewlabel.imaging.preprocess import Frame


def grid_problems(source: Source, subjects: Sequence[Subject], grid: Grid) -> list[str]:
    """Volumes that are too large on the working grid, one line each. Headers that are no good are passed over: the
    check of the files tells of them."""
    if isinstance(source, PhantomSource):
        return []
    found = []
    for path in (subject.image for subject in subjects if subject.image is not None):
        try:
            shape, affine = geometry(path)
        except InputError:
            continue
        if not invertible(affine) or implausible(affine):
            continue
        if problem := Frame.of(shape, affine, grid).problem(grid):
            found.append(f"{place(path, cohort_folder(source))}: {problem}")
    return found
