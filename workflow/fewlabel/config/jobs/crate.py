"""Settings of the job that records the study as an RO-Crate."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.portable import placeless


class CrateSettings(Settings):
    """The record of the whole study."""

    experiment: Experiment
    """Without where data lie on this machine."""


def crate_settings(experiment: Experiment) -> CrateSettings:
    """Settings of the study's record: the whole experiment, without where data lie on this machine."""
    return CrateSettings(experiment=Experiment.model_validate(placeless(experiment.model_dump(mode="json"))))
