"""Settings of the network, of augmentation, and of training and finetuning budgets."""

from typing import Annotated, Any, Literal

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from fewlabel.config.base import Name, Settings, Share, Side, Steps

Widths = Annotated[list[Annotated[int, Field(ge=4, le=4096, multiple_of=4)]], Field(min_length=2, max_length=8)]


class Network(Settings):
    """The U-Net."""

    widths: Widths = Field([16, 32, 64, 128, 128, 128])
    """Channels of each stage, finest first; each further stage halves the matrix. Multiples of 4 (GroupNorm)."""

    @property
    def reduction(self) -> int:
        """By what the matrix must be divisible."""
        return int(2 ** (len(self.widths) - 1))


class Augmentation(Settings):
    """Ranges of random transforms, each uniform unless said otherwise; the defaults change nothing."""

    rotation_deg: float = Field(0, ge=0, le=180)
    """Rotation within plus or minus this."""
    scale: float = Field(0, ge=0, lt=1)
    """Zoom between 1 - scale and 1 + scale."""
    shift: Share = 0
    """Translation within plus or minus this share of the matrix."""
    elastic_px: float = Field(0, ge=0, le=1000)
    """Standard deviation, in pixels, of the displacements of a coarse grid, interpolated smoothly."""
    elastic_grid: int = Field(3, ge=2, le=32)
    """Rows and columns of that coarse grid."""
    flip: bool = False
    """Mirror, with probability one half, each axis that the cohort allows."""
    crop_min: float = Field(1, gt=0, le=1)
    """A random crop of between this share and the whole of the matrix's sides, enlarged back."""
    brightness: float = Field(0, ge=0, le=100)
    """Added constant within plus or minus this (images are about 0 to 1)."""
    contrast: float = Field(0, ge=0, lt=1)
    """Factor about the mean between 1 - contrast and 1 + contrast."""
    gamma: float = Field(0, ge=0, lt=1)
    """Exponent between 1 - gamma and 1 + gamma."""
    shading: float = Field(0, ge=0, lt=1)
    """Amplitude of a smooth multiplicative field (coil shading)."""
    noise: float = Field(0, ge=0, le=100)
    """Standard deviation of added Gaussian noise: uniform between 0 and this."""


GEOMETRIC = ("rotation_deg", "scale", "shift", "elastic_px", "flip", "crop_min")
"""Settings of transforms that move what is in a slice."""


class Training(Settings):
    """A budget in optimiser steps, and how they are taken."""

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


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    annotation: Any = field.annotation
    for bound in field.metadata:
        annotation = Annotated[annotation, bound]
    return annotation | None, Field(None, description=field.description)


_changes: dict[str, Any] = {name: _optional(field) for name, field in Finetuning.model_fields.items()}
FinetuningChange = create_model(
    "FinetuningChange",
    __base__=Settings,
    __doc__="What a method does differently in finetuning; what is not named stays as in `finetuning`.",
    **_changes,
)
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "geometry": Augmentation(rotation_deg=15, scale=0.05, flip=True),
    "standard": Augmentation(
        rotation_deg=15, scale=0.05, shift=0.05, elastic_px=2, flip=True, brightness=0.1, contrast=0.2
    ),
    "extensive": Augmentation(
        rotation_deg=20,
        scale=0.15,
        shift=0.08,
        elastic_px=3,
        flip=True,
        brightness=0.15,
        contrast=0.3,
        gamma=0.25,
        shading=0.3,
        noise=0.05,
    ),
    "views": Augmentation(crop_min=0.52, flip=True, brightness=0.3, contrast=0.3),
    "intensity": Augmentation(brightness=0.3, contrast=0.3),
}
