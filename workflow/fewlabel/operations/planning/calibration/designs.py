"""The steps of a calibration: small and large networks, matrices and batches of each stage."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fewlabel.config.augmentation import AUGMENTATIONS, Augmentation
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage, LocalStage
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.config.training import Training
from fewlabel.operations.planning.step_work import Stage, StepWork, transforms


class Planned(NamedTuple):
    """A step to measure."""

    step: StepWork
    augmentation: Augmentation
    # method, stage: of a pretraining step; the number of steps is ignored
    method: PretrainedBase | None = None
    stage: str = ""


SMALL, MIDDLE, WIDE, LARGE = [8, 16, 32, 64], [16, 32, 64, 128], [32, 64, 128, 256], [16, 32, 64, 128, 128, 128]
DESIGN: Sequence[tuple[Stage, list[int], int, int]] = (
    ("regression", SMALL, 64, 16),
    ("regression", MIDDLE, 96, 12),
    ("regression", LARGE, 192, 4),
    ("global", SMALL, 64, 16),
    ("global", MIDDLE, 128, 8),
    ("global", LARGE, 192, 4),
    ("local", SMALL, 64, 16),
    ("local", MIDDLE, 128, 8),
    ("local", LARGE, 192, 4),
    ("finetune", SMALL, 64, 8),
    ("finetune", SMALL, 160, 10),
    ("finetune", MIDDLE, 96, 12),
    ("finetune", WIDE, 64, 12),
    ("finetune", LARGE, 192, 4),
    ("predict", SMALL, 64, 24),
    ("predict", MIDDLE, 96, 24),
    ("predict", LARGE, 192, 8),
)
"""Stage, widths, side of the matrix, slices of a step; the largest take about a second on one core."""
AUGMENTATION_OF: dict[Stage, str] = {
    "regression": "geometry",
    "global": "views",
    "local": "intensity",
    "finetune": "standard",
    "predict": "none",
}


def designed() -> list[Planned]:
    """The steps of every calibration."""
    return [_planned(*row) for row in DESIGN]


def _planned(stage: Stage, widths: list[int], side: int, batch: int) -> Planned:
    small = widths == SMALL
    augmentation = AUGMENTATIONS[AUGMENTATION_OF[stage]]
    heads = {"global": (256, 64) if small else (1024, 128), "local": (64, 32) if small else (128, 64)}
    step = StepWork(
        stage=stage,
        widths=widths,
        matrix=(side, side),
        batch=batch,
        transforms=transforms(augmentation, masks=stage == "finetune"),
        head=heads.get(stage),
        decoder_stages=3 if (stage, widths) == ("local", LARGE) else 2 * (stage == "local"),
        freeze_encoder=stage == "local",
    )
    return Planned(step, augmentation, *_pretraining(step))


def _pretraining(step: StepWork) -> tuple[PretrainedBase | None, str]:
    """A method with this step, and the stage."""
    budget: dict[str, Any] = {"batch": step.batch, **({"head": step.head} if step.head else {})}
    if step.stage == "regression":
        return RegressionMethod(pretext="regression", training=Training(augmentation="geometry", **budget)), "training"
    if step.stage == "global":
        stage = GlobalStage(partitions=4, similar_as_negatives=True, **budget)
        return ContrastiveMethod(pretext="contrastive", global_stage=stage, local_stage=None), "global_stage"
    if step.stage == "local":
        budget |= {"decoder_stages": step.decoder_stages, "freeze_encoder": step.freeze_encoder}
        local = LocalStage(regions=2, region_size=1, **budget)
        return ContrastiveMethod(pretext="contrastive", local_stage=local), "local_stage"
    return None, ""
