"""Settings of pretraining by both losses at once."""

from typing import Literal

from pydantic import Field

from fewlabel.config.base import Side
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.contrastive import GlobalStage


class JointMethod(PretrainedBase):
    """Pretrained by both losses at once: the U-Net restores corrupted slices, its encoder contrasts them (ours)."""

    pretext: Literal["joint"]
    joint_stage: GlobalStage = GlobalStage()
    """Of the contrastive loss; the first of its two views is corrupted and restored."""
    contrast_weight: float = Field(0.1, gt=0, le=1000)
    """Of the contrastive loss (nats) beside the L1 loss."""
    corrupted: float = Field(0.25, gt=0, lt=1)
    """Share of the pixels that Gaussian noise replaces."""
    block: Side = 1
    """Side in pixels of the squares that are corrupted as a whole; 1: pixels independently."""
    noise_scale: float = Field(1.0, gt=0, le=1000)
    """Standard deviation of the noise, in standard deviations of the slice (its mean is the slice's)."""
