"""The joint pretext, both losses at once: its settings and its specification."""

from typing import Literal

from pydantic import Field

from fewlabel.config.base import Side
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.contrastive import GlobalStage
from fewlabel.config.pretexts.specification import Pretext, PretextStage, ProjectionHead, StageOutline, budget


class JointMethod(PretrainedBase):
    """Pretrained by both losses at once: the U-Net restores corrupted slices, its encoder contrasts them (ours)."""

    pretext: Literal["joint"]
    joint_stage: GlobalStage = GlobalStage()
    """Of the contrastive loss; the first of its two views is corrupted and restored."""
    contrast_weight: float = Field(0.1, gt=0, le=1000)
    """Weight of the contrastive loss (nats) relative to the L1 loss."""
    corrupted: float = Field(0.25, gt=0, lt=1)
    """Share of the pixels that Gaussian noise replaces."""
    block: Side = 1
    """Side in pixels of the squares that are corrupted as a whole; 1: pixels independently."""
    noise_scale: float = Field(1.0, gt=0, le=1000)
    """Standard deviation of the noise, in standard deviations of the slice (its mean is the slice's)."""


def _outline(method: JointMethod) -> StageOutline:
    stage = method.joint_stage
    corrupted, head = f"{100 * method.corrupted:g} %", ProjectionHead(widths=stage.head)
    return StageOutline(
        task="Restore and contrast",
        input="two views of slices, one corrupted",
        loss="joint",
        caption=f"{budget(stage)}, {corrupted} of the pixels corrupted, both losses at once",
        notes=(
            f"{corrupted} of pixels replaced by noise",
            f"L1 loss at these, and contrastive loss times {method.contrast_weight:g}",
            head.describe(),
            f"temperature {stage.temperature:g}",
        ),
        views=2,
        decoder="all",
        head=head,
        partitions=stage.partitions,
    )


JOINT = Pretext(
    settings=JointMethod,
    stages={"joint_stage": PretextStage(title="Joint", loss="joint", outline=_outline)},
    implementation="fewlabel.training.pretexts.joint:STAGES",
    recipe=3,  # see CONTRASTIVE
)
