"""Settings of the label-efficiency figure."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelEfficiency
from fewlabel.config.jobs.grid import CollectSettings, collect_settings, label_counts
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class EfficiencySettings(Settings):
    """The label-efficiency figure."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    reference: str | None
    """Whose score at its largest N is 100 %; None: no method is trained on all labels."""
    figure: LabelEfficiency


def efficiency_settings(experiment: Experiment) -> EfficiencySettings:
    """Settings of the label-efficiency figure."""
    known = titles(experiment)
    benchmarks = [name for name, method in known.methods.items() if method.benchmark]
    whole = [
        name
        for name, method in known.methods.items()
        if method.pretext == "none" and "all" in label_counts(experiment, name)
    ]
    named = experiment.benchmark or experiment.figures.label_efficiency.reference
    return EfficiencySettings(
        titles=known,
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        reference=named or next(iter([*benchmarks, *whole]), None),
        figure=experiment.figures.label_efficiency,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="label_efficiency",
    title="Label efficiency",
    summary="Share of the supervised score that each method reaches, against the number of labels.",
    settings_class=EfficiencySettings,
    settings=efficiency_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.label_efficiency:draw",
)
