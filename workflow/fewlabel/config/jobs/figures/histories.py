"""Settings of the table of histories and of the figure of learning curves."""

from fewlabel.config.base import Settings, Trainings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LearningCurves
from fewlabel.config.jobs.figures.titles import Titles, titles
from fewlabel.config.jobs.grid import CollectSettings, collect_settings, finetunings
from fewlabel.config.jobs.training import pretrainings
from fewlabel.config.study_layout import Run


class HistoriesSettings(Settings):
    """The table of all histories."""

    runs: CollectSettings
    pretrained: list[str]
    """Methods that have a pretraining, one on each cohort."""


class LearningSettings(Settings):
    """The figure of learning curves."""

    titles: Titles
    trainings: Trainings
    """How many there are."""
    figure: LearningCurves


def histories_settings(experiment: Experiment) -> HistoriesSettings:
    """Settings of the table of histories."""
    return HistoriesSettings(runs=collect_settings(experiment), pretrained=pretrainings(experiment))


def trainings(settings: HistoriesSettings) -> list[Run]:
    """Every training of a study, pretrainings first."""
    pretrainings = [Run(part, method) for part in settings.runs.parts for method in settings.pretrained]
    return [*pretrainings, *finetunings(settings.runs)]


def study_trainings(experiment: Experiment) -> list[Run]:
    """Every training of an experiment, pretrainings first."""
    return trainings(histories_settings(experiment))


def learning_settings(experiment: Experiment) -> LearningSettings:
    """Settings of the figure of learning curves."""
    return LearningSettings(
        titles=titles(experiment),
        trainings=len(study_trainings(experiment)),
        figure=experiment.figures.learning_curves,
    )
