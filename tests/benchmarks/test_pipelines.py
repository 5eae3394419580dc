"""What is compared computes the same."""

import pytest
import torch

from benchmarks.pipelines.ensembles import GroupedUNet
from benchmarks.shared import lacking
from fewlabel.training.network import UNet


@pytest.mark.parametrize("plain", [False, True])
def test_a_grouped_network_is_its_networks(plain):
    torch.manual_seed(1)
    networks = [UNet([4, 8, 12]).train() for _ in range(3)]
    for network in networks:
        for parameter in network.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    grouped = GroupedUNet(3, [4, 8, 12], plain)
    grouped.fill(networks)
    images = torch.randn(2, 3, 16, 24)
    expected = torch.cat([network(image) for network, image in zip(networks, images.split(1, 1), strict=True)], dim=1)
    torch.testing.assert_close(grouped(images), expected, rtol=1e-4, atol=1e-4)


def test_losses_of_all_libraries_agree():
    if reason := lacking("monai", "lightly"):
        pytest.skip(reason)
    from benchmarks.pipelines.losses import losses

    views = torch.randn(2, 6, 16)
    values = {name: loss(*views) for name, loss in losses().items()}
    assert len(values) == 3
    for value in values.values():
        torch.testing.assert_close(value, values["FewLabel nt_xent"], rtol=1e-5, atol=1e-5)
