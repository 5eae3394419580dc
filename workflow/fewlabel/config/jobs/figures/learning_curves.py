"""Settings of the figure of learning curves."""

from fewlabel.config.base import Settings, Trainings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LearningCurves
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.specification import FigureSpecification, Inputs
from fewlabel.config.jobs.titles import Titles, titles
from fewlabel.config.study_layout import LAYOUT


class LearningSettings(Settings):
    """The figure of learning curves."""

    titles: Titles
    trainings: Trainings
    """Number of trainings of the study."""
    figure: LearningCurves


def learning_settings(experiment: Experiment) -> LearningSettings:
    """Settings of the figure of learning curves."""
    return LearningSettings(
        titles=titles(experiment),
        trainings=len(study_trainings(experiment)),
        figure=experiment.figures.learning_curves,
    )


SPECIFICATION = FigureSpecification(
    kind="figure",
    name="learning_curves",
    title="Learning curves",
    summary="The loss of every training against its step: a small panel for each cohort and stage.",
    settings_class=LearningSettings,
    settings=learning_settings,
    inputs=lambda experiment: Inputs(optional=[LAYOUT.history]),
    implementation="fewlabel.reporting.figures.learning_curves:draw",
)
