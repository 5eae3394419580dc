"""What readers see of a cohort's classes and channels, and of the network's input and loss."""

from fewlabel.config.experiment import Experiment
from fewlabel.config.sources.base import SourceSettings
from fewlabel.config.training import Finetuning
from fewlabel.reporting.statistics.classes import class_title


def classes_text(source: SourceSettings) -> str:
    """The classes with their values in the masks; empty for one class without a name."""
    return ", ".join(f"{class_title(name)} ({' + '.join(map(str, values))})" for name, values in source.classes.items())


def channels_text(source: SourceSettings) -> str:
    """The channels of the images; empty for one without a name."""
    return ", ".join(source.channel_names)


def context_text(context: int) -> str:
    """The neighbouring slices that the network sees; empty for single slices."""
    return f"{context} neighbouring slices as channels" if context > 1 else ""


def loss_text(finetuning: Finetuning) -> str:
    """The loss of a finetuning."""
    return {"dice": "Dice loss", "dice_cross_entropy": "loss Dice + cross entropy"}[finetuning.loss]


def processing_text(experiment: Experiment) -> str:
    """What is done with predictions before they are scored; empty: nothing."""
    return "; ".join(experiment.evaluation.steps)
