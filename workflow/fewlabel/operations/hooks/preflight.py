"""Checks of sources and splits before any job runs. Imported while Snakemake reads its rules; imports nothing slow."""

from pathlib import Path
from typing import TYPE_CHECKING

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.data import split_settings
from fewlabel.config.jobs.grid import largest_n
from fewlabel.config.jobs.training import most_pretrained
from fewlabel.data.sources.registry import reader_problem
from fewlabel.utils.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame


def source_problems(experiment: Experiment) -> list[str]:
    """Cohorts whose source cannot be read here: a library of an extra or an installed package's module is missing."""
    return [
        f"cohorts.{name}.source: {line}"
        for name, cohort in experiment.cohorts.items()
        for line in reader_problem(cohort.source).splitlines()
    ]


def fetched_split_problems(
    experiment: Experiment, cohort: str, subjects: Path, study: Path, paired: Path | None = None
) -> list[str]:
    """Problems of the split of a fetched cohort, and its changes to existing results.

    Args:
        subjects: its list of subjects; if it does not exist yet, nothing is checked.
        paired: the list of the cohort whose split this one uses (`split_as`).
    """
    if not subjects.exists():
        return []
    from fewlabel.data.csv_tables import read_subjects

    other = read_subjects(paired) if paired is not None and paired.exists() else None
    return listed_split_problems(experiment, cohort, read_subjects(subjects), study, other)


def redraw_notes(experiment: Experiment, cohort: str, subjects: Path, study: Path) -> list[str]:
    """Messages on the test subjects that `--config redraw=true` moves. Arguments: see `fetched_split_problems`."""
    if not experiment.redraw or not subjects.exists():
        return []
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.moved_subjects import redrawn

    return redrawn(read_subjects(subjects), cohort, split_settings(experiment, cohort), study)


def listed_split_problems(
    experiment: Experiment, cohort: str, table: "DataFrame", study: Path, paired: "DataFrame | None" = None
) -> list[str]:
    """As `fetched_split_problems`, for a table of subjects in memory."""
    from fewlabel.data.existing_split import read_existing_split
    from fewlabel.data.moved_subjects import moved_problems
    from fewlabel.data.splits import split_problems

    if paired is not None and not table.equals(paired):
        other = experiment.cohorts[cohort].split_as
        return [f"cohorts.{cohort}.split_as: {other} has other subjects; only the same people are split alike"]
    split, labelling = split_settings(experiment, cohort), experiment.cohorts[cohort].labelling
    try:
        earlier = read_existing_split(study, split.cohort, split.folds)
        fewest = largest_n(experiment), most_pretrained(experiment)
        problems = split_problems(table, split, *fewest, earlier, labelling)
        return problems or moved_problems(table, cohort, split, study, experiment.draws, labelling)
    except InputError as error:
        return str(error).splitlines()
