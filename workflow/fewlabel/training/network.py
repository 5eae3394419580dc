"""2D U-Net with named encoder and decoder stages (Ronneberger et al. 2015), with GroupNorm."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewlabel.training.kernels import operations as kernels
from fewlabel.utils.seeds import seed64

Built = TypeVar("Built")


def _channels_last(features: Tensor) -> Tensor:
    """Convert to channels last on CPUs, whose convolutions would otherwise convert their input each time."""
    return features.contiguous(memory_format=torch.channels_last) if features.device.type == "cpu" else features


class Normalisation(nn.GroupNorm):
    """GroupNorm, four channels a group."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels // 4, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features of shape (batch, channel, row, column)."""
        # On CPUs GroupNorm of channels last takes several times as long as that of a contiguous copy.
        return _channels_last(super().forward(features.contiguous()))


class Stage(nn.Sequential):
    """Two 3 x 3 convolutions, each with GroupNorm (four channels a group) and ReLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            Normalisation(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            Normalisation(width),
            nn.ReLU(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map features (batch, channel, row, column) to (batch, width, row, column)."""
        return self._normalise(4, self._convolve(features))

    def with_pool(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The stage's output, and its 2 x 2 max-pool."""
        features = self._convolve(features)
        if self.training and kernels.available(features):
            return kernels.group_norm_relu_pool(features, *self._parameters_of(4))
        features = self._normalise(4, features)
        return features, functional.max_pool2d(features, 2)

    def _convolve(self, features: Tensor) -> Tensor:
        """Up to the second convolution."""
        second: Tensor = self[3](self._normalise(1, self[0](features)))
        return second

    def _normalise(self, index: int, features: Tensor) -> Tensor:
        """GroupNorm, the module of this index, and ReLU. Not in `eval` mode, in which networks are exported."""
        if self.training and kernels.available(features):
            return kernels.group_norm_relu(features, *self._parameters_of(index))
        normalised: Tensor = self[index + 1](self[index](features))
        return normalised

    def _parameters_of(self, index: int) -> tuple[Tensor, Tensor, float]:
        layer = self[index]
        assert isinstance(layer, Normalisation)
        return layer.weight, layer.bias, layer.eps


class Encoder(nn.Module):
    """Stages from fine to coarse, with a 2 x 2 max-pool between two stages."""

    def __init__(self, widths: Sequence[int], channels: int = 1) -> None:
        super().__init__()
        self.widths, self.inputs = tuple(widths), channels
        self.stages = nn.ModuleList(Stage(*pair) for pair in zip([channels, *widths[:-1]], widths, strict=True))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of all stages, finest first; the last is the bottleneck."""
        features: list[Tensor] = []
        images = _channels_last(images)
        for stage in list(self.stages)[:-1]:
            assert isinstance(stage, Stage)
            feature, images = stage.with_pool(images)
            features.append(feature)
        return [*features, self.stages[-1](images)]


class DecoderStage(nn.Module):
    """Nearest up-sampling, 2 x 2 convolution, concatenation with the encoder's map, two 3 x 3 convolutions."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.up = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(coarse, fine, 2))
        self.fuse = Stage(2 * fine, fine)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Map features (batch, coarse, h, w) and a skip (batch, fine, 2h, 2w) to features of the skip's shape."""
        fused: Tensor = self.fuse(self._joined(coarse, skip))
        return fused

    def _joined(self, coarse: Tensor, skip: Tensor) -> Tensor:
        if self.training and kernels.available(skip):
            convolution = self.up[1]
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.bias is not None
            return kernels.up_sample_concatenate(coarse, skip, convolution.weight, convolution.bias)
        up = self.up(functional.interpolate(coarse, scale_factor=2, mode="nearest"))
        return torch.cat([up, skip], dim=1)


class Decoder(nn.Module):
    """Stages from coarse to fine."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(DecoderStage(*pair) for pair in pairwise(reversed(widths)))

    def forward(self, features: Sequence[Tensor], stages: int | None = None) -> Tensor:
        """The feature map after the first `stages` decoder stages (coarsest first); by default after all."""
        decoded = features[-1]
        for stage, skip in zip(list(self.stages)[:stages], reversed(features[:-1]), strict=False):
            decoded = stage(decoded, skip)
        return decoded


class UNet(nn.Module):
    """Encoder, decoder and a 1 x 1 output convolution.

    Images have shape (batch, inputs, row, column) with sides that `2 ** (len(widths) - 1)` divides, outputs
    (batch, outputs, row, column): logits in segmentation (of one class, or of background and several classes),
    restored intensities in regression.
    """

    def __init__(self, widths: Sequence[int], inputs: int = 1, outputs: int = 1) -> None:
        super().__init__()
        self.encoder = Encoder(widths, inputs)
        self.decoder = Decoder(widths)
        self.output = nn.Conv2d(widths[0], 1, 1)
        self.apply(_initialise)
        if outputs != 1:
            # Last, so that the start of encoder and decoder does not depend on the number of outputs: a pretraining
            # and the finetuning of several classes start from the same network.
            self.output = nn.Conv2d(widths[0], outputs, 1)
            _initialise(self.output)

    def forward(self, images: Tensor) -> Tensor:
        """The output channels of images."""
        out: Tensor = self.output(self.decoder(self.encoder(images)))
        return out


def _initialise(module: nn.Module) -> None:
    """Initialise layers for ReLU (He et al. 2015); on the device "meta", where it would import the compiler, not."""
    if isinstance(module, (nn.Conv2d, nn.Linear)) and not module.weight.is_meta:
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def seeded(build: Callable[[], Built], *names: int | str) -> Built:
    """Build modules whose random initialisation is a pure function of numbers and names.

    The global generator is unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed64(*names))
        return build()
