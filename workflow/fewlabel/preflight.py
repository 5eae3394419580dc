"""What can be told before any job runs. Imported while Snakemake reads its rules: nothing slow comes with it."""

from pathlib import Path

from fewlabel.experiment import Experiment
from fewlabel.jobs import largest_n, most_pretrained


def fetched_split_problems(experiment: Experiment, cohort: str, subjects: Path) -> list[str]:
    """What makes the split of a fetched cohort impossible; nothing where its list of subjects is not there yet."""
    if not subjects.exists():
        return []
    from fewlabel.splits import split_problems
    from fewlabel.tables import read_subjects

    chosen = experiment.cohorts[cohort]
    return split_problems(
        read_subjects(subjects),
        cohort,
        chosen.test,
        experiment.seed,
        largest_n(experiment),
        chosen.validation,
        most_pretrained(experiment),
    )
