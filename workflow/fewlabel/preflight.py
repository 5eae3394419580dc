"""What can be told before any job runs. Imported while Snakemake reads its rules: nothing slow comes with it."""

from pathlib import Path

from fewlabel.experiment import Experiment
from fewlabel.jobs import largest_n, most_pretrained, split_settings


def fetched_split_problems(
    experiment: Experiment, cohort: str, subjects: Path, beside: Path | None = None
) -> list[str]:
    """What makes the split of a fetched cohort impossible; nothing where its list of subjects is not there yet.

    `beside` is the list of the cohort that this one is split like.
    """
    if not subjects.exists():
        return []
    from fewlabel.splits import split_problems
    from fewlabel.tables import read_subjects

    table = read_subjects(subjects)
    if beside is not None and beside.exists() and not table.equals(read_subjects(beside)):
        other = experiment.cohorts[cohort].split_as
        return [f"cohorts.{cohort}.split_as: {other} has other subjects; only the same people are split alike"]
    return split_problems(table, split_settings(experiment, cohort), largest_n(experiment), most_pretrained(experiment))
