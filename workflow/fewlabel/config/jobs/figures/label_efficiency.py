"""Settings of the label-efficiency figure."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelEfficiency
from fewlabel.config.jobs.comparisons import compared
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class EfficiencySettings(Settings):
    """The label-efficiency figure."""

    titles: Titles
    runs: CollectSettings
    """All runs that must have scores."""
    intervals: Intervals
    control: str | None
    """None: no method starts at random."""
    methods: list[str]
    """Compared with the control, in their order: those of figure 3."""
    left_out: list[str]
    """Those that figure 3 leaves out, too."""
    figure: LabelEfficiency


def efficiency_settings(experiment: Experiment) -> EfficiencySettings:
    """Settings of the label-efficiency figure."""
    control, methods = compared(experiment)
    curves = curves_settings(experiment).curves
    return EfficiencySettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        control=control,
        methods=[name for name in methods if name in curves],
        left_out=[name for name in methods if name not in curves],
        figure=experiment.figures.label_efficiency,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="label_efficiency",
    title="Label efficiency",
    summary="Labels that the control needs for the same Dice, as a multiple of each method's N.",
    settings_class=EfficiencySettings,
    settings=efficiency_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.label_efficiency:draw",
)
