"""Prediction of several classes from several channels: label maps, volumes, probabilities, and what is refused."""

import json
from functools import partial

import nibabel as nib
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.training import Network
from fewlabel.data.preprocessing.volume import save_nifti
from fewlabel.data.sources import registry
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.inference.evaluate import evaluate_subject
from fewlabel.inference.image_channels import ImageChannels, image_channels
from fewlabel.inference.predict import read_image, segment
from fewlabel.inference.prediction_plan import plan
from fewlabel.inference.segmenter import Segmenter, original_values
from fewlabel.inference.trained_network import open_trained_network, study_evaluation
from fewlabel.training.sampling import Slices
from fewlabel.training.weights import read_weights, save_weights
from fewlabel.utils.errors import InputError
from helpers.networks import finetuning_settings, write_network

WIDTHS = [4, 8]
GRID = Grid(matrix=(32, 24), spacing_mm=3.0)
AFFINE = np.diag([-2.0, -2.0, 6.0, 1.0])
CLASSES = {"zone": [3, 1], "gland": [2], "cyst": [300]}
SUFFIXES = {"t2w": "_t2w", "adc": "_adc"}
CPU = torch.device("cpu")


def image(seed, shape=(40, 31, 7)):
    return (1000 * np.random.default_rng(seed).random(shape)).astype(np.int16)


def write_weights(path, **changes):
    known = {"network": Network(widths=WIDTHS, context=3), "classes": CLASSES, "channels": list(SUFFIXES)}
    return write_network(path, WIDTHS, GRID, settings=finetuning_settings(WIDTHS, **{**known, **changes}))


@pytest.fixture
def weights(tmp_path):
    return write_weights(tmp_path / "weights.safetensors")


@pytest.fixture
def images(tmp_path):
    """Two subjects with two channels each."""
    folder = tmp_path / "images"
    for number, name in enumerate(("a_t2w", "a_adc", "b_t2w", "b_adc")):
        save_nifti(folder / f"{name}.nii.gz", image(number), AFFINE)
    return folder


def read(path):
    return np.asarray(nib.load(path).dataobj)


def test_the_label_map_is_that_of_a_study_in_the_values_of_the_cohort(weights, images, tmp_path):
    """From files, packed and evaluated as the rules of a study do it: class numbers become first values."""
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    images.rename(cohort / "images")
    truth = np.random.default_rng(5).choice([0, 1, 2, 3, 300], (40, 31, 7)).astype(np.uint16)
    for name in "ab":
        save_nifti(cohort / "labels" / f"{name}.nii.gz", truth, AFFINE)
    source = NiftiSource(kind="nifti", folder=str(cohort), classes=CLASSES, channels=SUFFIXES)
    listed, reader = registry.list_subjects(source), partial(registry.read_volume, source)
    given = {"classes": list(CLASSES), "channels": list(SUFFIXES)}
    pack(listed, reader, GRID, tmp_path / "slices", tmp_path / "native", **given)
    trained = open_trained_network(weights)
    slices = Slices(open_store(tmp_path / "slices" / "store.json"), CPU, 3)
    (tmp_path / "predictions").mkdir()
    folders = tmp_path / "native" / "labels", tmp_path / "predictions"
    options = EvaluationOptions(largest_component=["zone"], smallest_ml=0.1)
    scores = evaluate_subject(
        trained.network, slices, GRID, "a", *folders, "f32", options=options, classes=list(CLASSES)
    )
    tasks = plan([cohort / "images" / "a_t2w.nii.gz"], tmp_path / "mask.nii.gz", suffixes=SUFFIXES)
    use = Segmenter.of(trained, CPU, "f32", processing=options)
    found = segment(use, tasks, ImageChannels(SUFFIXES))[tmp_path / "mask.nii.gz"]
    numbers, labels = read(tmp_path / "predictions" / "a.nii.gz"), read(tmp_path / "mask.nii.gz")
    assert labels.dtype == np.uint16 and set(np.unique(numbers)) == {0, 1, 2, 3}
    assert np.array_equal(labels, np.array([0, 3, 2, 300])[numbers])
    assert list(found) == list(CLASSES)
    assert list(found.values()) == pytest.approx([score.predicted_ml for score in scores])
    assert list(found.values()) == pytest.approx([(labels == value).sum() * 0.024 for value in (3, 2, 300)])


def test_probabilities_say_what_the_label_map_says(weights, images, tmp_path):
    words = ["predict", weights, images, "-o", tmp_path / "masks", "--probabilities"]
    words += ["--channel", "adc=_adc", "--channel", "t2w=_t2w"]
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == 0, outcome.output
    assert "a.nii.gz: zone " in outcome.stdout and ", cyst " in outcome.stdout
    made = ["nii.gz", "_probabilities.json", "_probabilities.nii.gz"]
    names = {path.name for path in (tmp_path / "masks").iterdir()}
    assert names == {f"{name}{'.' * (end == 'nii.gz')}{end}" for name in "ab" for end in made}
    listed = json.loads((tmp_path / "masks" / "a_probabilities.json").read_text())["classes"]
    assert [(entry["name"], entry["value"]) for entry in listed] == [("zone", 3), ("gland", 2), ("cyst", 300)]
    shares, labels = read(tmp_path / "masks" / "a_probabilities.nii.gz"), read(tmp_path / "masks" / "a.nii.gz")
    assert shares.dtype == np.float32 and shares.shape == (*labels.shape, 3)
    every = np.concatenate([1 - shares.sum(axis=-1, keepdims=True, dtype=np.float32), shares], axis=-1)
    decided = np.sort(every, axis=-1)
    clear = decided[..., -1] - decided[..., -2] > 1e-5
    # Outside the working grid background is certain.
    assert clear.mean() > 0.9
    assert np.array_equal(np.array([0, 3, 2, 300])[every.argmax(axis=-1)][clear], labels[clear])


@pytest.mark.parametrize(
    ("classes", "kind", "values"),
    [
        ({}, "uint8", [1, 2]),
        ({"a": [255], "b": [7, 9]}, "uint8", [255, 7]),
        ({"a": [70_000], "b": [1]}, "int32", [70_000, 1]),
    ],
)
def test_label_maps_have_the_smallest_type(classes, kind, values):
    labels = original_values(np.array([0, 1, 2], np.uint8), classes)
    assert labels.dtype == kind and labels.tolist() == [0, *values]


# --------------------------------------------------------------------------------------------------------- channels
def test_files_of_channels_are_found_from_a_folder_or_any_of_them(images, tmp_path):
    out = tmp_path / "masks"
    wanted = [(images / "a_t2w.nii.gz", out / "a.nii.gz", (images / "a_adc.nii.gz",))]
    wanted += [(images / "b_t2w.nii.gz", out / "b.nii.gz", (images / "b_adc.nii.gz",))]
    for given in ([images], sorted(images.iterdir()), [images / "a_t2w.nii.gz", images / "b_adc.nii.gz"]):
        tasks = plan(given, out, suffixes=SUFFIXES)
        assert [(task.image, task.mask, task.further) for task in tasks] == wanted


def test_missing_channels_and_other_files_are_told_by_file(images, tmp_path):
    (images / "b_adc.nii.gz").rename(images / "b_dwi.nii.gz")
    with pytest.raises(InputError) as caught:
        plan([images], tmp_path / "masks", suffixes=SUFFIXES)
    assert "channel adc: no file <subject>_adc of b" in str(caught.value)
    assert "images without the suffix of a channel: b_dwi.nii.gz" in str(caught.value)
    with pytest.raises(InputError, match="channel adc: no file <subject>_adc of b"):
        plan([images / "b_t2w.nii.gz"], tmp_path / "masks", suffixes=SUFFIXES)
    assert len(plan([images / "a_t2w.nii.gz"], tmp_path / "masks", suffixes=SUFFIXES)) == 1


def test_channels_on_other_grids_are_refused_or_resampled(images):
    save_nifti(images / "a_adc.nii.gz", image(7, (20, 16, 7)), np.diag([-4.0, -4.0, 6.0, 1.0]))
    files = images / "a_t2w.nii.gz", (images / "a_adc.nii.gz",)
    with pytest.raises(InputError, match="use --resample-channels"):
        read_image(files[0], ImageChannels(SUFFIXES), files[1])
    volume = read_image(files[0], ImageChannels(SUFFIXES, resample=True), files[1])
    assert volume.image.shape == (40, 31, 7, 2)


def test_channels_of_4d_files_are_taken_by_index_and_3d_files_refused(tmp_path):
    both = np.stack([image(1), image(2), image(3)], axis=-1)
    save_nifti(tmp_path / "both.nii.gz", both, AFFINE)
    save_nifti(tmp_path / "one.nii.gz", both[..., 0], AFFINE)
    volume = read_image(tmp_path / "both.nii.gz", ImageChannels({"t2w": 2, "adc": 0}))
    assert np.array_equal(volume.image, both[..., [2, 0]])
    with pytest.raises(
        InputError, match=r"one.nii.gz: a 3D file of one channel; accepted: a 4D file with channels t2w=0"
    ):
        read_image(tmp_path / "one.nii.gz", ImageChannels({"t2w": 0, "adc": 1}))
    with pytest.raises(InputError, match=r"both\.nii\.gz: no channel 5"):
        read_image(tmp_path / "both.nii.gz", ImageChannels({"t2w": 0, "adc": 5}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "a network of the channels t2w, adc, outside its study.*--channel t2w=0 --channel adc=1"),
        (["0"], "--channel 0: no channel of the network; accepted: t2w=…, adc=…"),
        (["t2w=0", "dwi=1"], "--channel dwi=1: no channel of the network"),
        (["t2w=0"], "--channel: none for adc"),
        (["t2w=0", "t2w=1"], "the second one of this channel"),
        (["t2w=0", "adc=_adc"], "indices and suffixes; accepted: all of one kind"),
        (["t2w=0", "adc=0"], "two channels in one place"),
        (["t2w=../x", "adc=_adc"], "accepted: an index of 4D images, from 0, or a suffix"),
    ],
)
def test_channel_options_that_do_not_fit_are_refused(weights, given, said):
    with pytest.raises(InputError, match=said):
        image_channels(open_trained_network(weights), weights, given)


def test_one_channel_is_an_index_alone(tmp_path):
    path = write_weights(tmp_path / "one.safetensors", channels=[])
    trained = open_trained_network(path)
    assert image_channels(trained, path, []).places == {}
    assert image_channels(trained, path, ["2"]).indices == {"": 2}
    for wrong in ("t2w=1", "-1", "x", ""):
        with pytest.raises(InputError, match=r"accepted: an index"):
            image_channels(trained, path, [wrong])


# -------------------------------------------------------------------------------------------------------- the study
@pytest.fixture
def in_study(tmp_path):
    """Weights in the folder of a study."""
    study = tmp_path / "results" / "mine"
    run = study / "knee" / "finetuned" / "scratch" / "n1" / "draw1"
    run.mkdir(parents=True)
    source = {"kind": "nifti", "channels": SUFFIXES, "resample_channels": True}
    experiment = {"cohorts": {"knee": {"source": source}}, "evaluation": {"largest_component": True, "mirror": True}}
    (study / "experiment.yaml").write_text(json.dumps(experiment))
    return write_weights(run / "weights.safetensors", flip=["columns"])


def test_a_networks_study_says_channels_and_post_processing(in_study, weights):
    channels = image_channels(open_trained_network(in_study), in_study, [])
    assert channels == ImageChannels(SUFFIXES, resample=True)
    assert study_evaluation(in_study) == ("mine", EvaluationOptions(largest_component=True, mirror=True))
    assert study_evaluation(weights) is None


def test_predict_says_what_it_does_and_options_go_before_the_study(in_study, images, tmp_path):
    def said(name, *options):
        words = ["predict", in_study, images / "a_t2w.nii.gz", "-o", tmp_path / name, *options]
        outcome = CliRunner().invoke(app, [str(word) for word in words])
        assert outcome.exit_code == 0, outcome.output
        return outcome.stderr

    steps = "mean over mirror images; largest connected component of each class"
    assert f"post-processing of the study mine: {steps}\n" in said("1.nii.gz")
    none = said("2.nii.gz", "--no-mirror", "--no-largest-component")
    assert f"post-processing by options: none (the study mine: {steps})\n" in none
    assert not np.array_equal(read(tmp_path / "1.nii.gz"), read(tmp_path / "2.nii.gz"))


def test_mirror_images_without_axes_are_refused(weights, images, tmp_path):
    words = [
        "predict",
        weights,
        images,
        "-o",
        tmp_path / "m",
        "--mirror",
        "--channel",
        "t2w=_t2w",
        "--channel",
        "adc=_adc",
    ]
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(outcome.exception, InputError)
    assert "--mirror: the network's cohort has no mirror axes" in str(outcome.exception)
    assert not (tmp_path / "m").exists()


def test_weights_that_do_not_fit_their_settings_are_refused(tmp_path):
    settings = finetuning_settings(WIDTHS, classes={"zone": [1], "gland": [2]})
    path = write_network(tmp_path / "a.safetensors", WIDTHS, GRID, settings={**settings})
    assert open_trained_network(path).settings.outputs == 3
    tensors, facts = read_weights(path)
    save_weights(path, tensors, {**facts, "settings": {**settings, "classes": {}}})
    with pytest.raises(InputError, match="a network of 1 inputs and 3 outputs; its settings have 1 and 1"):
        open_trained_network(path)
