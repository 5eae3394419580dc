"""Settings of figure 3: mean Dice against the number of labelled subjects."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelCurves
from fewlabel.config.jobs.grid import CollectSettings, collect_settings
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.titles import Titles, titles


class CurvesSettings(Settings):
    """Figure 3."""

    titles: Titles
    runs: CollectSettings
    """All that the figure must show: it is not drawn of a part."""
    intervals: Intervals
    figure: LabelCurves


def curves_settings(experiment: Experiment) -> CurvesSettings:
    """Settings of figure 3."""
    return CurvesSettings(
        titles=titles(experiment),
        runs=collect_settings(experiment),
        intervals=experiment.intervals,
        figure=experiment.figures.label_curves,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="label_curves",
    title="Figure 3: Dice against N",
    summary="Mean Dice against the number of labelled subjects: a panel a cohort, a colour a method.",
    settings_class=CurvesSettings,
    settings=curves_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.label_curves:draw",
    stem="figure3_label_curves",
)
