"""Settings of the network, and of training and finetuning budgets."""

from typing import Annotated, Any, Literal

from pydantic import Field, create_model, field_validator
from pydantic.fields import FieldInfo

from fewlabel.config.base import Name, Settings, Share, Side, Steps

Widths = Annotated[list[Annotated[int, Field(ge=4, le=4096, multiple_of=4)]], Field(min_length=2, max_length=8)]


class Network(Settings):
    """The U-Net."""

    widths: Widths = Field([16, 32, 64, 128, 128, 128])
    """Channels of each stage, finest first; each further stage halves the matrix. Multiples of 4 (GroupNorm)."""

    context: int = Field(1, ge=1, le=15, exclude_if=lambda value: value == 1)
    """Odd number of neighbouring slices that the network sees as channels, the one to segment in the middle; at the
    ends of a volume its outermost slice is repeated. 1: single slices."""

    @field_validator("context")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"an odd number, so that one slice is in the middle, but got {value}")
        return value

    @property
    def reduction(self) -> int:
        """By what the matrix must be divisible."""
        return int(2 ** (len(self.widths) - 1))


class Training(Settings):
    """A budget in optimiser steps, with batch size and learning rate."""

    steps: int = Field(10_000, ge=1, le=100_000_000)
    batch: Side = 12
    """Slices a step."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """Of Adam, after the warm-up."""
    warmup: Steps = 0
    """Steps over which the learning rate rises linearly."""
    schedule: Literal["constant", "cosine"] = "constant"
    """After the warm-up: constant, or half a cosine to 0."""
    weight_decay: float = Field(0, ge=0, le=1000)
    """Decoupled (AdamW)."""
    augmentation: Name
    """A name under `augmentations`."""


class Finetuning(Training):
    """Supervised training on the labelled subjects of a draw, with Dice loss."""

    batch: Side = 20
    augmentation: Name = "standard"
    foreground: Share = 0.5
    """Share of a batch drawn from slices that hold the target; the rest from all slices of the labelled subjects."""
    loss: Literal["dice", "dice_cross_entropy"] = Field("dice", exclude_if=lambda value: value == "dice")
    """Dice over the classes without background, or the sum of it and cross entropy with background. Of several classes,
    Dice alone may never learn one: prefer the sum."""


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    # A setting that is left out of records while it has its default is left out while nothing changes it, too.
    left_out = None if field.exclude_if is None else (lambda value: value is None)
    return annotation | None, Field(None, exclude_if=left_out)


_changes: dict[str, Any] = {name: _optional(field) for name, field in Finetuning.model_fields.items()}
FinetuningChange = create_model(
    "FinetuningChange",
    __base__=Settings,
    __doc__="What a method does differently in finetuning; what is not named stays as in `finetuning`.",
    **_changes,
)
