"""The compiled kernels give what PyTorch's operations give in float64, forward and backward."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from fewlabel.training.kernels import operations
from fewlabel.training.kernels.library import library
from fewlabel.training.network import DecoderStage, UNet, seeded

pytestmark = pytest.mark.skipif(
    library() is None, reason="no compiled kernels; to have them: install a C compiler, then FewLabel again"
)

EPSILON = 1e-5
LANES = [lanes for lanes in (16, 8, 4) if library() is not None and lanes <= library().widest]
TYPES = {torch.float32: 2e-5, torch.bfloat16: 2**-8}


def random(*shape, seed=0, kind=torch.float32, scale=1.0, offset=0.0):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale + offset
    values = values.to(kind)
    return values.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else values


def expected(features, weight, bias, pool):
    normalised = functional.group_norm(features, features.shape[1] // 4, weight, bias, EPSILON).relu()
    return (normalised, functional.max_pool2d(normalised, 2)) if pool else (normalised,)


def ours(features, weight, bias, pool):
    if pool:
        return operations.group_norm_relu_pool(features, weight, bias, EPSILON)
    return (operations.group_norm_relu(features, weight, bias, EPSILON),)


def with_gradients(function, inputs, output_gradients):
    inputs = [each.detach().clone().requires_grad_() for each in inputs]
    outputs = function(*inputs)
    gradients = torch.autograd.grad(outputs, inputs, output_gradients)
    return [*outputs, *gradients]


def close(one, other, tolerance):
    one, other = one.double(), other.double()
    return one.shape == other.shape and (one - other).abs().max() <= tolerance * (1 + other.abs().max())


@pytest.fixture
def widest(monkeypatch):
    """Vectors as on a processor whose widest are of so many channels."""

    def set_to(lanes):
        monkeypatch.setattr(library(), "widest", lanes)

    return set_to


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("pool", [False, True], ids=["", "pool"])
@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize(
    ("channels", "rows", "columns"), [(4, 2, 2), (8, 6, 10), (12, 4, 4), (16, 32, 18), (20, 2, 4), (48, 8, 6)]
)
def test_normalisation_is_group_norm_relu_and_max_pool(channels, rows, columns, kind, pool, lanes, widest):
    widest(lanes)
    features = random(3, channels, rows, columns, kind=kind, scale=3, offset=1)
    weight, bias = random(channels, seed=1, offset=1), random(channels, seed=2)
    outputs = [random(3, channels, rows, columns, seed=3, kind=kind)]
    if pool:
        outputs.append(random(3, channels, rows // 2, columns // 2, seed=4, kind=kind))
    got = with_gradients(lambda *inputs: ours(*inputs, pool), (features, weight, bias), outputs)
    wanted = with_gradients(
        lambda *inputs: expected(*inputs, pool),
        (features.double(), weight.double(), bias.double()),
        [each.double() for each in outputs],
    )
    for one, other in zip(got, wanted, strict=True):
        assert close(one, other, TYPES[kind])
    assert got[0].dtype == kind
    assert got[-1].dtype == torch.float32


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 3), (17, 31)])
def test_sides_without_a_pool_may_be_odd(rows, columns):
    features, weight, bias = random(2, 16, rows, columns), random(16, seed=1), random(16, seed=2)
    assert close(ours(features, weight, bias, False)[0], expected(features, weight, bias, False)[0], 2e-5)


def test_a_pool_of_odd_sides_is_refused_with_the_sides():
    with pytest.raises(ValueError, match=r"\(5, 4\) pixels.*even sides"):
        operations.group_norm_relu_pool(random(1, 8, 5, 4), random(8), random(8), EPSILON)


def test_a_mean_far_above_the_spread_does_not_spoil_the_variance():
    features, weight, bias = random(2, 16, 64, 64, offset=1000.0), torch.ones(16), torch.zeros(16)
    wanted = expected(features.double(), weight.double(), bias.double(), False)[0]
    assert close(ours(features, weight, bias, False)[0], wanted, 1e-3)


@pytest.mark.parametrize("used", [0, 1], ids=["only the map", "only its pool"])
def test_one_of_the_two_outputs_may_be_unused(used):
    features, weight, bias = random(2, 8, 4, 4), random(8, seed=1, offset=1), random(8, seed=2)
    shape = (2, 8, 4, 4) if used == 0 else (2, 8, 2, 2)
    of_one = lambda function: lambda *inputs: (function(*inputs, True)[used],)  # noqa: E731
    got, wanted = (
        with_gradients(of_one(function), (features, weight, bias), [random(*shape, seed=3)])
        for function in (ours, expected)
    )
    for one, other in zip(got, wanted, strict=True):
        assert close(one, other, 2e-5)


def test_of_equal_pixels_the_first_has_the_pools_gradient_as_in_pytorch():
    features = torch.ones(1, 4, 4, 4).contiguous(memory_format=torch.channels_last)
    features[:, :, :2] = -1
    weight, bias, gradient = torch.ones(4), torch.full((4,), 2.0), [torch.zeros(1, 4, 4, 4), random(1, 4, 2, 2)]
    got, wanted = (
        with_gradients(lambda *inputs, function=function: function(*inputs, True), (features, weight, bias), gradient)
        for function in (ours, expected)
    )
    for one, other in zip(got, wanted, strict=True):
        assert close(one, other, 1e-5)


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("pool", [False, True], ids=["", "pool"])
def test_nan_stays_in_its_group(kind, pool):
    features = random(2, 8, 4, 4, kind=kind)
    features[1, 5, 2, 2] = float("nan")
    for output in ours(features, torch.ones(8), torch.zeros(8), pool):
        assert torch.isnan(output[1, 4:]).all()
        assert torch.isfinite(output[0]).all()
        assert torch.isfinite(output[1, :4]).all()


def test_infinity_does_not_become_a_number():
    features = random(1, 4, 2, 2, kind=torch.bfloat16)
    features[0, 0, 0, 0] = float("inf")
    assert not torch.isfinite(ours(features, torch.ones(4), torch.zeros(4), False)[0]).all()


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_results_do_not_depend_on_the_number_of_threads_to_the_bit(kind):
    features, weight, bias = random(5, 16, 8, 8, kind=kind), random(16, seed=1), random(16, seed=2)
    outputs = [random(5, 16, 8, 8, seed=3, kind=kind), random(5, 16, 4, 4, seed=4, kind=kind)]
    before, got = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            got.append(with_gradients(lambda *inputs: ours(*inputs, True), (features, weight, bias), outputs))
    finally:
        torch.set_num_threads(before)
    for other in got[1:]:
        assert all(torch.equal(one, two) for one, two in zip(got[0], other, strict=True))


def test_maps_that_do_not_lie_channels_last_give_the_same():
    features, weight, bias = random(2, 8, 6, 4), random(8, seed=1), random(8, seed=2)
    contiguous, strided = features.contiguous(), torch.cat([features, features], 3)[:, :, :, :4]
    for laid_out in (contiguous, strided):
        assert torch.equal(ours(laid_out, weight, bias, True)[1], ours(features, weight, bias, True)[1])


@pytest.mark.parametrize(
    ("coarse", "fine", "rows", "columns"), [(4, 4, 1, 1), (8, 4, 2, 3), (64, 16, 6, 4), (20, 12, 3, 5)]
)
def test_up_sampling_and_concatenation_are_those_of_the_decoder(coarse, fine, rows, columns):
    stage = seeded(lambda: DecoderStage(coarse, fine), 1).double()
    convolution, maps = stage.up[1], (random(2, coarse, rows, columns), random(2, fine, 2 * rows, 2 * columns, seed=1))
    with torch.no_grad():
        convolution.bias += 0.5
    given = [random(2, 2 * fine, 2 * rows, 2 * columns, seed=2)]

    def decoder(coarse, skip, weight, bias):
        up = functional.interpolate(coarse, scale_factor=2, mode="nearest")
        up = functional.conv2d(functional.pad(up, (0, 1, 0, 1)), weight, bias)
        return (torch.cat([up, skip], dim=1),)

    inputs = (*maps, convolution.weight, convolution.bias)
    wanted = with_gradients(decoder, [each.double() for each in inputs], [given[0].double()])
    got = with_gradients(
        lambda *inputs: (operations.up_sample_concatenate(*inputs),), [each.float() for each in inputs], given
    )
    for one, other in zip(got, wanted, strict=True):
        assert close(one, other, 2e-5)
    # The oracle is the module's own path, too.
    assert torch.allclose(stage.eval()._joined(maps[0].double(), maps[1].double()), wanted[0])


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_concatenation_moves_every_byte_of_both_maps(kind):
    skip, coarse = random(2, 12, 6, 4, seed=1, kind=kind), random(2, 12, 3, 2, kind=kind)
    weight = torch.zeros(12, 12, 2, 2)
    weight[range(12), range(12), 0, 0] = 1  # up-sampling alone
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        joined = operations.up_sample_concatenate(coarse, skip, weight, torch.zeros(12))
    assert joined.dtype == kind
    assert torch.equal(joined[:, 12:], skip)
    assert torch.equal(joined[:, :12], functional.interpolate(coarse, scale_factor=2, mode="nearest"))


def test_a_network_in_training_has_the_gradients_of_one_in_float64():
    network, images = seeded(lambda: UNet([8, 16, 32]), 3), torch.rand(2, 1, 16, 24)
    exact = seeded(lambda: UNet([8, 16, 32]), 3).double()
    for each, dtype in ((network, torch.float32), (exact, torch.float64)):
        each.train()(images.to(dtype)).square().mean().backward()
    for name, parameter in network.named_parameters():
        wanted = exact.get_parameter(name).grad
        assert (parameter.grad - wanted).abs().max() <= 1e-4 * wanted.abs().max(), name


def test_kernels_are_used_in_training_alone_and_where_they_fit():
    def made(network, images):
        return network.encoder(images)[0].grad_fn.name()

    images, network = torch.rand(1, 1, 8, 8), UNet([8, 16])
    assert "GroupNormReLU" in made(network, images)
    assert "GroupNormReLU" not in made(network.eval(), images)
    assert "GroupNormReLU" not in made(network.train().double(), images.double())
    assert not operations.available(torch.zeros(1, 6, 2, 2))


CHILD = """
import torch
from fewlabel.training.kernels.library import kernels_in_use
from fewlabel.training.network import UNet, seeded
images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
print(kernels_in_use(torch.device("cpu")), float(seeded(lambda: UNet([8, 16]), 1)(images).square().mean()))
"""


def test_without_the_kernels_a_network_gives_the_same_but_for_rounding():
    printed = {}
    for switch in ("off", ""):
        environment = {**os.environ, "FEWLABEL_KERNELS": switch}
        done = subprocess.run(
            [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True
        )
        name, _, value = done.stdout.strip().rpartition(" ")
        printed[name] = float(value)
    assert set(printed) == {"None", "compiled 2"}
    assert printed["None"] == pytest.approx(printed["compiled 2"], rel=1e-5)
