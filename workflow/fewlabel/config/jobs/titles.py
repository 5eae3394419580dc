"""Names of cohorts and methods in figures and tables."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from fewlabel.config.base import Fold, Name, Settings, Unit
from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.pretexts.registry import Method


class CohortTitle(Settings):
    """What figures and tables say of a cohort."""

    title: str
    stands_for: Literal["liver", "prostate"] | None
    folds: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """How many test folds its scores are joined from."""
    count: Unit = Field("subjects", exclude_if=lambda value: value == "subjects")
    """What N counts."""


class MethodTitle(Settings):
    """What figures and tables say of a method."""

    title: str
    pretext: Name
    benchmark: bool
    """Trained with all labels only: drawn as a line, not as a curve."""


class Titles(Settings):
    """Names of cohorts and methods, in the experiment's order."""

    cohorts: dict[str, CohortTitle]
    methods: dict[str, MethodTitle]

    @property
    def counted(self) -> str:
        """What N counts: `subjects`, `patients`, or both where cohorts differ."""
        return counted_units(title.count for title in self.cohorts.values())


def titles(experiment: Experiment) -> Titles:
    """Names for figures and tables."""
    methods: dict[str, Method] = experiment.methods
    return Titles(
        cohorts={
            name: CohortTitle(
                title=cohort_title(experiment, name),
                stands_for=cohort.stands_for,
                folds=cohort.folds,
                count=cohort.count,
            )
            for name, cohort in experiment.cohorts.items()
        },
        methods={
            name: MethodTitle(
                title=method.title or name.replace("_", " "),
                pretext=method.pretext,
                benchmark=method.pretext == "none" and label_counts(experiment, name) == ["all"],
            )
            for name, method in methods.items()
        },
    )


def cohort_title(experiment: Experiment, name: str) -> str:
    """A cohort's title; it says so where subjects of the pool are scored instead of the test subjects."""
    cohort = experiment.cohorts[name]
    title = cohort.title or name.replace("_", " ")
    return title if cohort.validation is None else f"{title}, scored on the pool"


def counted_units(counts: Iterable[Unit]) -> str:
    """What N counts, in the cohorts of a study: `subjects`, `patients` or `subjects or patients`."""
    return " or ".join(dict.fromkeys(counts)) or "subjects"


def named_draws(title: str, cohort: Cohort) -> str | None:
    """A sentence on the draws that are not random, without names; None: all are random."""
    if not (number := len(cohort.labelling.named)):
        return None
    which = "Draw 1" if number == 1 else f"Draws 1 to {number}"
    verb = "is" if number == 1 else "are"
    what = f"the published choice ({cohort.draws})" if isinstance(cohort.draws, str) else "named in the experiment"
    return f"{which} of {title} {verb} {what}; any other draw is random."


def shown_input(experiment: Experiment, cohort: str) -> str:
    """What pictures of a network's input show of it; empty where it is all."""
    channels, context = experiment.cohorts[cohort].source.channel_names, experiment.network.context
    parts = [f"channel {channels[0]} of {len(channels)}"] if len(channels) > 1 else []
    return ", ".join([*parts, *([f"the middle one of {context} slices"] if context > 1 else [])])


def quoted_cohorts(experiment: Experiment) -> list[str]:
    """Cohorts whose figures and tables show the paper's numbers: those that stand for one of its cohorts."""
    asked = experiment.figures.label_curves.show_paper
    return [
        name
        for name, cohort in experiment.cohorts.items()
        if cohort.stands_for and asked and (asked == "all" or not cohort.source.made_by_code)
    ]
