import itertools
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fewlabel.config.cohort import Grid
from fewlabel.data.preprocessing.volume import Orientation, Volume
from fewlabel.data.preprocessing.working_grid import Frame, preprocess, scale_intensity, why_lost
from fewlabel.utils.errors import InputError


def ellipsoid(shape, radii=0.3):
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in shape], indexing="ij")
    return (sum((axis / radii) ** 2 for axis in axes) <= 1).astype(np.uint8)


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def affine_of(codes, spacing=(1.0, 1.0, 1.0)):
    """An affine whose axes point along the letters."""
    letters = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (code, mm) in enumerate(zip(codes, spacing, strict=True)):
        row, sign = letters[code]
        affine[row, axis] = sign * mm
    return affine


ORIENTATIONS = [
    tuple(codes[axis][side] for axis, side in zip(order, sides, strict=True))
    for codes in [(("R", "L"), ("A", "P"), ("S", "I"))]
    for order in itertools.permutations(range(3))
    for sides in itertools.product(range(2), repeat=3)
]


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_all_48_orientations_come_back_exactly(codes, plane):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    orientation = Orientation.of(affine_of(codes), plane)
    assert np.array_equal(orientation.native(orientation.slices(array)), array)


def test_axial_slices_run_from_feet_to_head_rows_from_front_to_back_columns_from_right_to_left():
    # Each voxel holds its own RAS coordinate; LPS-like storage.
    affine = affine_of(("L", "P", "S"))
    for axis, sign, dimension in ((0, 1, 2), (1, -1, 1), (2, -1, 0)):
        world = np.zeros((3, 4, 5))
        for index in np.ndindex(3, 4, 5):
            world[index] = (affine @ [*index, 1])[dimension]
        steps = np.diff(Orientation.of(affine).slices(world), axis=axis)
        assert (steps * sign > 0).all()


def test_spacing_follows_the_axes():
    orientation = Orientation.of(affine_of(("P", "S", "R"), (1.5, 4.0, 0.5)))
    assert orientation.spacing(affine_of(("P", "S", "R"), (1.5, 4.0, 0.5))) == pytest.approx((4.0, 1.5, 0.5))


def test_an_oblique_affine_takes_its_nearest_axes():
    turn = np.eye(4)
    angle = np.deg2rad(20)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    oblique = turn @ affine_of(("L", "P", "S"))
    assert np.array_equal(Orientation.of(oblique).to_slices, Orientation.of(affine_of(("L", "P", "S"))).to_slices)


@settings(max_examples=40)
@given(
    rows=st.integers(20, 60), columns=st.integers(20, 60), matrix=st.tuples(st.integers(30, 70), st.integers(30, 70))
)
def test_at_equal_spacing_a_mask_that_the_matrix_holds_comes_back_exactly(rows, columns, matrix):
    mask = ellipsoid((columns, rows, 4), 0.45)
    frame = Frame.of(mask.shape, affine_of(("L", "P", "S"), (2, 2, 5)), Grid(matrix=matrix, spacing_mm=2))
    slices = frame.mask_slices(mask)
    assert slices.shape == (4, *matrix)
    if slices.sum() == mask.sum():
        assert np.array_equal(frame.native_mask(slices.astype(np.float32)), mask)
    else:
        assert min(matrix) < 0.5 * max(rows, columns)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PSR", "SAL"])
def test_a_mask_moved_to_the_working_grid_and_back_keeps_dice_above_097_at_nearly_equal_spacing(codes):
    shape, spacing = (64, 50, 41), (1.1, 0.97, 1.05)
    mask = ellipsoid(shape, 0.6)
    frame = Frame.of(shape, affine_of(codes, spacing), Grid(matrix=(80, 80), spacing_mm=1.0))
    assert dice(frame.native_mask(frame.mask_slices(mask).astype(np.float32)), mask) > 0.97


def test_a_coarse_grid_neither_shifts_nor_scales_a_mask():
    mask = ellipsoid((120, 100, 6), 0.5)
    frame = Frame.of(mask.shape, affine_of("LPS", (1, 1, 4)), Grid(matrix=(32, 32), spacing_mm=4))
    back = frame.native_mask(frame.mask_slices(mask).astype(np.float32))
    assert back.sum() == pytest.approx(mask.sum(), rel=0.05)
    assert np.allclose(ndimage.center_of_mass(back), ndimage.center_of_mass(mask), atol=0.6)
    assert dice(back, mask) > 0.93


def test_image_and_mask_land_on_the_same_pixels():
    mask = ellipsoid((90, 70, 5), 0.5)
    images, masks, _ = preprocess(
        Volume(mask.astype(np.float32), affine_of("RAS", (1.3, 1.3, 6)), mask), Grid(matrix=(48, 48), spacing_mm=3)
    )
    assert dice((images >= 0.5).astype(np.uint8), masks) > 0.99


def test_an_anatomical_point_keeps_its_place_on_the_grid():
    # A single bright voxel 10 mm to the patient's left and 15 mm to the front of the centre.
    image = np.zeros((61, 61, 3), np.float32)
    affine = affine_of("RAS", (1, 1, 5))
    image[30 - 10, 30 + 15, 1] = 1
    frame = Frame.of(image.shape, affine, Grid(matrix=(61, 61), spacing_mm=1))
    assert np.argwhere(frame.image_slices(image) == 1).tolist() == [[1, 30 - 15, 30 + 10]]


def test_percentiles_of_the_whole_volume_become_0_and_1_and_values_beyond_are_kept():
    image = np.linspace(-50, 950, 1001, dtype=np.float32).reshape(7, 11, 13)
    scaled = scale_intensity(image, (1, 99))
    assert np.percentile(scaled, [1, 99]) == pytest.approx([0, 1], abs=1e-5)
    assert scaled.min() < 0 and scaled.max() > 1


@given(factor=st.floats(0.001, 10_000), offset=st.floats(-1000, 1000))
@settings(max_examples=30)
def test_scaling_does_not_depend_on_the_scanners_units(factor, offset):
    image = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    assert np.allclose(
        scale_intensity(image.astype(np.float64) * factor + offset, (1, 99)), scale_intensity(image, (1, 99)), atol=1e-3
    )


def test_a_volume_without_contrast_is_refused():
    with pytest.raises(InputError, match="no contrast"):
        scale_intensity(np.full((3, 3, 3), 7, np.float32), (1, 99))


# ------------------------------------------------------------------------------------------- what no grid can hold
def mask_of(shape, *parts):
    mask = np.zeros(shape, np.uint8)
    mask[parts] = 1
    return mask


UPRIGHT = np.diag([-1.0, -1.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("mask", "grid", "cause", "not_said"),
    [
        (
            mask_of((60, 40, 5), slice(2, 6), slice(30, 34), 2),
            Grid(matrix=(16, 16), spacing_mm=1),
            "enlarge grid.matrix to [28, 55] or more",
            ["spacing_mm", "slice_mm"],
        ),
        (
            mask_of((60, 40, 5), 30, 20, slice(0, 5)),
            Grid(matrix=(16, 16), spacing_mm=4),
            "lower grid.spacing_mm (native pixels: 1 x 1 mm)",
            ["matrix", "slice_mm"],
        ),
        (
            mask_of((60, 40, 16), slice(20, 40), slice(10, 30), 7),
            Grid(matrix=(16, 16), spacing_mm=1, slice_mm=16),
            "lower grid.slice_mm (native slices: 2 mm)",
            ["matrix", "grid.spacing_mm"],
        ),
        (
            mask_of((60, 40, 16), 30, 20, 7),
            Grid(matrix=(16, 16), spacing_mm=4, slice_mm=16),
            "lower grid.spacing_mm (native pixels: 1 x 1 mm); it covers",
            ["matrix"],
        ),
    ],
    ids=["outside", "in plane", "through plane", "both"],
)
def test_a_lost_target_is_told_with_its_own_cure(mask, grid, cause, not_said):
    frame = Frame.of(mask.shape, UPRIGHT, grid)
    assert mask.any() and not frame.mask_slices(mask).any()
    said = why_lost(mask, UPRIGHT, grid)
    assert cause in said and not any(word in said for word in not_said)


def test_the_matrix_that_is_told_holds_the_target_and_a_smaller_one_does_not():
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = tuple(rng.integers(20, 60, 3))
        corner = [int(rng.integers(0, side - 4)) for side in shape]
        mask = mask_of(shape, *(slice(at, at + 3) for at in corner))
        grid = Grid(matrix=(2, 2), spacing_mm=1)
        if Frame.of(shape, UPRIGHT, grid).mask_slices(mask).any():
            continue
        rows, columns = map(int, re.search(r"\[(\d+), (\d+)\]", why_lost(mask, UPRIGHT, grid)).groups())
        kept = [
            int(Frame.of(shape, UPRIGHT, Grid(matrix=matrix, spacing_mm=1)).mask_slices(mask).sum())
            for matrix in ((rows, columns), (max(1, rows - 1), columns), (rows, max(1, columns - 1)))
        ]
        assert kept[0] == mask.sum()
        assert rows == 2 or kept[1] < mask.sum()
        assert columns == 2 or kept[2] < mask.sum()


def test_the_cure_that_is_told_brings_the_target_back():
    mask = mask_of((60, 40, 16), slice(28, 31), slice(18, 21), 7)
    for lost, cured in (
        (Grid(matrix=(16, 16), spacing_mm=8), Grid(matrix=(16, 16), spacing_mm=1)),
        (Grid(matrix=(16, 16), spacing_mm=1, slice_mm=16), Grid(matrix=(16, 16), spacing_mm=1, slice_mm=2)),
    ):
        assert not Frame.of(mask.shape, UPRIGHT, lost).mask_slices(mask).any()
        assert Frame.of(mask.shape, UPRIGHT, cured).mask_slices(mask).sum() == mask.sum()


@pytest.mark.parametrize(
    ("affine", "grid", "said"),
    [
        (np.diag([90.0, 90.0, 5, 1]), Grid(spacing_mm=0.1), "5 slices of 45000 x 54000 pixels"),
        (np.diag([1.0, 1, 90, 1]), Grid(spacing_mm=0.2, slice_mm=0.01), "45000 slices of 250 x 300 pixels"),
        (np.diag([1.0, 1, 90, 1]), Grid(matrix=(2000, 2000), slice_mm=0.1), "4500 slices of 2000 x 2000 pixels"),
    ],
    ids=["rows and columns", "slices", "matrix"],
)
def test_a_working_grid_that_no_memory_holds_is_refused_before_it_is_made(affine, grid, said):
    image = np.random.default_rng(0).random((60, 50, 5)).astype(np.float32)
    tracemalloc.start()
    with pytest.raises(InputError, match="accepted: up to 2 GB") as caught:
        preprocess(Volume(image, affine), grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said in str(caught.value) and peak < 1e7
