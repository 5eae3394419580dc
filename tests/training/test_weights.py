import json
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from fewlabel.inference.trained_network import open_trained_network
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.restore import restore_pretext
from fewlabel.training.weights import load_weights, read_weights, restore_network, save_weights, transferable
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.errors import InputError
from helpers.refusals import error_of

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
        ([4, 8, 16], r"network.widths are \[4, 8, 16\], those of the weights \[4, 8, 12\]"),
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


@settings(max_examples=50)
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
    with pytest.raises(InputError, match="not a complete network"):
        restore_network(saved[0])


# ------------------------------------------------------------------------------------- files that others have made
def written(path, tensors, metadata):
    """A file as safetensors writes it, with metadata as they are."""
    path.write_bytes(save(tensors, metadata=metadata))
    return path


ODD = {
    "no widths": {"widths": None},
    "one width": {"widths": [4]},
    "widths that are a number": {"widths": 4},
    "widths that are a text": {"widths": "4, 8"},
    "widths of texts": {"widths": ["4", "8"]},
    "widths of booleans": {"widths": [True, True]},
    "widths of fractions": {"widths": [4.5, 8]},
    "negative widths": {"widths": [-4, -8]},
    "widths of zero": {"widths": [0, 0]},
    "widths of no multiple of four": {"widths": [6, 8]},
    "huge widths": {"widths": [10**6, 10**6]},
    "endless widths": {"widths": [4] * 10**4},
    "a width of thousands of digits": '{"widths": [' + "9" * 5000 + ", 8]}",
    "nested too deeply": '{"widths": ' + "[" * 100_000,
    "infinite widths": '{"widths": [Infinity, NaN]}',
    "a list": "[1, 2]",
    "a number": "7",
    "nothing": "null",
    "no JSON": "widths: 4",
    "subjects that are a number": {"widths": WIDTHS, "subjects": 3},
    "subjects of numbers": {"widths": WIDTHS, "subjects": [1, 2]},
    "settings that are a list": {"widths": WIDTHS, "settings": ["method"]},
    "a working grid that is a text": {"widths": WIDTHS, "prepared": "grid"},
}


@pytest.mark.parametrize("metadata", ODD.values(), ids=list(ODD))
def test_odd_metadata_end_in_one_line(tmp_path, metadata):
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    path = written(tmp_path / "odd.safetensors", UNet(WIDTHS).state_dict(), {"fewlabel": text})
    for read in (
        read_weights,
        restore_network,
        open_trained_network,
        lambda it: load_weights(UNet(WIDTHS), it, WIDTHS),
    ):
        message = error_of(read, path)
        assert message.startswith("odd.safetensors: damaged, or not weights of fewlabel (")
        assert "\n" not in message and len(message) < 500


def test_a_file_of_another_program_is_none_of_ours(tmp_path):
    path = written(tmp_path / "other.safetensors", {"a": torch.zeros(2)}, {"format": "pt"})
    assert "it contains no metadata of fewlabel" in error_of(read_weights, path)


def test_numbers_that_are_no_weights_are_refused(tmp_path):
    tensors = {name: tensor.to(torch.int32) for name, tensor in UNet(WIDTHS).state_dict().items()}
    path = written(tmp_path / "int.safetensors", tensors, {"fewlabel": json.dumps({"widths": WIDTHS})})
    assert "numbers of type I32; accepted: F16, BF16, F32, F64" in error_of(restore_network, path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_finite_numbers_are_refused(tmp_path, value):
    tensors = UNet(WIDTHS).state_dict()
    tensors["output.bias"] = torch.tensor([value])
    save_weights(tmp_path / "w.safetensors", tensors, {"widths": WIDTHS})
    for read in (read_weights, restore_network, lambda path: load_weights(UNet(WIDTHS), path, WIDTHS)):
        assert "NaN or infinite values in output.bias" in error_of(read, tmp_path / "w.safetensors")


def test_shapes_are_compared_before_a_network_is_built(tmp_path):
    """A file of kilobytes whose widths would need gigabytes: measured in a process that may take 1 GB more."""
    small = UNet(WIDTHS).state_dict()
    path = written(tmp_path / "w.safetensors", small, {"fewlabel": json.dumps({"widths": [4096] * 8})})
    code = (
        "import resource, sys, pathlib\n"
        "from fewlabel.training.weights import restore_network\n"
        "from fewlabel.utils.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    restore_network(pathlib.Path(sys.argv[1]))\n"
        "except InputError as error:\n    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    message, megabytes = done.stdout.splitlines()
    assert "not a complete network (parameter decoder.stages.0.fuse.0.weight has shape (8, 16, 3, 3), exp" in message
    assert int(megabytes) < 1000


def test_a_folder_in_the_place_of_weights_is_told(tmp_path):
    (tmp_path / "w.safetensors").mkdir()
    assert "w.safetensors: cannot be read" in error_of(read_weights, tmp_path / "w.safetensors")


@pytest.mark.parametrize("change", ["flipped", "swapped"])
def test_weights_that_their_training_did_not_write_are_refused_wherever_they_are_read(tmp_path, change):
    paths = []
    for name in ("one", "two"):
        path = tmp_path / name / "weights.safetensors"
        save_weights(path, seeded(lambda: UNet(WIDTHS), 0, name).state_dict(), {"widths": WIDTHS})
        (path.parent / "run.json").write_text(json.dumps({"outputs": {path.name: sha256(path)}}))
        restore_network(path)
        paths.append(path)
    one, two = (path.read_bytes() for path in paths)
    for path, content in zip(paths, (two, one), strict=True):
        path.write_bytes(content if change == "swapped" else path.read_bytes()[:-1] + b"\x00")
    for path in paths:
        readers = (read_weights, restore_network, open_trained_network, restore_pretext)
        for reported in (
            *(error_of(read, path) for read in readers),
            error_of(load_weights, UNet(WIDTHS), path, WIDTHS),
        ):
            assert f"{path}: the file was changed after it was made" in reported and "run.json records" in reported
