"""The settings of each job: exactly those it depends on, as one canonical JSON string.

The Snakefile passes `canonical(...)` to a command, and the command reads it back with the same model: a setting that a
job does not depend on cannot make it run again, and one that it depends on always does.
"""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from pydantic import Field

from fewlabel.config.base import Draw, Fold, LabelCount, Settings
from fewlabel.config.folds import all_parts
from fewlabel.config.study_layout import Run

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment


class CollectSettings(Settings):
    """All runs of a study, by their axes: a list of thousands of runs would not fit a command line."""

    cohorts: list[str]
    labels: dict[str, list[LabelCount]]
    """Of each method."""
    draws: Draw
    folds: dict[str, Fold] = Field({}, exclude_if=lambda value: not value)
    """How many test folds, of each cohort that is cross-validated."""

    @property
    def parts(self) -> list[str]:
        """Units of training and testing: cohorts, and the folds of cross-validated ones (`fewlabel.config.folds`)."""
        return all_parts(self.cohorts, self.folds)


def label_counts(experiment: "Experiment", method: str) -> list[LabelCount]:
    """The label budgets of a method."""
    return experiment.methods[method].labels or experiment.labels


def collect_settings(experiment: "Experiment") -> CollectSettings:
    """All finetunings of a study."""
    labels = {method: label_counts(experiment, method) for method in experiment.methods}
    return CollectSettings(
        cohorts=list(experiment.cohorts), labels=labels, draws=experiment.draws, folds=folds_of(experiment)
    )


def folds_of(experiment: "Experiment") -> dict[str, int]:
    """How many test folds, of each cohort that is cross-validated."""
    return {name: cohort.folds for name, cohort in experiment.cohorts.items() if cohort.folds is not None}


def parts(experiment: "Experiment") -> list[str]:
    """Units of training and testing: cohorts, and the folds of cross-validated ones (see `fewlabel.config.folds`)."""
    return all_parts(experiment.cohorts, folds_of(experiment))


def split_parts(experiment: "Experiment") -> list[str]:
    """All that has a split of its own: the cohorts, and the folds of those that have some."""
    return list(dict.fromkeys([*experiment.cohorts, *parts(experiment)]))


def orders(experiment: "Experiment") -> Iterator[tuple[str, int]]:
    """Every draw of every part."""
    yield from product(parts(experiment), range(1, experiment.draws + 1))


def finetunings(settings: CollectSettings) -> Iterator[Run]:
    """Every finetuning of a study: part x method x N x draw."""
    for part in settings.parts:
        for method, counts in settings.labels.items():
            for labels in counts:
                for draw in range(1, settings.draws + 1):
                    yield Run(part, method, labels, draw)


def largest_n(experiment: "Experiment") -> int:
    """The largest number of labelled subjects that any run asks for; 1 where all ask for `all`."""
    counts = [n for method in experiment.methods for n in label_counts(experiment, method)]
    return max((n for n in counts if n != "all"), default=1)
