"""What each job that draws, tabulates or records is told: see `fewlabel.jobs`."""

from typing import Literal

from pydantic import Field

from fewlabel.experiment import Cohort, Experiment, Finetuning, Method, Network
from fewlabel.figure_settings import Intervals, LabelCurves, MissingDistance, Scheme
from fewlabel.jobs import CollectSettings, collect_settings, finetuning, label_counts
from fewlabel.places import placeless
from fewlabel.settings import Draw, Fold, LabelCount, Settings


class CohortTitle(Settings):
    """What figures and tables say of a cohort."""

    title: str
    stands_for: Literal["liver", "prostate"] | None
    folds: Fold | None = Field(None, exclude_if=lambda value: value is None)
    """How many test folds its scores are joined from."""


class MethodTitle(Settings):
    """What figures and tables say of a method."""

    title: str
    pretext: Literal["none", "regression", "contrastive", "joint"]
    benchmark: bool
    """Trained with all labels only: drawn as a line, not as a curve."""


class Titles(Settings):
    """Names of cohorts and methods, in the experiment's order."""

    cohorts: dict[str, CohortTitle]
    methods: dict[str, MethodTitle]


class CohortTableSettings(Settings):
    """Table 1."""

    titles: Titles
    cohorts: dict[str, Cohort]
    labels: list[LabelCount]


class SchemeSettings(Settings):
    """Figure 2."""

    titles: Titles
    network: Network
    methods: dict[str, Method]
    """Those that are drawn, in their order."""
    finetuning: dict[str, Finetuning]
    """Of each of them, resolved."""
    labels: dict[str, list[LabelCount]]
    draws: Draw
    table: CohortTableSettings | None
    """Beneath it; none: without it."""
    figure: Scheme


class CurvesSettings(Settings):
    """Figure 3."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    figure: LabelCurves


class DiceTableSettings(Settings):
    """Table 2."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    hd95_missing: MissingDistance = Field("exclude", exclude_if=lambda value: value == "exclude")


class CrateSettings(Settings):
    """The record of the whole study."""

    experiment: Experiment
    """Without where data lie on this machine."""


# ------------------------------------------------------------------------------------------- from an experiment
def titles(experiment: Experiment) -> Titles:
    """Names for figures and tables."""
    methods: dict[str, Method] = experiment.methods
    return Titles(
        cohorts={
            name: CohortTitle(title=cohort_title(experiment, name), stands_for=cohort.stands_for, folds=cohort.folds)
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


def scheme_methods(experiment: Experiment) -> list[str]:
    """Methods of figure 2: those in its settings, else the first of each of the paper's pretexts, else the first
    pretrained one, else the first."""
    named = experiment.figures.scheme.methods
    firsts = {method.pretext: name for name, method in reversed(experiment.methods.items()) if method.pretext != "none"}
    found = [firsts[pretext] for pretext in ("regression", "contrastive") if pretext in firsts]
    return named or found or [*firsts.values(), *experiment.methods][:1]


def scheme_settings(experiment: Experiment) -> SchemeSettings:
    """Settings of figure 2."""
    shown = scheme_methods(experiment)
    return SchemeSettings(
        titles=titles(experiment),
        network=experiment.network,
        methods={name: experiment.methods[name] for name in shown},
        finetuning={name: finetuning(experiment, name) for name in shown},
        labels={name: label_counts(experiment, name) for name in shown},
        draws=experiment.draws,
        table=cohort_table_settings(experiment) if experiment.figures.scheme.table else None,
        figure=experiment.figures.scheme,
    )


def curves_settings(experiment: Experiment) -> CurvesSettings:
    """Settings of figure 3."""
    return CurvesSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        figure=experiment.figures.label_curves,
    )


def cohort_table_settings(experiment: Experiment) -> CohortTableSettings:
    """Settings of table 1."""
    return CohortTableSettings(titles=titles(experiment), cohorts=experiment.cohorts, labels=experiment.labels)


def dice_table_settings(experiment: Experiment) -> DiceTableSettings:
    """Settings of table 2."""
    return DiceTableSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        hd95_missing=experiment.figures.dice_table.hd95_missing,
    )


def crate_settings(experiment: Experiment) -> CrateSettings:
    """Settings of the study's record: the whole experiment, without where data lie on this machine."""
    return CrateSettings(experiment=Experiment.model_validate(placeless(experiment.model_dump(mode="json"))))
