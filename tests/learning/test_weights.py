import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabel.errors import InputError
from fewlabel.learning.network import UNet
from fewlabel.learning.weights import load_weights, read_weights, restore_network, save_weights, transferable

WIDTHS = [4, 8, 12]


@pytest.fixture
def saved(tmp_path):
    network = UNet(WIDTHS)
    save_weights(tmp_path / "weights.safetensors", transferable(network, 1), {"widths": WIDTHS, "subjects": ["a"]})
    return tmp_path / "weights.safetensors", network


def test_matched_parameters_are_the_pretrained_ones_and_missing_ones_are_named(saved):
    path, network = saved
    fresh = UNet(WIDTHS)
    before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    loaded = load_weights(fresh, path, WIDTHS)
    assert sorted(loaded.matched + loaded.missing) == sorted(before)
    assert all(torch.equal(fresh.state_dict()[name], network.state_dict()[name]) for name in loaded.matched)
    assert all(torch.equal(fresh.state_dict()[name], before[name]) for name in loaded.missing)
    assert {name.rsplit(".", 2)[0] for name in loaded.missing if name.startswith("decoder")} <= {
        "decoder.stages.1.up",
        "decoder.stages.1.fuse",
        "decoder.stages.1",
    }
    assert str(loaded).endswith("start at random (decoder.stages.1, output)")


def test_the_output_convolution_is_never_handed_on():
    assert not any(name.startswith("output") for name in transferable(UNet(WIDTHS), 2))
    assert len(transferable(UNet(WIDTHS), 2)) == len(UNet(WIDTHS).state_dict()) - 2


def test_facts_come_back(saved):
    assert read_weights(saved[0])[1] == {"widths": WIDTHS, "subjects": ["a"]}


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ([4, 8, 16], r"network.widths are \[4, 8, 16\], the weights were made with \[4, 8, 12\]"),
        ([4, 8], "unknown to this network"),
    ],
)
def test_another_network_is_refused(saved, widths, message):
    with pytest.raises(InputError, match=message):
        load_weights(UNet(widths), saved[0], widths)


def test_weights_without_a_part_of_the_encoder_are_refused(tmp_path):
    tensors = {
        name: tensor for name, tensor in UNet(WIDTHS).state_dict().items() if not name.startswith("encoder.stages.2")
    }
    save_weights(tmp_path / "w.safetensors", tensors, {"widths": WIDTHS})
    with pytest.raises(InputError, match=r"encoder.stages.2.0.weight of the encoder is missing"):
        load_weights(UNet(WIDTHS), tmp_path / "w.safetensors", WIDTHS)


@settings(deadline=None, max_examples=50)
@given(cut=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "w.safetensors"
    save_weights(path, UNet([4, 8]).state_dict(), {"widths": [4, 8]})
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(InputError, match="damaged"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone.safetensors: no such"):
        read_weights(tmp_path / "gone.safetensors")


def test_a_whole_network_comes_back_and_a_part_does_not(tmp_path, saved):
    network = UNet(WIDTHS)
    save_weights(tmp_path / "whole.safetensors", network.state_dict(), {"widths": WIDTHS})
    restored, _ = restore_network(tmp_path / "whole.safetensors")
    images = torch.rand(1, 1, 8, 8)
    assert torch.equal(restored(images), network(images))
    with pytest.raises(InputError, match="not a whole network"):
        restore_network(saved[0])
