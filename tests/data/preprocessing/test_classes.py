"""Masks of several classes on their way to the working grid and back, against SciPy and against the one-class way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.transform import resize

from fewlabel.config.cohort import Grid
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.preprocessing.working_grid import Frame, preprocess, why_lost

UPRIGHT = np.diag([-1.0, -1.0, 2.0, 1.0])
LABEL_MAPS = arrays(np.uint8, st.tuples(*[st.integers(1, 9)] * 3), elements=st.integers(0, 3))
GRIDS = st.builds(
    Grid,
    matrix=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    spacing_mm=st.sampled_from([0.5, 1.0, 1.3, 2.0]),
    slice_mm=st.sampled_from([None, 1.0, 2.0, 3.0]),
)


def blocks(shape=(40, 36, 10), classes=3, seed=0):
    """A label map of smooth regions."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(classes + 1, *shape)), (0, 4, 4, 2))
    return noise.argmax(axis=0).astype(np.uint8)


def fitted(array, sides):
    """Rows and columns around the middle, padded with 0."""
    for axis, side in enumerate(sides, start=1):
        old = array.shape[axis]
        if side < old:
            array = array.take(range((old - side) // 2, (old - side) // 2 + side), axis=axis)
        else:
            before = (side - old) // 2
            array = np.pad(array, [(before, side - old - before) if at == axis else (0, 0) for at in range(3)])
    return array


def by_hand(mask, frame, classes):
    """Coverage of each class and of background, resampled by itself; the largest, background only above all others."""
    native = frame.orientation.slices(mask)
    shares = [
        resize((native == number).astype(np.float64), frame.resampled, order=1, mode="edge", anti_aliasing=True)
        for number in range(classes + 1)
    ]
    # The sides of ties differ by rounding in float64 and float32; they are left out.
    ordered = np.sort(np.stack(shares), axis=0)
    return fitted(np.argmax(shares, axis=0), frame.matrix), fitted(ordered[-1] - ordered[-2] > 1e-4, frame.matrix)


@settings(max_examples=60, deadline=None)
@given(mask=LABEL_MAPS, grid=GRIDS)
def test_a_pixel_gets_the_class_that_covers_most_of_it(mask, grid):
    frame = Frame.of(mask.shape, UPRIGHT, grid)
    found = frame.mask_slices(mask)
    expected, certain = by_hand(mask, frame, 3)
    assert found.dtype == np.uint8 and found.shape == (frame.resampled[0], *grid.matrix)
    assert np.array_equal(found[certain], expected[certain])


@settings(max_examples=60, deadline=None)
@given(mask=LABEL_MAPS, grid=GRIDS)
def test_one_class_is_what_half_a_pixel_decides(mask, grid):
    """To the bit as before there were several classes: on the grid, and back."""
    mask = (mask > 0).astype(np.uint8)
    frame = Frame.of(mask.shape, UPRIGHT, grid)
    native = frame.orientation.slices(mask).astype(np.float32)
    coverage = native
    if native.shape != frame.resampled:
        coverage = resize(native, frame.resampled, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    assert np.array_equal(frame.mask_slices(mask), fitted((coverage >= 0.5).astype(np.uint8), grid.matrix))
    probability = np.random.default_rng(mask.size).random((frame.resampled[0], *grid.matrix)).astype(np.float32)
    back = whole = fitted(probability, frame.resampled[1:])
    if whole.shape != frame.native:
        back = resize(whole, frame.native, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    expected = frame.orientation.native((back >= 0.5).astype(np.uint8))
    assert np.array_equal(frame.native_mask(probability), expected)
    assert np.array_equal(frame.native_mask(probability[None]), expected)


@settings(max_examples=60, deadline=None)
@given(mask=LABEL_MAPS, matrix=st.tuples(st.integers(9, 14), st.integers(9, 14)))
def test_at_equal_spacing_a_label_map_comes_back_exactly(mask, matrix):
    frame = Frame.of(mask.shape, UPRIGHT, Grid(matrix=matrix, spacing_mm=1))
    slices = frame.mask_slices(mask)
    one_hot = np.stack([(slices == number).astype(np.float32) for number in (1, 2, 3)])
    assert np.array_equal(frame.native_mask(one_hot), mask)


@settings(max_examples=40, deadline=None)
@given(mask=LABEL_MAPS, grid=GRIDS)
def test_no_class_appears_that_was_not_there(mask, grid):
    frame = Frame.of(mask.shape, UPRIGHT, grid)
    slices = frame.mask_slices(mask)
    assert set(np.unique(slices)) <= {0, *np.unique(mask)}
    one_hot = np.stack([(slices == number).astype(np.float32) for number in (1, 2, 3)])
    assert set(np.unique(frame.native_mask(one_hot))) <= {0, *np.unique(slices)}


def test_a_tie_with_background_goes_to_the_class_and_one_of_classes_to_the_lower_number():
    mask = np.zeros((4, 4, 1), np.uint8)
    mask[0:2] = 2
    mask[2] = 1  # the coarse pixels along the first axis: half 2 and half 2; half 1 and half background
    frame = Frame.of(mask.shape, UPRIGHT, Grid(matrix=(2, 2), spacing_mm=2))
    coverages = np.stack([np.full((1, 2, 2), 0.5, np.float32), np.full((1, 2, 2), 0.5, np.float32)])
    assert (frame.native_mask(coverages) == 1).all()
    assert (frame.native_mask(np.stack([0 * coverages[0], coverages[0]])) == 2).all()
    assert (frame.native_mask(np.full((2, 1, 2, 2), 0.3, np.float32)) == 0).all()


@pytest.mark.parametrize("grid", [Grid(matrix=(64, 64), spacing_mm=0.8), Grid(matrix=(32, 32), spacing_mm=1.7)])
def test_other_class_numbers_give_the_same_regions(grid):
    mask = blocks()
    frame = Frame.of(mask.shape, UPRIGHT, grid)
    turned = np.array([0, 3, 1, 2], np.uint8)
    first, second = frame.mask_slices(turned[mask]), turned[frame.mask_slices(mask)]
    _, certain = by_hand(mask, frame, 3)
    assert np.array_equal(first[certain], second[certain]) and (~certain & (second > 0)).sum() < 0.03 * second.size


def test_the_way_there_and_back_keeps_each_class():
    mask = blocks()
    frame = Frame.of(mask.shape, UPRIGHT, Grid(matrix=(64, 64), spacing_mm=0.8))
    slices = frame.mask_slices(mask)
    back = frame.native_mask(np.stack([(slices == number).astype(np.float32) for number in (1, 2, 3)]))
    for number in (1, 2, 3):
        first, second = back == number, mask == number
        assert 2 * (first & second).sum() / (first.sum() + second.sum()) > 0.95


def test_background_outside_the_matrix_comes_back_as_background():
    frame = Frame.of((20, 20, 2), UPRIGHT, Grid(matrix=(8, 8), spacing_mm=1))
    found = frame.native_mask(np.ones((2, 2, 8, 8), np.float32) * np.array([0.2, 0.8])[:, None, None, None])
    assert found.sum() == 2 * 64 * 2 and (found[6:14, 6:14] == 2).all()


def test_preprocess_keeps_class_numbers():
    mask = blocks()
    image = np.random.default_rng(1).random(mask.shape).astype(np.float32)
    _, masks, frame = preprocess(Volume(image, UPRIGHT, mask), Grid(matrix=(32, 32), spacing_mm=1.5))
    assert np.array_equal(masks, frame.mask_slices(mask)) and set(np.unique(masks)) == {0, 1, 2, 3}


def test_a_lost_class_is_told_by_its_name_beside_one_that_stays():
    mask = np.zeros((60, 40, 5), np.uint8)
    mask[24:36, 14:26] = 1
    mask[30, 20, 2] = 2
    small = why_lost(mask, UPRIGHT, Grid(matrix=(16, 16), spacing_mm=4), 2, "class spleen")
    assert small.startswith("its class spleen fills less than half of any pixel") and "lower grid.spacing_mm" in small
    mask[2:6, 30:34, 2] = 3
    cut = why_lost(mask, UPRIGHT, Grid(matrix=(16, 16), spacing_mm=1), 3, "class kidneys")
    assert cut.startswith("its class kidneys is outside the working grid") and "[28, 55]" in cut
