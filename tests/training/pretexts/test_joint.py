"""The joint objective against its two parts."""

import pytest
import torch

from fewlabel.config.pretexts.contrastive import GlobalStage
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.contrastive import GlobalContrast
from fewlabel.training.pretexts.joint import joint_objective
from fewlabel.training.pretexts.regression import Regression

WIDTHS = [4, 8]
ROWS, PARTS, VOLUMES = torch.tensor([3, 4, 7, 8]), torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])


def joint(weight):
    method = JointMethod(
        pretext="joint",
        joint_stage=GlobalStage(positives=["augmentation", "anatomy"], head=(16, 8)),
        contrast_weight=weight,
        block=2,
    )
    return seeded(lambda: joint_objective(method, UNet(WIDTHS), 8 * 64), 1)


def views():
    chance = torch.Generator().manual_seed(0)
    return torch.rand(4, 1, 16, 16, generator=chance), torch.rand(4, 1, 16, 16, generator=chance)


def corruption():
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_the_loss_is_that_of_both_parts(weight):
    objective, (first, second) = joint(weight), views()
    alone = objective.regression(first, corruption())
    contrast = objective.contrast(first, second, ROWS, PARTS, VOLUMES)
    together = objective(first, second, ROWS, PARTS, VOLUMES, corruption())
    assert together.item() == pytest.approx(alone.item() + weight * contrast.item(), rel=1e-6)


def test_encoder_gradients_are_the_sum_of_both_and_decoder_gradients_the_regressions():
    objective, (first, second) = joint(0.5), views()

    def gradients(loss):
        objective.zero_grad()
        loss.backward()
        network = objective.regression.network
        return {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}

    both = gradients(objective(first, second, ROWS, PARTS, VOLUMES, corruption()))
    restored = gradients(objective.regression(first, corruption()))
    contrasted = gradients(0.5 * objective.contrast(first, second, ROWS, PARTS, VOLUMES))
    assert all(name.startswith("encoder.") for name in contrasted)
    for name, value in both.items():
        expected = restored[name] + contrasted.get(name, 0)
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6)


def test_both_parts_train_one_network():
    objective = joint(0.1)
    assert isinstance(objective.regression, Regression) and isinstance(objective.contrast, GlobalContrast)
    assert objective.contrast.encoder is objective.regression.network.encoder
    numbers = sum(value.numel() for value in objective.parameters())
    heads = sum(value.numel() for value in objective.contrast.head.parameters())
    assert numbers == heads + sum(value.numel() for value in UNet(WIDTHS).parameters())
