"""The contrastive pretext: its settings, stage by stage, and its specification."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from fewlabel.config.augmentation import AUGMENTATIONS, GEOMETRIC, Augmentation
from fewlabel.config.base import Name, Side, distinct
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

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment

TEMPERATURE = 0.1
"""Default of both stages."""
MEANING = {"augmentation": "views of one slice", "anatomy": "one part of several volumes"}
"""Of positives, in the method diagram."""


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
    temperature: float = Field(TEMPERATURE, gt=0, le=10)
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
    temperature: float = Field(TEMPERATURE, gt=0, le=10)
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


def _global_outline(method: ContrastiveMethod) -> StageOutline:
    stage = method.global_stage
    head = ProjectionHead(widths=stage.head)
    return StageOutline(
        task="Stage 1: global, slices",
        input="two views of slices",
        loss="contrastive",
        caption=f"encoder {budget(stage)}",
        notes=(
            f"positives: {' and '.join(MEANING[name] for name in stage.positives)}",
            head.describe(),
            f"temperature {stage.temperature:g}",
        ),
        views=2,
        head=head,
        partitions=stage.partitions,
    )


def _local_outline(method: ContrastiveMethod) -> StageOutline:
    stage = method.local_stage
    assert stage is not None
    head = ProjectionHead(widths=stage.head, layers="1 × 1 convolutions", after=stage.decoder_stages)
    return StageOutline(
        task="Stage 2: local, regions",
        input="two views of slices",
        loss="contrastive",
        caption=f"decoder {budget(stage)}",
        notes=(
            f"positives: one of {stage.regions} regions of {stage.region_size} × {stage.region_size} in two views",
            head.describe(),
            f"temperature {stage.temperature:g}",
        ),
        views=2,
        freezes_encoder=stage.freeze_encoder,
        decoder=stage.decoder_stages,
        head=head,
    )


def _problems(method: ContrastiveMethod, experiment: "Experiment") -> Iterator[Problem]:
    """A local stage that the network or the slices have no room for, or whose views move."""
    stage, deepest = method.local_stage, len(experiment.network.widths) - 1
    if stage is None:
        return
    if stage.decoder_stages > deepest:
        text = f"{stage.decoder_stages} decoder stages, but network.widths gives {deepest}"
        yield ("local_stage", "decoder_stages"), f"{text}; accepted: 1 to {deepest}"
        return
    yield from _moving_views(stage.augmentation, {**AUGMENTATIONS, **experiment.augmentations})
    cell = stage.region_size * 2 ** (deepest - stage.decoder_stages)
    for cohort in experiment.cohorts:
        rows, columns = experiment.cohorts[cohort].grid.matrix
        cells = (rows // cell) * (columns // cell)
        if cells < stage.regions:
            text = f"{stage.regions} regions of {cell} x {cell} pixels do not fit {rows} x {columns} ({cohort})"
            accepted = f"accepted: at most {cells}, or a smaller region_size or more decoder_stages"
            yield ("local_stage", "regions"), f"{text}; {accepted}"


def _moving_views(name: str, known: dict[str, Augmentation]) -> Iterator[Problem]:
    if name in known:
        moving = [key for key in GEOMETRIC if getattr(known[name], key) != getattr(Augmentation(), key)]
        if moving:
            text = f"{name!r} sets {', '.join(moving)}, but regions must stay in place between the two views"
            remedy = "use one with intensity transforms only, such as 'intensity'"
            yield ("local_stage", "augmentation"), f"{text}; {remedy}"


CONTRASTIVE = Pretext(
    settings=ContrastiveMethod,
    stages={
        "global_stage": PretextStage(title="Contrastive, global", loss="contrastive", outline=_global_outline),
        "local_stage": PretextStage(
            title="Contrastive, local", loss="contrastive", outline=_local_outline, keeps_start=True, is_local=True
        ),
    },
    implementation="fewlabel.training.pretexts.contrastive:STAGES",
    picture="fewlabel.reporting.images.pretexts:CONTRASTIVE",
    colour="#de8f05",  # orange of seaborn's "colorblind"
    # 2: views of one slice are never each other's negatives; sums in the order of channels-last convolutions.
    recipe=3,
    problems=_problems,
)
