"""Settings of the figure of learning curves."""

from pydantic import Field

from fewlabel.config.base import Settings, Trainings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LearningCurves
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.specification import FigureSpecification, Inputs
from fewlabel.config.jobs.titles import Titles, titles
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.study_layout import LAYOUT


class LearningSettings(Settings):
    """The figure of learning curves."""

    titles: Titles
    trainings: Trainings
    """Number of trainings of the study."""
    loss: str = Field("Dice", exclude_if=lambda value: value == "Dice")
    """Of finetunings; empty: methods have different ones."""
    figure: LearningCurves


LOSSES = {"dice": "Dice", "dice_cross_entropy": "Dice + cross entropy"}
"""Losses of finetunings, for readers."""


def learning_settings(experiment: Experiment) -> LearningSettings:
    """Settings of the figure of learning curves."""
    losses = {LOSSES[finetuning(experiment, name).loss] for name in experiment.methods}
    return LearningSettings(
        titles=titles(experiment),
        trainings=len(study_trainings(experiment)),
        loss=losses.pop() if len(losses) == 1 else "",
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
