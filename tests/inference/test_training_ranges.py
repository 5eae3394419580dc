"""Weights know the ranges of their training cohort, and predict tells what lies outside them."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.preprocessing.working_grid import Frame, preprocess
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.store.packed_subject import as_stored
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.inference.predict import segment
from fewlabel.inference.prediction_plan import PredictionTask
from fewlabel.inference.segmenter import Segmenter
from fewlabel.inference.trained_network import open_trained_network
from fewlabel.inference.training_ranges import RANGES, Ranges, outliers, ranges_of, ranges_of_table
from fewlabel.training.network import UNet, seeded
from fewlabel.training.weights import read_header, read_weights, save_weights
from fewlabel.utils.errors import InputError
from helpers.networks import finetuning_settings

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "hippocampus"
GRID = Grid(matrix=(16, 16), spacing_mm=2.0)
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
SETTINGS = FinetuneSettings.model_validate(finetuning_settings([4, 8]))
SHAPES = {"a": (16, 14, 6), "b": (15, 16, 8), "c": (16, 16, 7)}


def volume(seed, shape, side=4):
    """A bright cube of so many voxels along each side in noise."""
    image = 100 * np.random.default_rng(seed).random(shape)
    mask = np.zeros(shape, np.uint8)
    mask[5 : 5 + side, 5 : 5 + side, 1 : 1 + min(side, shape[2] - 1)] = 1
    return (image + 300.0 * mask).astype(np.float32), mask


@pytest.fixture
def cohort(tmp_path):
    """Three subjects; their targets are cubes of 4, 5 and 6 voxels a side, of 20 mm3 each."""
    for number, (name, shape) in enumerate(SHAPES.items()):
        image, mask = volume(number, shape, 4 + number)
        save_nifti(tmp_path / "cohort" / "images" / f"{name}.nii.gz", image, AFFINE)
        save_nifti(tmp_path / "cohort" / "labels" / f"{name}.nii.gz", mask, AFFINE)
    source = NiftiSource(kind="nifti", folder=str(tmp_path / "cohort"))
    listed, read = nifti.list_subjects(source), partial(nifti.read_volume, source)
    pack(listed, read, GRID, tmp_path / "slices", tmp_path / "native")
    return tmp_path


@pytest.fixture
def ranges(cohort):
    return ranges_of(open_store(cohort / "slices" / "store.json"), list(SHAPES))


def test_ranges_are_the_smallest_and_largest_by_hand(ranges):
    assert ranges.subjects == 3
    assert ranges.voxel_mm == ((5, 5), (2, 2), (2, 2))
    # Of axial slices: slices, rows (the file's second axis), columns (its first).
    assert ranges.view_mm == ((30, 40), (28, 32), (30, 32))
    assert ranges.target_ml == pytest.approx((4 * 4 * 4 * 0.02, 6 * 6 * 6 * 0.02))
    low, high = ranges.quartiles[1]
    assert 0 <= low <= high < 0.5


def look(ranges, image, affine, volume_ml=2.0):
    images, _, frame = preprocess(Volume(image, affine), GRID)
    return outliers(ranges, frame, as_stored(images), {"": volume_ml})


def test_volumes_like_those_of_the_cohort_are_not_told(ranges):
    for number, (shape, side) in enumerate((*zip(SHAPES.values(), (4, 5, 6), strict=True), ((17, 15, 7), 5))):
        assert look(ranges, volume(number + 50, shape, side)[0], AFFINE) == []


@pytest.mark.parametrize(
    ("shape", "affine", "said"),
    [
        ((16, 16, 7), np.diag([-2, -2, 6.3, 1.0]), "voxel size across slices 6.3 mm (cohort: 5)"),
        ((8, 8, 7), np.diag([-4, -4, 5, 1.0]), "voxel size along columns 4 mm (cohort: 2)"),
        ((16, 16, 11), AFFINE, "field of view across slices 55 mm (cohort: 30 to 40)"),
        ((21, 16, 7), AFFINE, "field of view along rows 42 mm (cohort: 30 to 32)"),
        ((16, 21, 7), AFFINE, "field of view along columns 42 mm (cohort: 28 to 32)"),
    ],
)
def test_sizes_outside_are_told_with_numbers(ranges, shape, affine, said):
    assert said in look(ranges, volume(9, shape, 5 if shape[0] > 8 else 2)[0], affine)


def test_sizes_within_the_margin_are_not_told(ranges):
    assert look(ranges, volume(9, (16, 16, 7), 5)[0], np.diag([-2, -2, 6.2, 1.0])) == []


def test_other_intensities_are_told(ranges):
    bright = 1000 - volume(0, (16, 16, 7), 5)[0]
    (lower, *_) = look(ranges, bright, AFFINE)
    assert "of scaled intensities" in lower


def test_volumes_of_masks_outside_are_told_and_empty_ones_always(ranges):
    image = volume(7, (16, 16, 7), 5)[0]
    low, high = ranges.target_ml
    assert look(ranges, image, AFFINE, low / 1.49) == look(ranges, image, AFFINE, high * 1.49) == []
    assert look(ranges, image, AFFINE, 35.0) == ["mask of 35 ml (cohort targets: 1.28 to 4.32 ml)"]
    assert look(ranges, image, AFFINE, low / 1.51) == [f"mask of {low / 1.51:.4g} ml (cohort targets: 1.28 to 4.32 ml)"]
    assert look(ranges, image, AFFINE, 0.0) == ["empty mask (cohort targets: 1.28 to 4.32 ml)"]
    from_empty = ranges.model_copy(update={"target_ml": (0.0, 4.32)})
    assert look(from_empty, image, AFFINE, 0.0) == ["empty mask (cohort targets: 0 to 4.32 ml)"]


def test_volumes_of_classes_are_told_by_name(ranges):
    volumes = {"zone": (1.0, 2.0), "cyst": (0.0, 3.0)}
    by_class = ranges.model_copy(update={"class_ml": volumes})
    image = volume(7, (16, 16, 7), 5)[0]
    images, _, frame = preprocess(Volume(image, AFFINE), GRID)

    def said(**found):
        return outliers(by_class, frame, as_stored(images), found)

    assert said(zone=1.5, cyst=3.0) == said(zone=0.7, cyst=0.0) == said(zone=2.9, cyst=4.4) == []
    assert said(zone=0.0, cyst=9.0) == [
        "no zone (cohort targets: 1 to 2 ml)",
        "cyst of 9 ml (cohort targets: 0 to 3 ml)",
    ]
    # A network of classes with ranges of a version without them.
    assert outliers(ranges, frame, as_stored(images), {"zone": 99.0}) == []


def test_ranges_of_classes_are_those_of_their_columns(ranges, cohort):
    table = read_subjects(cohort / "slices" / "subjects.csv")
    names = list(table["subject"])
    assert "class_ml" not in ranges.model_dump(mode="json")
    found = ranges_of_table(table.assign(ml_zone=table["target_ml"] / 2), names)
    low, high = found.target_ml
    assert found.class_ml == {"zone": (pytest.approx(low / 2), pytest.approx(high / 2))}
    assert Ranges.model_validate(found.model_dump(mode="json")) == found


# ------------------------------------------------------------------------------------------------------ the commands
@pytest.fixture
def weights(cohort):
    """Of a finetuning with one labelled subject."""
    rows = "".join(f"{rank},{name},{name}\n" for rank, name in enumerate(SHAPES, start=1))
    (cohort / "order.csv").write_text(f"rank,subject,patient\n{rows}")
    places = {name: cohort / f"{name}.{end}" for name, end in (("weights", "safetensors"), ("history", "csv"))}
    words = ["finetune", "--settings", canonical(SETTINGS), "--store", str(cohort / "slices" / "store.json")]
    words += ["--order", str(cohort / "order.csv"), "--run", str(cohort / "run.json"), "--device", "cpu"]
    words += [word for name, path in places.items() for word in (f"--{name}", str(path))]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    return places["weights"]


def test_a_finetuning_writes_the_ranges_of_its_whole_pool_into_its_weights_alone(cohort, weights, ranges):
    assert Ranges.model_validate(read_header(weights).facts[RANGES]) == ranges == open_trained_network(weights).ranges
    assert RANGES not in (cohort / "run.json").read_text()


def predict(*words):
    outcome = CliRunner().invoke(app, ["predict", *map(str, words)])
    assert outcome.exit_code == 0, outcome.output
    return [line for line in outcome.stderr.splitlines() if "outside the ranges" in line or "without ranges of" in line]


def test_predict_warns_by_image_and_names_it(cohort, weights, tmp_path):
    folder = tmp_path / "images"
    save_nifti(folder / "other.nii.gz", volume(0, (16, 16, 7))[0], np.diag([-2.0, -2, 9, 1]))
    save_nifti(folder / "like.nii.gz", volume(1, (16, 16, 7))[0], AFFINE)
    lines = predict(weights, folder, "-o", tmp_path / "masks")
    (line,) = [line for line in lines if "other.nii.gz" in line]
    assert line.startswith(
        "warning: other.nii.gz: outside the ranges of the training cohort: voxel size across slices 9 mm (cohort: 5)"
    )
    assert not any("voxel size" in line for line in lines if "like.nii.gz" in line)
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["like.nii.gz", "other.nii.gz"]


def test_weights_without_ranges_predict_the_same_and_say_so_once(cohort, weights, tmp_path):
    tensors, facts = read_weights(weights)
    save_weights(tmp_path / "old.safetensors", tensors, {key: value for key, value in facts.items() if key != RANGES})
    images = cohort / "cohort" / "images"
    predict(weights, images, "-o", tmp_path / "new_masks")
    assert len(predict(tmp_path / "old.safetensors", images, "-o", tmp_path / "old_masks")) == 1
    for name in SHAPES:
        first, second = (tmp_path / folder / f"{name}.nii.gz" for folder in ("new_masks", "old_masks"))
        assert first.read_bytes() == second.read_bytes()


def test_older_weights_in_a_study_take_ranges_from_its_tables(tmp_path):
    """A made abdomen through the published hippocampus network."""
    path = PUBLISHED / "hippocampus" / "finetuned" / "supervised" / "nall" / "draw1" / "weights.safetensors"
    assert RANGES not in read_header(path).facts
    table = read_subjects(PUBLISHED / "hippocampus" / "slices" / "subjects.csv").set_index("subject")
    pool = table.loc[read_subjects(PUBLISHED / "hippocampus" / "splits" / "draw1.csv")["subject"]]
    known = open_trained_network(path).ranges
    assert known.target_ml == (pool["target_ml"].min(), pool["target_ml"].max()) and known.quartiles is None
    assert known.view_mm[0] == (pool["slices"].min(), pool["slices"].max()) and known.subjects == len(pool)
    image, _ = volume(0, (256, 256, 20), 60)
    save_nifti(tmp_path / "abdomen.nii.gz", image, np.diag([-1.25, -1.25, 7.7, 1.0]))
    (line,) = predict(path, tmp_path / "abdomen.nii.gz", "-o", tmp_path / "mask.nii.gz")
    for part in ("abdomen.nii.gz", "voxel size across slices 7.7 mm (cohort: 1)", "field of view along rows 320 mm"):
        assert part in line


def test_ranges_that_are_none_are_refused_by_their_place(weights, tmp_path):
    tensors, facts = read_weights(weights)
    for bad in (3, {"subjects": 0}, {**facts[RANGES], "target_ml": [3, 2]}, {**facts[RANGES], "voxel_mm": [[1, 1]]}):
        save_weights(tmp_path / "bad.safetensors", tensors, {**facts, RANGES: bad})
        with pytest.raises(InputError, match=r"bad\.safetensors: cohort_ranges"):
            open_trained_network(tmp_path / "bad.safetensors")


def test_a_real_abdomen_is_unlike_real_hippocampi_and_other_hippocampi_are_not(tmp_path, capsys):
    folder = Path(os.environ.get("FEWLABEL_TEST_DATA", "/nowhere"))
    abdomens = sorted((folder / "chaos_t2_liver" / "images").glob("*.nii.gz"))
    if not abdomens or not (folder / "msd_hippocampus").is_dir():
        pytest.skip("real volumes are tested where FEWLABEL_TEST_DATA names their folder")
    grid = Grid(matrix=(64, 64), spacing_mm=1.0)
    source = NiftiSource(kind="nifti", folder=str(folder / "msd_hippocampus"), labels=[1, 2])
    chosen = [one for one in nifti.list_subjects(source) if one.labelled][::10]
    pool, others = chosen[:16], chosen[16:20]
    pack(pool, partial(nifti.read_volume, source), grid, tmp_path / "slices", tmp_path / "native")
    ranges = ranges_of(open_store(tmp_path / "slices" / "store.json"), [one.subject for one in pool])
    network = seeded(lambda: UNet([4, 8]), 3, "test").eval()
    use = Segmenter(network, Preparation(grid=grid), torch.device("cpu"), "f32", ranges=ranges)
    segment(use, [PredictionTask(abdomens[0], tmp_path / "mask.nii.gz")])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    for part in (abdomens[0].name, "voxel size across slices", "field of view along rows", "ml (targets there:"):
        assert part in line
    for other in others:
        array = nifti.read_volume(source, other)
        images, _, frame = preprocess(array, grid)
        assert isinstance(frame, Frame) and array.mask is not None
        volume_ml = array.mask.sum() * abs(np.linalg.det(array.affine[:3, :3])) / 1000
        assert outliers(ranges, frame, as_stored(images), {"": volume_ml}) == []
