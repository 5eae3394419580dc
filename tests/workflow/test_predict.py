"""A network is taken home: it gives on a file what it gave in its study."""

import gzip
import json
import shutil
from hashlib import sha256

import pytest
from safetensors.torch import load_file, save_file

from helpers import preloaded

RUNS = ["liver_phantom/finetuned/contrastive/n2/draw1", "prostate_phantom/finetuned/scratch/n1/draw2"]


def predict(*arguments):
    process = preloaded.run("predict", *arguments)
    assert "Traceback" not in process.stderr
    return process


def content(mask):
    """All bytes but those of the unused quaternion: a phantom's affine was never rounded by a file."""
    file = bytearray(gzip.decompress(mask.read_bytes()))
    file[256:268] = bytes(12)
    return bytes(file)


@pytest.mark.parametrize("run", RUNS)
def test_a_test_subjects_mask_is_the_studys_own(finished, tmp_path, run):
    saved = sorted((finished.results / run / "predictions").glob("*.nii.gz"))
    images = finished.results / run.split("/")[0] / "native" / "images"
    weights = shutil.copy(finished.results / run / "weights.safetensors", tmp_path)
    process = predict(weights, *(images / path.name for path in saved), "-o", tmp_path / "masks")
    assert process.returncode == 0, process.stderr
    assert {path.name: content(path) for path in (tmp_path / "masks").iterdir()} == {
        path.name: content(path) for path in saved
    }


def test_weights_of_before_they_told_their_grid_work_in_their_results_alone(finished, tmp_path):
    run = finished.results / RUNS[0]
    kept = (run / "weights.safetensors").read_bytes()
    (saved, *_) = sorted((run / "predictions").glob("*.nii.gz"))
    image = finished.results / RUNS[0].split("/")[0] / "native" / "images" / saved.name
    old = tmp_path / "old.safetensors"
    facts = json.loads(kept[8 : 8 + int.from_bytes(kept[:8], "little")])["__metadata__"]["fewlabel"]
    facts = {key: value for key, value in json.loads(facts).items() if key != "prepared"}
    save_file(load_file(run / "weights.safetensors"), old, metadata={"fewlabel": json.dumps(facts)})
    process = predict(old, image, "-o", tmp_path / "mask.nii.gz")
    assert process.returncode == 1 and "no working grid (older weights have none)" in process.stderr
    facts = (run / "run.json").read_text()
    reported = json.loads(facts)
    try:
        shutil.copy(old, run / "weights.safetensors")
        process = predict(run / "weights.safetensors", image, "-o", tmp_path / "mask.nii.gz")
        assert process.returncode == 1 and "was changed after it was made" in process.stderr
        # As the run of that version recorded it.
        reported["outputs"]["weights.safetensors"] = sha256((run / "weights.safetensors").read_bytes()).hexdigest()
        (run / "run.json").write_text(json.dumps(reported))
        process = predict(run / "weights.safetensors", image, "-o", tmp_path / "mask.nii.gz")
    finally:
        (run / "weights.safetensors").write_bytes(kept)
        (run / "run.json").write_text(facts)
    assert process.returncode == 0, process.stderr
    assert content(tmp_path / "mask.nii.gz") == content(saved)


@pytest.mark.parametrize("name", ["weights", "pretext"])
def test_weights_of_a_pretraining_are_refused_with_those_that_would_do(finished, tmp_path, name):
    weights = finished.results / "liver_phantom/pretrained/contrastive" / f"{name}.safetensors"
    (image, *_) = sorted((finished.results / "liver_phantom/native/images").iterdir())
    process = predict(weights, image, "-o", tmp_path / "mask.nii.gz")
    assert process.returncode == 1
    assert "weights of a pretraining" in process.stderr and "/finetuned/" in process.stderr
    assert not (tmp_path / "mask.nii.gz").exists()
