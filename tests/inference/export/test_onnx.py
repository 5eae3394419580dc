"""ONNX: onnxruntime gives torch's numbers, and the file says what it must be given."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from fewlabel.config.cohort import Grid
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.training import Network
from fewlabel.data.phantoms.source import list_subjects, read_volume
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.data.store.packed_subject import as_stored
from fewlabel.inference.export.export import export
from fewlabel.inference.export.formats import Format
from fewlabel.inference.export.module import check_runtime, exported_module
from fewlabel.inference.trained_network import open_trained_network
from fewlabel.utils.errors import TrainingError
from helpers.networks import finetuning_settings

GRID = Grid(matrix=(48, 64), spacing_mm=7.0, percentiles=(2.0, 98.0))


@pytest.fixture(scope="module")
def exported(weights_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    path = weights_in(folder)(GRID)
    export(path, folder / "out", [Format.ONNX])
    return path, folder / "out" / "network.onnx"


def slices():
    """All slices of a phantom as a network sees them, float32 (slices, 1, rows, columns)."""
    source = PhantomSource(kind="phantom", anatomy="abdomen", labelled=1, pixel_mm=6, slice_mm=16)
    volume = read_volume(source, list_subjects(source)[0])
    return as_stored(preprocess(volume, GRID)[0])[:, None].astype(np.float32)


def test_onnxruntime_gives_torchs_probabilities_for_any_number_of_slices(exported):
    path, file = exported
    network = open_trained_network(path).network.eval()
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    images = slices()
    for count in (1, 2, len(images)):
        (found,) = session.run(["probability"], {"images": images[:count]})
        with torch.inference_mode():
            expected = network(torch.from_numpy(images[:count])).sigmoid().numpy()
        assert found.shape == images[:count].shape and found.dtype == np.float32
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_file_tells_its_input_its_operators_and_how_images_are_prepared(exported):
    _, file = exported
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert [(operators.domain, operators.version) for operators in model.opset_import] == [("", 18)]
    (images,), (probability,) = model.graph.input, model.graph.output
    for tensor, name in ((images, "images"), (probability, "probability")):
        sides = tensor.type.tensor_type.shape.dim
        assert (tensor.name, tensor.type.tensor_type.elem_type) == (name, onnx.TensorProto.FLOAT)
        assert sides[0].dim_param and [side.dim_value for side in sides[1:]] == [1, 48, 64]
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert not {"fewlabel.classes", "fewlabel.inputs"} & facts.keys()
    assert json.loads(facts["fewlabel.prepared"])["grid"] == GRID.model_dump(mode="json")
    assert json.loads(facts["fewlabel.settings"])["labels"] == 1
    assert json.loads(facts["fewlabel.versions"]).keys() == {"fewlabel", "torch", "onnx", "onnxruntime"}
    assert len(facts["fewlabel.weights_sha256"]) == 64


@pytest.mark.parametrize("classes", [{"gland": [7]}, {"zone": [1, 4], "gland": [2], "cyst": [300]}], ids=len)
def test_classes_channels_and_neighbouring_slices_are_those_of_the_network(weights, tmp_path, classes):
    network = Network(widths=[4, 8, 12], context=3)
    several = finetuning_settings([4, 8, 12], network=network, classes=classes, channels=["t2w", "adc"])
    path = weights(GRID, settings=several)
    export(path, tmp_path / "out", [Format.ONNX])
    file = tmp_path / "out" / "network.onnx"
    images = np.random.default_rng(0).random((3, 6, 48, 64), dtype=np.float32)
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probability"], {"images": images})
    with torch.inference_mode():
        logits = open_trained_network(path).network.eval()(torch.from_numpy(images))
    expected = torch.softmax(logits, dim=1)[:, 1:] if len(classes) > 1 else torch.sigmoid(logits)
    assert found.shape == (3, len(classes), 48, 64) and np.ptp(found) > 0.1
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5)
    facts = {prop.key: prop.value for prop in onnx.load(file).metadata_props}
    listed = [{"name": name, "values": values} for name, values in classes.items()]
    assert json.loads(facts["fewlabel.classes"]) == listed
    order = ["t2w, slice -1", "adc, slice -1", "t2w", "adc", "t2w, slice +1", "adc, slice +1"]
    assert json.loads(facts["fewlabel.inputs"]) == order


def test_no_subject_and_no_place_on_a_disk_is_in_the_file(exported):
    content = exported[1].read_bytes()
    for word in (b"jane_doe", b"site-packages", b"graph.py", str(exported[0].parent).encode()):
        assert word not in content


def test_another_networks_numbers_are_refused(weights):
    trained = open_trained_network(weights(GRID))
    module, _ = exported_module(trained)
    assert check_runtime(module, module, trained, "torch") == 0
    for other in (lambda images: module(images) + 2e-4, lambda images: module(images) * float("nan")):
        with pytest.raises(TrainingError, match=r"probabilities differ from torch's by .*; accepted: up to "):
            check_runtime(module, other, trained, "other")
