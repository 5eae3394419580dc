import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import DiceMetric
from scipy.spatial import cKDTree

from fewlabel.inference.evaluate import score, score_classes, score_row
from fewlabel.inference.metrics import dice
from fewlabel.utils.errors import InputError


def cube(start, side, shape=(20, 20, 20)):
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(s, s + side) for s in start)] = 1
    return mask


def test_dice_by_hand_numbers():
    # 2 x 2 x 2 cubes, one voxel apart along one axis: half of each is shared.
    assert dice(cube((5, 5, 5), 2), cube((6, 5, 5), 2)) == pytest.approx(0.5)


def test_a_perfect_prediction_scores_1_and_0_mm():
    mask = cube((3, 4, 5), 6)
    result = score(mask, mask, (1, 2, 3))
    assert (result.dice, result.hd95_mm, result.assd_mm) == (1, 0, 0)
    assert result.truth_ml == result.predicted_ml == pytest.approx(6**3 * 6 / 1000)


def test_distances_are_in_mm_along_the_axis_that_was_shifted():
    # A shift by one voxel of a flat plate moves each face by the voxel size of that axis.
    plate = np.zeros((12, 12, 12), np.uint8)
    plate[:, :, 4] = 1
    moved = np.roll(plate, 2, axis=2)
    result = score(moved, plate, (1.0, 1.0, 2.5))
    assert result.hd95_mm == pytest.approx(5.0)
    assert result.assd_mm == pytest.approx(5.0)


def surface(mask, spacing):
    inside = np.pad(mask, 1).astype(bool)
    eroded = inside.copy()
    for axis in range(3):
        eroded &= np.roll(inside, 1, axis) & np.roll(inside, -1, axis)
    return (np.argwhere(inside & ~eroded) - 1) * np.array(spacing)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), spacing=st.tuples(*[st.floats(0.5, 4)] * 3))
def test_distances_agree_with_a_search_for_nearest_surface_points(seed, spacing):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(16)] * 3, indexing="ij"), axis=-1)
    masks = [((grid - rng.uniform(5, 10, 3)) ** 2 / rng.uniform(4, 16, 3)).sum(axis=-1) < 1.5 for _ in range(2)]
    first, second = (surface(mask.astype(np.uint8), spacing) for mask in masks)
    forward, backward = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    result = score(*(mask.astype(np.uint8) for mask in masks), spacing)
    assert result.hd95_mm == pytest.approx(max(np.percentile(forward, 95), np.percentile(backward, 95)), rel=1e-4)
    assert result.assd_mm == pytest.approx((forward.sum() + backward.sum()) / (len(first) + len(second)), rel=1e-4)


def test_scores_are_symmetric_but_for_the_volumes():
    first, second = cube((3, 3, 3), 5), cube((5, 4, 3), 6)
    one, other = score(first, second, (1, 1, 2)), score(second, first, (1, 1, 2))
    assert (one.dice, one.hd95_mm) == pytest.approx((other.dice, other.hd95_mm))
    assert one.assd_mm == pytest.approx(other.assd_mm)
    assert one.truth_ml == other.predicted_ml


def test_a_mask_at_the_border_of_the_volume_is_scored():
    assert score(np.ones((4, 4, 4), np.uint8), cube((0, 0, 0), 3, (4, 4, 4)), (1, 1, 1)).hd95_mm > 0


def test_an_empty_prediction_scores_0_with_undefined_distances():
    result = score(np.zeros((4, 4, 4), np.uint8), cube((0, 0, 0), 2, (4, 4, 4)), (1, 1, 1))
    assert result.dice == 0
    assert math.isnan(result.hd95_mm) and math.isnan(result.assd_mm)


def test_a_prediction_where_there_is_no_target_scores_0():
    assert score(cube((0, 0, 0), 2, (4, 4, 4)), np.zeros((4, 4, 4), np.uint8), (1, 1, 1)).dice == 0


def test_both_empty_is_agreement():
    empty = np.zeros((4, 4, 4), np.uint8)
    result = score(empty, empty, (1, 1, 1))
    assert (result.dice, result.hd95_mm, result.assd_mm) == (1, 0, 0)


def test_masks_on_different_grids_are_refused():
    with pytest.raises(InputError, match=r"\(4, 4, 4\).*\(4, 4, 5\)"):
        score(np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 5), np.uint8), (1, 1, 1))


def test_a_row_has_the_columns_of_the_long_table():
    row = score_row("liver", "scratch", 4, 2, "s1", score(cube((0, 0, 0), 2), cube((0, 0, 0), 2), (1, 1, 1)))
    columns = "cohort, method, n, draw, subject, dice, hd95_mm, assd_mm, truth_ml, predicted_ml"
    assert list(row) == columns.split(", ")


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 5))
def test_dice_of_several_classes_agrees_with_an_independent_implementation(seed, classes):
    # Class numbers up to `classes` + 1 leave the last class empty on one side or both, now and then.
    generator = np.random.default_rng(seed)
    predicted, truth = generator.integers(0, generator.integers(2, classes + 2, 2)[:, None, None, None], (2, 6, 7, 5))
    metric = DiceMetric(include_background=False, num_classes=classes + 1, ignore_empty=False, reduction="none")
    expected = metric(*(torch.from_numpy(each)[None, None] for each in (predicted, truth)))[0]
    found = score_classes(predicted.astype(np.uint8), truth.astype(np.uint8), (1, 1, 1), classes=classes)
    assert [each.dice for each in found] == pytest.approx(expected.tolist(), abs=1e-6)


def test_permuted_class_numbers_permute_scores():
    generator, order = np.random.default_rng(1), np.array([0, 3, 1, 2], np.uint8)
    predicted, truth = generator.integers(0, 4, (2, 6, 7, 5)).astype(np.uint8)
    before = score_classes(predicted, truth, (1, 2, 3), classes=3)
    after = score_classes(order[predicted], order[truth], (1, 2, 3), classes=3)
    assert [after[order[number] - 1] for number in (1, 2, 3)] == before


def test_a_row_of_a_named_class_names_it():
    row = score_row(
        "heart", "scratch", 3, 1, "p1", score(cube((1, 1, 1), 3), cube((1, 1, 1), 3), (1, 1, 1)), "myocardium"
    )
    assert list(row)[:6] == ["cohort", "method", "n", "draw", "subject", "class"] and row["class"] == "myocardium"
