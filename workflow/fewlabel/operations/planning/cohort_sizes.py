"""The size of a cohort, known or assumed before it is prepared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fewlabel.config.cohort import Cohort, Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import largest_n
from fewlabel.config.sources.base import FileSource
from fewlabel.config.study_layout import STORE, SUBJECTS
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.paths import is_present
from fewlabel.data.preprocessing.working_grid import Frame, working_slices
from fewlabel.data.reconstruction.radial.trajectory import OVERSAMPLING
from fewlabel.data.sources import registry
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError

ASSUMED_SLICES = 32
"""Slices of a volume without files."""
ASSUMED_COILS, ASSUMED_SPOKES = 16, 192
"""Of a radial acquisition without files."""


@dataclass(frozen=True)
class CohortSize:
    """Properties of a cohort that determine its cost."""

    # subjects, labelled, tested: numbers; with folds, tested in the largest fold
    subjects: int
    labelled: int
    tested: int
    slices: int  # of all subjects, on the working grid
    voxels: int  # of all subjects, on their native grids
    source: str  # of these numbers, or the assumption
    samples: int = 0  # of radial k-space, of all coils and subjects; 0: no k-space
    coils: int = 0  # of a subject; 0: no coil combination

    @property
    def voxels_each(self) -> float:
        """Native voxels of a subject."""
        return self.voxels / self.subjects


def cohort_size(experiment: Experiment, name: str, folder: Path) -> CohortSize:
    """The size of a cohort: from settings, prepared slices (in `folder`), file headers, or assumed.

    Raises:
        InputError: its files are invalid.
    """
    cohort = experiment.cohorts[name]
    if cohort.folds is not None:
        # The fewest test subjects of a fold that leave enough others for the largest N.
        size = _size(experiment, cohort, folder, math.ceil(largest_n(experiment) / (cohort.folds - 1)))
        return replace(size, tested=math.ceil(size.labelled / cohort.folds))
    return _size(experiment, cohort, folder, cohort.test if isinstance(cohort.test, int) else len(cohort.test))


def _size(experiment: Experiment, cohort: Cohort, folder: Path, tested: int) -> CohortSize:
    if not isinstance(cohort.source, FileSource):
        return _of_subjects(cohort, tested, "its settings")
    if (folder / STORE).is_file():
        return _of_slices(read_subjects(folder / SUBJECTS), cohort.grid, tested)
    if is_present(cohort.source):
        return _of_subjects(cohort, tested, "the headers of {} files")
    return _assumed(experiment, cohort, tested)


def _of_subjects(cohort: Cohort, tested: int, where: str) -> CohortSize:
    subjects = registry.list_subjects(cohort.source)
    frames = _frames(cohort, subjects)
    slices = sum(frame.resampled[0] for frame in frames)
    voxels = sum(math.prod(frame.native) for frame in frames)
    labelled = sum(subject.labelled for subject in subjects)
    acquired = registry.reader(cohort.source).acquired(cohort.source, subjects)
    origin = f"known from {where.format(len(subjects))}"
    return CohortSize(len(subjects), labelled, tested, slices, voxels, origin, *acquired)


def _of_slices(table: pd.DataFrame, grid: Grid, tested: int) -> CohortSize:
    voxels = int((table["slices"] * table["rows"] * table["columns"]).sum())
    native = zip(table["slices"], table["slice_mm"], strict=True)
    slices = sum(working_slices(int(count), float(mm), grid) for count, mm in native)
    counts = len(table), int(table["labelled"].sum()), tested, slices
    return CohortSize(*counts, voxels, "known from its prepared slices")


def _frames(cohort: Cohort, subjects: Sequence[Subject]) -> list[Frame]:
    """The frame of each volume on the working grid, from its header."""
    frames, problems = [], []
    for subject in subjects:
        try:
            shape, affine = registry.geometry(cohort.source, subject)
            frames.append(Frame.of(shape, affine, cohort.grid))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError.of(problems)
    return frames


def _assumed(experiment: Experiment, cohort: Cohort, tested: int) -> CohortSize:
    """The fewest subjects that the experiment needs, with native grids as large as the working grid."""
    subjects = tested + largest_n(experiment)
    slices, (rows, columns) = subjects * ASSUMED_SLICES, cohort.grid.matrix
    text = (
        f"assumed, since its files are missing: {tested} test subjects and {subjects - tested} others, "
        f"{ASSUMED_SLICES} slices of {rows} x {columns} each"
    )
    coils = samples = 0
    if cohort.source.reconstruction is not None:
        coils, spokes = ASSUMED_COILS, ASSUMED_SPOKES
        samples = slices * coils * spokes * OVERSAMPLING * max(rows, columns)
        text += f", of {coils} coils and {spokes} spokes"
    return CohortSize(subjects, subjects, tested, slices, slices * rows * columns, text, samples, coils)
