"""Settings of pretraining by contrastive loss, stage by stage."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from fewlabel.config.base import Name, Side, distinct
from fewlabel.config.pretexts.base import HeadWidth, PretrainedBase
from fewlabel.config.training import Training


class GlobalStage(Training):
    """Contrastive stage 1: the encoder on global representations of slices."""

    augmentation: Name = "views"
    """Of each of the two views of a slice."""
    batch: Side = 12
    """Slices a step, each seen in two views; partitions times volumes."""
    partitions: Side = 4
    """Equal parts of a volume along the slice axis; slices of one part count as anatomically similar."""
    positives: list[Literal["augmentation", "anatomy"]] = Field(["augmentation"], min_length=1, max_length=2)
    """Views of the same slice, slices of the same part of other volumes, or both."""
    similar_as_negatives: bool = False
    """Whether slices of the same part (that are no positives) count as negatives."""
    temperature: float = Field(0.1, gt=0, le=10)
    head: tuple[HeadWidth, HeadWidth] = (1024, 128)
    """Widths of the projection head: hidden and output."""

    _once = field_validator("positives")(distinct)

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        if self.batch % self.partitions:
            raise ValueError(f"batch {self.batch} is no multiple of partitions {self.partitions}")
        if self.partitions < 2 and not self.similar_as_negatives:
            raise ValueError("partitions 1 leaves no negatives; use 2 or more, or similar_as_negatives: true")
        if "anatomy" in self.positives and self.batch // self.partitions < 2:
            raise ValueError(f"positives by anatomy need two volumes a batch: batch of at least {2 * self.partitions}")
        return self


class LocalStage(Training):
    """Contrastive stage 2: decoder stages on representations of local regions."""

    augmentation: Name = "intensity"
    """Of each of the two views; only its intensity transforms may be set, since regions must stay in place."""
    decoder_stages: int = Field(3, ge=1, le=7)
    """How many decoder stages are trained, coarsest first."""
    regions: int = Field(13, ge=2, le=65_536)
    """Regions compared in each image."""
    region_size: Side = 3
    """Side of a region, in pixels of the stage's feature map."""
    temperature: float = Field(0.1, gt=0, le=10)
    freeze_encoder: bool = True
    """Whether stage 1's encoder stays as it is."""
    head: tuple[HeadWidth, HeadWidth] = (128, 64)
    """Widths of the two 1 x 1 convolutions of the head."""


class ContrastiveMethod(PretrainedBase):
    """Pretrained by contrastive loss: the encoder on slices, then decoder stages on regions."""

    pretext: Literal["contrastive"]
    global_stage: GlobalStage = GlobalStage()
    local_stage: LocalStage | None = LocalStage()
    """None: stage 1 alone."""
