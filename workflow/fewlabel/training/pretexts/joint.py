"""Both pretexts at once in one network, which the paper and its predecessors did not try."""

from torch import Generator, Tensor, nn

from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.base import PretrainingData, StageImplementation
from fewlabel.training.pretexts.contrastive import GlobalContrast, PairSampler
from fewlabel.training.pretexts.regression import Regression
from fewlabel.training.sampling import Sampler


class Joint(nn.Module):
    """A U-Net restores corrupted slices, while its encoder with a head, which is dropped afterwards, contrasts slices.

    The loss is the regression's on the first views, plus `weight` times the contrastive one on both views.
    """

    def __init__(self, regression: Regression, contrast: GlobalContrast, weight: float) -> None:
        """`regression` and `contrast` share the network's encoder; `weight` > 0."""
        super().__init__()
        self.regression, self.contrast, self.weight = regression, contrast, weight

    def forward(
        self, first: Tensor, second: Tensor, rows: Tensor, parts: Tensor, volumes: Tensor, generator: Generator
    ) -> Tensor:
        """The loss of two views (batch, 1, rows, columns) of the same slices; the generator draws the corruption."""
        restored: Tensor = self.regression(first, generator)
        contrasted: Tensor = self.contrast(first, second, rows, parts, volumes)
        self.spread = self.contrast.spread
        return restored + self.weight * contrasted


def joint_objective(method: JointMethod, network: UNet, features: int) -> Joint:
    """The objective of a method's settings; `features`: see `GlobalContrast`."""
    contrast = GlobalContrast.of(method.joint_stage, network, features)
    regression = Regression(network, method.corrupted, method.block, method.noise_scale)
    return Joint(regression, contrast, method.contrast_weight)


def _sampler(data: PretrainingData) -> Sampler:
    method = data.settings.method
    assert isinstance(method, JointMethod)
    pairs = PairSampler(data, "joint_stage", method.joint_stage)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        return *pairs.tensors(step), data.generator("corruption", step)

    return Sampler(pairs.rows, sample)


STAGES = {"joint_stage": StageImplementation(joint_objective, _sampler, splits=True)}
