"""The rotation pretext: its objective and its batches."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from fewlabel.training.network import UNet
from fewlabel.training.pretexts.base import PretrainingData, StageImplementation
from fewlabel.training.sampling import Sampler
from fewlabel_toys.config.rotation import ANGLES, RotationMethod


class Rotation(nn.Module):
    """The encoder, with a classifier on the flattened bottleneck that is dropped afterwards."""

    def __init__(self, network: UNet, features: int, hidden: int) -> None:
        """`features`: channels x rows x columns of the coarsest feature map."""
        super().__init__()
        self.encoder = network.encoder
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, ANGLES))

    def forward(self, images: Tensor, generator: Generator) -> Tensor:
        """The loss of slices (batch, 1, side, side); the generator draws their angles."""
        turns = torch.randint(ANGLES, (len(images),), generator=generator, device=images.device)
        turned = torch.stack([image.rot90(int(turn), (1, 2)) for image, turn in zip(images, turns, strict=True)])
        return functional.cross_entropy(self.head(self.encoder(turned)[-1]).float(), turns)


def objective(method: RotationMethod, network: UNet, features: int) -> Rotation:
    """As the method's settings ask for."""
    return Rotation(network, features, method.rotation_stage.hidden)


def sampler(data: PretrainingData) -> Sampler:
    """Batches of any slices: pure functions of the step, so that an interrupted training resumes exactly."""
    rows = data.rows(data.settings.method.rotation_stage.batch)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        images = data.view(data.slices.images(rows(step)), "rotation_stage", "view", step)
        return images, data.generator("rotation", step)

    return Sampler(rows, sample)


STAGES = {"rotation_stage": StageImplementation(objective, sampler)}
