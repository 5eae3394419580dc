"""Settings of the table of histories and of the figure of learning curves."""

from fewlabel.config.base import Settings, Trainings
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import LearningCurves
from fewlabel.config.jobs.figures.titles import Titles, titles
from fewlabel.config.jobs.grid import CollectSettings, collect_settings, run_folders
from fewlabel.config.jobs.training import pretrainings


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


def training_folders(settings: HistoriesSettings) -> list[str]:
    """Where the files of each training lie, beneath the study's results."""
    pretrainings = [f"{part}/pretrained/{method}" for part in settings.runs.parts for method in settings.pretrained]
    return [*pretrainings, *run_folders(settings.runs)]


def learning_settings(experiment: Experiment) -> LearningSettings:
    """Settings of the figure of learning curves."""
    return LearningSettings(
        titles=titles(experiment),
        trainings=len(training_folders(histories_settings(experiment))),
        figure=experiment.figures.learning_curves,
    )
