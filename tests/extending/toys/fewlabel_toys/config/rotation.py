"""The rotation pretext (Gidaris et al. 2018): its settings and its specification."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from fewlabel.config.base import Name
from fewlabel.config.pretexts.base import HeadWidth, PretrainedBase
from fewlabel.config.pretexts.specification import (
    Pretext,
    PretextStage,
    Problem,
    ProjectionHead,
    StageOutline,
    budget,
)
from fewlabel.config.training import Training

if TYPE_CHECKING:  # the experiment is made of all pretexts: at run time it does not exist yet
    from fewlabel.config.experiment import Experiment

ANGLES = 4
"""0, 90, 180 and 270 degrees."""


class RotationStage(Training):
    """The stage: budget, augmentation and head."""

    augmentation: Name = "intensity"
    hidden: HeadWidth = 64
    """Width of the hidden layer of the head."""


class RotationMethod(PretrainedBase):
    """Pretrained to predict by how much a slice was turned: cross-entropy over four angles."""

    pretext: Literal["rotation"]
    rotation_stage: RotationStage = RotationStage()


def outline(method: RotationMethod) -> StageOutline:
    """What the stage does: plans, captions and the method diagram are made of it."""
    stage = method.rotation_stage
    head = ProjectionHead(widths=(stage.hidden, ANGLES))
    return StageOutline(
        task="Predict the rotation",
        input="turned slice",
        loss="cross-entropy",
        caption=f"encoder {budget(stage)}, each turned by a random angle",
        notes=(f"{ANGLES} angles, equally likely", head.describe()),
        head=head,
    )


def problems(method: RotationMethod, experiment: "Experiment") -> Iterator[Problem]:
    """A slice that is turned by 90 degrees must keep its shape."""
    for name, cohort in experiment.cohorts.items():
        rows, columns = cohort.grid.matrix
        if rows != columns:
            text = f"{rows} x {columns} slices of {name} cannot be turned; accepted: a square grid.matrix"
            yield ("pretext",), text


ROTATION = Pretext(
    settings=RotationMethod,
    stages={"rotation_stage": PretextStage(title="Rotation", loss="cross-entropy", outline=outline)},
    implementation="fewlabel_toys.training.rotation:STAGES",
    picture="fewlabel_toys.reporting.rotation:PICTURE",
    colour="#56b4e9",
    problems=problems,
)
