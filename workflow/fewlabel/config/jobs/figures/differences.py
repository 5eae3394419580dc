"""Settings of the figure of differences to the control."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Differences
from fewlabel.config.jobs.specification import FigureSpecification, from_scores
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings, difference_table_settings


class DifferencesSettings(Settings):
    """The figure of differences."""

    compared: DifferenceTableSettings
    figure: Differences


def differences_settings(experiment: Experiment) -> DifferencesSettings:
    """Settings of the figure of differences."""
    return DifferencesSettings(compared=difference_table_settings(experiment), figure=experiment.figures.differences)


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="differences",
    title="Differences to the control",
    summary="Every method's mean difference in Dice to the control at each N, as in table 3.",
    settings_class=DifferencesSettings,
    settings=differences_settings,
    inputs=from_scores,
    implementation="fewlabel.reporting.figures.differences:draw",
)
