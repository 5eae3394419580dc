"""The page of a study with several classes: masks hold their numbers, and numbers are of each class and of the mean."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from fewlabel.reporting.explorer.sprites import class_sprite, mask_sprite
from fewlabel.reporting.explorer.volumes import mean_dice, resize_classes, resize_masks
from fewlabel.reporting.figures import style
from helpers.explored import CLASSES, experiment, make, make_classes, page_of, truth_of
from reporting.explorer.test_page import blocks, mask_of

SHAPE = (24, 20, 6)


def study_of(classes):
    source = {"kind": "nifti", "folder": "unused", "classes": classes}
    study = experiment(cohorts=("heart",), titles=(), draws=1)
    changed = study.model_dump(mode="json")
    changed["cohorts"]["heart"]["source"] = source
    return study.model_validate(changed)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    results, study = tmp_path_factory.mktemp("classes"), study_of(CLASSES)
    outcome, page = page_of(make_classes(results, study), study)
    assert outcome.exit_code == 0, outcome.output
    return blocks(page)


def test_pictures_hold_class_numbers_as_grey_values(found):
    block = next(one for name, one in found.items() if name != "study" and one["subject"] == "ann")
    numbers = np.repeat([1, 2, 3], 8).astype(np.uint8)[:, None, None]
    assert (mask_of(block["truth"], block) == (truth_of(SHAPE) * numbers).transpose(2, 1, 0)).all()
    assert block["classes"] == 3
    image = Image.open(io.BytesIO(base64.b64decode(block["truth"])))
    assert image.mode == "P" and image.getpalette()[:12] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_dice_are_of_each_class_and_of_their_mean(found):
    cohort = found["study"]["cohorts"][0]
    assert [(one["name"], one["title"]) for one in cohort["classes"]] == [
        ("right_ventricle", "right ventricle"),
        ("myocardium", "myocardium"),
        ("left_ventricle", "left ventricle"),
    ]
    assert [one["colour"] for one in cohort["classes"]] == list(style.CLASSES[:3])
    for at, cell in enumerate(cohort["cells"]):
        means = np.mean([np.array(one["cells"][at]["dice"], float) for one in cohort["classes"]], axis=0)
        assert np.array(cell["dice"], float) == pytest.approx(means, abs=1e-4)
    block = next(one for name, one in found.items() if name != "study" and one["subject"] == "ann")
    for prediction in block["predictions"]:
        mask, truth = mask_of(prediction["mask"], block), mask_of(block["truth"], block)
        for number, by_slice in enumerate(prediction["class_dice"], 1):
            one, other = mask[2] == number, truth[2] == number
            assert by_slice[2] == pytest.approx(2 * (one & other).sum() / (one.sum() + other.sum()), abs=1e-3)
        assert prediction["dice"] == mean_dice(prediction["class_dice"]) and prediction["dice"][0] is None


def test_a_study_without_named_classes_or_with_one_has_nothing_more(tmp_path):
    study = study_of({})
    make(tmp_path / "plain", study, subjects=("ann",), shape=(16, 16, 3))
    _, page = page_of(tmp_path / "plain", study)
    plain = blocks(page)
    make_classes(tmp_path / "one", one := study_of({"heart": [1]}), subjects=("ann",), shape=(16, 16, 3))
    _, page = page_of(tmp_path / "one", one)
    named = blocks(page)
    assert {"name", "title", "standsFor", "subjects", "cells", "differences", "curves", "paired"} | {
        "volumes",
        "shown",
        "draws",
    } == set(plain["study"]["cohorts"][0])
    assert not {"classes", "class_dice"} & (set(plain["volume-0"]) | set(plain["volume-0"]["predictions"][0]))
    assert named["volume-0"] == plain["volume-0"] and named["study"]["cohorts"] == plain["study"]["cohorts"]


@pytest.mark.parametrize("classes", [2, 3, 4, 15, 16, 100])
def test_any_number_of_classes_survives_the_picture(classes):
    slices = np.random.default_rng(0).integers(0, classes + 1, (3, 12, 10)).astype(np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(class_sprite(slices, classes))))
    grey = np.asarray(image.convert("RGB"))
    block = {"rows": 12, "columns": 10, "across": grey.shape[1] // 10, "slices": [1, 2, 3]}
    assert (grey == grey[..., :1]).all()
    buffer = io.BytesIO()
    Image.fromarray(grey[..., 0]).save(buffer, "PNG")
    assert (mask_of(base64.b64encode(buffer.getvalue()).decode(), block) == slices).all()


def test_masks_of_classes_stay_small():
    """Four nested classes take less than four masks of one class."""
    y, x = np.mgrid[:128, :128]
    radius = np.hypot(y - 64, x - 64)[None] + np.arange(16)[:, None, None]
    slices = np.digitize(radius, [20, 30, 40, 50]).astype(np.uint8)
    alone = sum(len(mask_sprite((slices == number).astype(np.uint8))) for number in range(1, 5))
    assert len(class_sprite(slices, 4)) < alone


def test_resized_classes_are_what_covers_most_of_a_pixel():
    mask = np.zeros((1, 4, 8), np.uint8)
    mask[0, :, 0:3], mask[0, :, 3:5], mask[0, 0, 6] = 1, 2, 3
    assert resize_classes(mask, (2, 4))[0].tolist() == [[1, 1, 2, 0], [1, 1, 2, 0]]
    one = (mask == 1).astype(np.uint8)
    assert np.array_equal(resize_classes(one, (2, 4)), resize_masks(one, (2, 4)))
    assert resize_classes(mask, (4, 8)) is mask and not resize_classes(mask * 0, (2, 4)).any()


def test_the_mean_of_a_slice_leaves_out_classes_that_are_not_in_it():
    assert mean_dice([[0.5, None, None], [1.0, 0.2, None]]) == [0.75, 0.2, None]
