from itertools import pairwise

import pytest
import torch

from fewlabel.training.network import Normalisation, UNet, seeded


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


@pytest.mark.parametrize("laid_out", [torch.contiguous_format, torch.channels_last])
def test_normalisation_is_groupnorm_of_four_channels_with_its_gradients_however_features_lie(laid_out):
    layer, expected = Normalisation(12), torch.nn.GroupNorm(3, 12)
    for parameter in ("weight", "bias"):
        value = torch.rand(12)
        setattr(layer, parameter, torch.nn.Parameter(value))
        setattr(expected, parameter, torch.nn.Parameter(value.clone()))
    features = torch.randn(2, 12, 6, 10)
    ours, theirs = (
        features.clone(memory_format=laid_out).requires_grad_(),
        features.clone().requires_grad_(),
    )
    weights = torch.randn(2, 12, 6, 10)
    for normalise, inputs in ((layer, ours), (expected, theirs)):
        (normalise(inputs) * weights).sum().backward()
    assert torch.allclose(layer(ours), expected(theirs), atol=1e-6)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
    assert torch.allclose(layer.weight.grad, expected.weight.grad, atol=1e-5)


def test_on_a_cpu_all_feature_maps_lie_channels_last_and_parameters_do_not():
    network = UNet([4, 8, 12])
    features = network.encoder(torch.rand(2, 1, 16, 16))
    for feature in [*features, network.decoder(features)]:
        assert feature.is_contiguous(memory_format=torch.channels_last)
    # safetensors refuses any other.
    assert all(parameter.is_contiguous() for parameter in network.parameters())


def test_initialisation_is_a_function_of_the_seed_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, again, other = (seeded(lambda: UNet([4, 8]), seed, "network") for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    weights = [network.encoder.stages[0][0].weight for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_two_equal_channels_give_what_one_gives_with_a_halved_first_layer():
    one, images = seeded(lambda: UNet([4, 8]), 1), torch.rand(2, 1, 8, 8)
    two = UNet([4, 8], inputs=2)
    state = one.state_dict()
    state["encoder.stages.0.0.weight"] = state["encoder.stages.0.0.weight"].repeat(1, 2, 1, 1) / 2
    two.load_state_dict(state)
    assert torch.allclose(two(images.repeat(1, 2, 1, 1)), one(images), atol=1e-5)


def test_the_number_of_outputs_changes_the_start_of_no_other_layer():
    one, several = (seeded(lambda outputs=outputs: UNet([4, 8], outputs=outputs), 1) for outputs in (1, 4))
    assert several(torch.rand(2, 1, 8, 8)).shape == (2, 4, 8, 8)
    for name, tensor in one.state_dict().items():
        assert name.startswith("output") or torch.equal(tensor, several.state_dict()[name])
