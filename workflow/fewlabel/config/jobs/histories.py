"""Settings of the table of the losses of all trainings."""

from typing import TYPE_CHECKING

from fewlabel.config.base import Settings
from fewlabel.config.jobs.grid import CollectSettings, collect_settings, finetunings
from fewlabel.config.jobs.training import pretrainings
from fewlabel.config.study_layout import Run

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment


class HistoriesSettings(Settings):
    """The table of all histories."""

    runs: CollectSettings
    pretrained: list[str]
    """Methods that have a pretraining, one on each cohort."""


def histories_settings(experiment: "Experiment") -> HistoriesSettings:
    """Settings of the table of histories."""
    return HistoriesSettings(runs=collect_settings(experiment), pretrained=pretrainings(experiment))


def trainings(settings: HistoriesSettings) -> list[Run]:
    """Every training of a study, pretrainings first."""
    pretrainings = [Run(part, method) for part in settings.runs.parts for method in settings.pretrained]
    return [*pretrainings, *finetunings(settings.runs)]


def study_trainings(experiment: "Experiment") -> list[Run]:
    """Every training of an experiment, pretrainings first."""
    return trainings(histories_settings(experiment))
