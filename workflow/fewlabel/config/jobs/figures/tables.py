"""Settings of the tables of cohorts, Dice, differences and labels needed."""

from pydantic import Field

from fewlabel.config.base import LabelCount, Settings, Share, Steps
from fewlabel.config.cohort import Cohort
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelEfficiency, MissingDistance
from fewlabel.config.jobs.figures.titles import Titles, titles
from fewlabel.config.jobs.grid import CollectSettings, collect_settings, label_counts
from fewlabel.config.jobs.training import finetuning


class EfficiencySettings(Settings):
    """The label-efficiency figure."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    reference: str | None
    """Whose score at its largest N is 100 %; None: no method is trained on all labels."""
    figure: LabelEfficiency


class DifferenceTableSettings(Settings):
    """Table 3."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with it, in their order: all that share an N with it."""


class LabelsTableSettings(Settings):
    """Table 4."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    reference: str | None
    """Whose score at its largest N is 100 %; None: no method is trained on all labels."""
    shares: list[Share]
    """Of it, each asked for."""
    control: str | None
    """Against which labels are saved; None: no method starts at random."""
    methods: list[str]
    """All that are no benchmark, in their order."""
    steps: dict[str, Steps]
    """Of finetuning, of these methods and of the reference: where they differ, labels are not all that separates."""


def efficiency_settings(experiment: Experiment) -> EfficiencySettings:
    """Settings of the label-efficiency figure."""
    known = titles(experiment)
    benchmarks = [name for name, method in known.methods.items() if method.benchmark]
    whole = [
        name
        for name, method in known.methods.items()
        if method.pretext == "none" and "all" in label_counts(experiment, name)
    ]
    named = experiment.figures.label_efficiency.reference
    return EfficiencySettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        reference=named or next(iter([*benchmarks, *whole]), None),
        figure=experiment.figures.label_efficiency,
    )


def compared(experiment: Experiment) -> tuple[str | None, list[str]]:
    """The control, and the methods that share an N with it, in their order; None and no methods without a control."""
    known = titles(experiment)
    random = [name for name, method in known.methods.items() if method.pretext == "none" and not method.benchmark]
    control = experiment.figures.paired_subjects.control or next(iter(random), None)
    counts = {name: set(label_counts(experiment, name)) for name in known.methods}
    return control, [
        name for name in known.methods if control is not None and name != control and counts[name] & counts[control]
    ]


def difference_table_settings(experiment: Experiment) -> DifferenceTableSettings:
    """Settings of table 3."""
    control, others = compared(experiment)
    return DifferenceTableSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=others,
    )


def labels_table_settings(experiment: Experiment) -> LabelsTableSettings:
    """Settings of table 4."""
    figure, (control, _) = efficiency_settings(experiment), compared(experiment)
    methods = [name for name, method in figure.titles.methods.items() if not method.benchmark]
    shown = [*methods, *([figure.reference] if figure.reference else [])]
    return LabelsTableSettings(
        titles=figure.titles,
        runs=figure.runs,
        intervals=figure.intervals,
        reference=figure.reference,
        shares=experiment.figures.label_efficiency.levels,
        control=control,
        methods=methods,
        steps={name: finetuning(experiment, name).steps for name in dict.fromkeys(shown)},
    )


class CohortTableSettings(Settings):
    """Table 1."""

    titles: Titles
    cohorts: dict[str, Cohort]
    labels: list[LabelCount]


class DiceTableSettings(Settings):
    """Table 2."""

    titles: Titles
    runs: CollectSettings
    """All that the table must show: it is not made of a part."""
    intervals: Intervals
    hd95_missing: MissingDistance = Field("exclude", exclude_if=lambda value: value == "exclude")


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
