from itertools import pairwise

import pytest
import torch

from fewlabel.learning.network import UNet, seeded


@pytest.mark.parametrize(
    ("widths", "rows", "columns"), [([4, 8], 6, 10), ([8, 16, 32, 64], 16, 24), ([16, 32, 64, 128, 128, 128], 64, 32)]
)
def test_one_channel_of_the_images_sides_comes_out(widths, rows, columns):
    assert UNet(widths)(torch.rand(2, 1, rows, columns)).shape == (2, 1, rows, columns)


def test_the_lineages_network_has_the_parameters_that_its_layers_add_up_to():
    widths = [16, 32, 64, 128, 128, 128]
    stage = lambda inputs, width: 9 * inputs * width + 9 * width * width + 4 * width  # noqa: E731 - two convolutions, two norms
    encoder = sum(stage(inputs, width) for inputs, width in zip([1, *widths], widths, strict=False))
    decoder = sum(4 * coarse * fine + fine + stage(2 * fine, fine) for fine, coarse in pairwise(widths))
    assert sum(parameter.numel() for parameter in UNet(widths).parameters()) == encoder + decoder + 16 + 1


def test_features_halve_at_each_stage_and_decoder_stages_double_them_again():
    network = UNet([4, 8, 12])
    features = network.encoder(torch.rand(1, 1, 16, 16))
    assert [tuple(feature.shape[1:]) for feature in features] == [(4, 16, 16), (8, 8, 8), (12, 4, 4)]
    assert network.decoder(features, 0).shape[1:] == (12, 4, 4)
    assert network.decoder(features, 1).shape[1:] == (8, 8, 8)
    assert torch.equal(network.decoder(features), network.decoder(features, 2))


def test_a_slices_result_does_not_depend_on_its_batch():
    network, images = UNet([4, 8]), torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(network(images)[2:3], network(images[2:3]), atol=1e-6)


def test_initialisation_is_a_function_of_the_seed_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, again, other = (seeded(lambda: UNet([4, 8]), seed, "network") for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    weights = [network.encoder.stages[0][0].weight for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
