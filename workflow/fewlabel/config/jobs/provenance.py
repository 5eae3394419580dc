"""Settings of the job that records the study as an RO-Crate."""

from fewlabel.config.base import Settings
from fewlabel.config.experiment import Experiment
from fewlabel.config.portable import placeless


class ProvenanceSettings(Settings):
    """The record of the whole study."""

    experiment: Experiment
    """Without where data lie on this machine."""


def provenance_settings(experiment: Experiment) -> ProvenanceSettings:
    """Settings of the study's record: the whole experiment, without where data lie on this machine."""
    return ProvenanceSettings(experiment=Experiment.model_validate(placeless(experiment.model_dump(mode="json"))))
