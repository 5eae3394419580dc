"""The regression pretext: noise replaces a share of the pixels; the network restores them (paper, figure 1 left)."""

import torch
from torch import Generator, Tensor, nn

from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.training.devices import processes
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.base import PretrainingData, StageImplementation
from fewlabel.training.sampling import Sampler


def corruption_mask(shape: tuple[int, ...], share: float, block: int, generator: Generator) -> Tensor:
    """The pixels to replace: for each slice at random, exactly the given share of pixels or squares.

    Args:
        shape: (batch, channel, rows, columns).
        share: of the pixels (of the squares, when `block` is above 1), 0 to 1; at least one is corrupted.
        block: side of the squares in pixels; squares at the right and lower border may be cut.
        generator: on the device of the result.

    Returns:
        Boolean tensor (batch, 1, rows, columns), alike for all channels; True is corrupted.
    """
    batch, _, rows, columns = shape
    high, wide = -(-rows // block), -(-columns // block)
    chance = processes.uniform((batch, high * wide), generator)
    count = max(1, round(share * high * wide))
    corrupted = torch.zeros_like(chance, dtype=torch.bool)
    corrupted.scatter_(1, chance.topk(count, dim=1).indices, True)
    squares = corrupted.view(batch, 1, high, wide)
    return squares.repeat_interleave(block, 2).repeat_interleave(block, 3)[:, :, :rows, :columns]


def corrupt(images: Tensor, corrupted: Tensor, noise_scale: float, generator: Generator) -> Tensor:
    """Replace corrupted pixels by Gaussian noise: the slice's mean, its standard deviation times `noise_scale`.

    The paper names only Gaussian noise. Both moments of the slice keep its brightness and contrast, so that the level
    alone does not distinguish noise from tissue.
    """
    mean = images.mean(dim=(2, 3), keepdim=True)
    deviation = images.std(dim=(2, 3), keepdim=True) * noise_scale
    noise = processes.normal(images.shape, generator) * deviation + mean
    return torch.where(corrupted, noise, images)


def masked_l1(restored: Tensor, images: Tensor, corrupted: Tensor) -> Tensor:
    """Mean absolute error over the corrupted pixels only.

    Args:
        restored, images: shape (batch, channel, rows, columns).
        corrupted: boolean, the same shape, or (batch, 1, rows, columns) for all channels; True where the input was
            replaced.

    Raises:
        ValueError: shapes differ, or (on CPUs) no pixel is corrupted.
    """
    if corrupted.shape[1:2] == (1,):
        corrupted = corrupted.expand(-1, images.shape[1], -1, -1)
    if not restored.shape == images.shape == corrupted.shape:
        raise ValueError(
            f"shapes {tuple(restored.shape)}, {tuple(images.shape)} and {tuple(corrupted.shape)} must be equal"
        )
    # A GPU would wait for this check.
    if corrupted.device.type == "cpu" and not bool(corrupted.any()):
        raise ValueError("no pixel is corrupted: the loss is a mean over none")
    error = (restored.float() - images).abs()
    return processes.mean_over_batch(torch.where(corrupted, error, 0.0).sum(), corrupted.sum())


class Regression(nn.Module):
    """The regression objective: a U-Net that restores corrupted slices."""

    def __init__(self, network: UNet, corrupted: float, block: int, noise_scale: float) -> None:
        super().__init__()
        self.network = network
        self.corrupted, self.block, self.noise_scale = corrupted, block, noise_scale

    def forward(self, images: Tensor, generator: Generator) -> Tensor:
        """The loss of a batch; the generator draws mask and noise."""
        corrupted = corruption_mask(tuple(images.shape), self.corrupted, self.block, generator)
        return masked_l1(self.network(corrupt(images, corrupted, self.noise_scale, generator)), images, corrupted)


def _objective(method: RegressionMethod, network: UNet, features: int) -> Regression:
    return Regression(network, method.corrupted, method.block, method.noise_scale)


def _sampler(data: PretrainingData) -> Sampler:
    method = data.settings.method
    assert isinstance(method, RegressionMethod)
    rows = data.rows(method.training.batch)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        images = data.slices.images(processes.share(rows(step)))
        return data.view(images, "training", "view", step), data.generator("corruption", step)

    return Sampler(rows, sample)


STAGES = {"training": StageImplementation(_objective, _sampler, splits=True)}
