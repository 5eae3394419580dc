"""Operation counts of a training step, computed from the network without torch.

The time of a step is modelled by five counts (`Work`); `calibration` fits their costs on a machine.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import Field

from fewlabel.config.augmentation import GEOMETRIC, Augmentation
from fewlabel.config.base import Settings, Side
from fewlabel.config.pretexts.base import HeadWidth

Stage = Literal["regression", "global", "local", "joint", "finetune", "predict"]
"""A kind of step. Of pretrainings: `regression` trains the whole network, `global` the encoder, `joint` both on the
same slices, `local` some decoder stages; all but the first have a head."""
TRAINED = 3
"""Passes of training: forward, gradient of the activations, gradient of the weights; about equal work each."""
CALLS_A_STEP = 30
"""Calls of each step in addition to its layers: sampling, loss, optimiser."""


class StepWork(Settings):
    """Properties of a training step, or of the prediction of one batch, that determine its cost."""

    stage: Stage
    widths: list[Side]
    matrix: tuple[Side, Side]
    batch: Side
    """Slices."""
    views: Side | None = None
    """Images of each slice that pass the encoder. Default: two for stages with a head, else one."""
    transforms: int = Field(0, ge=0, le=1000)
    """Augmentation passes over the pixels of one view."""
    head: tuple[HeadWidth, HeadWidth] | None = None
    """Widths of a pretraining stage's head."""
    decoder_stages: int = Field(0, ge=0, le=7)
    """Decoder stages that the local stage trains."""
    freeze_encoder: bool = False


@dataclass(frozen=True)
class Work:
    """Counts of a step, or of a part of a network for one image."""

    multiply_adds: float = 0  # of convolutions and linear layers
    activations: float = 0  # numbers written by layers
    parameters: float = 0  # updated by the optimiser
    pixels: float = 0  # processed by augmentation
    calls: float = 0  # of layers; each has a fixed cost

    def __add__(self, other: "Work") -> "Work":
        """The sum of both."""
        return Work(*(a + b for a, b in zip(self.counts(), other.counts(), strict=True)))

    def counts(self) -> tuple[float, ...]:
        """The five counts in their order."""
        return self.multiply_adds, self.activations, self.parameters, self.pixels, self.calls

    def of_batch(self, images: int, passes: int) -> "Work":
        """The counts of a batch of images, with 1 (forward) or 3 (training) passes."""
        times = images * passes
        trained = self.parameters if passes > 1 else 0
        return Work(self.multiply_adds * times, self.activations * times, trained, 0, self.calls * passes)


def _convolution(side: int, channels: int, width: int, pixels: int, other: int) -> Work:
    """A convolution; `other`: parameters in addition to its kernel (bias, normalisation)."""
    kernel = side * side * channels * width
    return Work(kernel * pixels, width * pixels, kernel + other, calls=1)


def _two_convolutions(channels: int, width: int, pixels: int) -> Work:
    """A stage: two 3 x 3 convolutions, each with normalisation and ReLU, which write as many activations again."""
    around = Work(activations=4 * width * pixels, calls=4)
    first, second = (_convolution(3, before, width, pixels, 2 * width) for before in (channels, width))
    return first + second + around


def encoder_work(widths: list[int], pixels: int) -> Work:
    """The forward pass of the encoder for one image."""
    total = Work()
    for depth, (before, width) in enumerate(zip([1, *widths[:-1]], widths, strict=True)):
        total += _two_convolutions(before, width, pixels // 4**depth)
        if depth:
            total += Work(activations=before * (pixels // 4**depth), calls=1)
    return total


def decoder_work(widths: list[int], pixels: int, stages: int) -> Work:
    """The forward pass of so many decoder stages, coarsest first."""
    total = Work()
    depths = range(len(widths) - 2, -1, -1)
    for depth, (coarse, fine) in list(zip(depths, pairwise(reversed(widths)), strict=True))[:stages]:
        here = pixels // 4**depth
        # Up-sampling and padding write the coarse map again, and the skip is copied beside the result.
        total += Work(activations=(2 * coarse + 2 * fine) * here, calls=3)
        total += _convolution(2, coarse, fine, here, fine) + _two_convolutions(2 * fine, fine, here)
    return total


def unet_work(widths: list[int], pixels: int) -> Work:
    """The whole network's forward pass for one image."""
    output = _convolution(1, widths[0], 1, pixels, 1)
    return encoder_work(widths, pixels) + decoder_work(widths, pixels, len(widths) - 1) + output


def head_work(step: StepWork) -> Work:
    """A pretraining stage's projection head for one image."""
    if step.head is None:
        return Work()
    pixels = step.matrix[0] * step.matrix[1]
    hidden, out = step.head
    if step.stage in ("global", "joint"):
        inputs = step.widths[-1] * (pixels // 4 ** (len(step.widths) - 1))
        return _convolution(1, inputs, hidden, 1, 0) + _convolution(1, hidden, out, 1, 0) + Work(calls=2)
    depth = len(step.widths) - 1 - step.decoder_stages
    here = pixels // 4**depth
    layers = _convolution(1, step.widths[depth], hidden, here, 2 * hidden) + _convolution(1, hidden, out, here, 0)
    return layers + Work(activations=2 * hidden * here, calls=2)


def default_views(stage: Stage) -> int:
    """Images of a slice that pass the encoder by default."""
    return 2 if stage in ("global", "local", "joint") else 1


def step_work(step: StepWork) -> Work:
    """The counts of a step."""
    pixels = step.matrix[0] * step.matrix[1]
    images = step.batch * (step.views or default_views(step.stage))
    fixed = Work(pixels=images * pixels * step.transforms, calls=CALLS_A_STEP)
    if step.stage == "predict":
        return unet_work(step.widths, pixels).of_batch(images, 1) + fixed
    if step.stage in ("regression", "finetune"):
        return unet_work(step.widths, pixels).of_batch(images, TRAINED) + fixed
    encoder = encoder_work(step.widths, pixels)
    if step.stage in ("global", "joint"):
        contrast = (encoder + head_work(step)).of_batch(images, TRAINED) + fixed
        restored = unet_work(step.widths, pixels).of_batch(step.batch, TRAINED) + Work(parameters=-encoder.parameters)
        return contrast + restored if step.stage == "joint" else contrast
    trained = decoder_work(step.widths, pixels, step.decoder_stages) + head_work(step)
    return encoder.of_batch(images, 1 if step.freeze_encoder else TRAINED) + trained.of_batch(images, TRAINED) + fixed


def transforms(settings: Augmentation, masks: bool = False) -> int:
    """Augmentation passes over the pixels of a view: resampling (two with masks), and one for each other change."""
    still = Augmentation()
    changed = {name for name in Augmentation.model_fields if getattr(settings, name) != getattr(still, name)}
    moves = bool(changed & set(GEOMETRIC))
    return moves * (2 if masks else 1) + len(changed - set(GEOMETRIC) - {"elastic_grid"}) + ("elastic_px" in changed)
