import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fewlabel.config.cohort import Grid
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.reporting.tables.quality_checks import oblique_degrees, volume_facts


def test_the_facts_of_a_volume_are_those_that_were_put_in():
    image = np.arange(6 * 5 * 4, dtype=np.float32).reshape(6, 5, 4)
    image[image > 107] = 107  # 13 voxels of 120
    mask = np.zeros(image.shape, np.uint8)
    mask[1:3, 1:4, 2:] = 1
    facts = volume_facts(Volume(image, np.diag([-2.0, -3, 5, 1]), mask), Grid())
    assert (facts.orientation, facts.oblique_deg) == ("LPS", 0)
    assert (facts.lowest, facts.highest, facts.clipped) == (0, 107, pytest.approx(13 / 120))
    assert (facts.p1, facts.p99) == (pytest.approx(1.19), 107)
    assert (facts.target_ml, facts.target_slices) == (pytest.approx(12 * 30 / 1000), 2)
    assert volume_facts(Volume(image, np.diag([-2.0, -3, 5, 1]), mask), Grid(plane="coronal")).target_slices == 3


def test_without_a_mask_nothing_is_said_of_a_target():
    facts = volume_facts(Volume(np.ones((2, 2, 2), np.float32), np.eye(4)), Grid())
    assert (facts.orientation, facts.target_ml, facts.target_slices, facts.grid_dice) == ("RAS", None, None, None)
    empty = np.zeros((2, 2, 2), np.uint8)
    assert volume_facts(Volume(np.ones((2, 2, 2), np.float32), np.eye(4), empty), Grid()).grid_dice is None


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (Grid(matrix=(16, 16), spacing_mm=1), 1),  # its own pixels
        (Grid(matrix=(8, 8), spacing_mm=1), 2 * 24 / (24 + 32)),  # 6 of 8 columns are left
        (Grid(matrix=(4, 4), spacing_mm=4), 0),  # an eighth of a pixel is too little for any
    ],
)
def test_the_dice_of_the_grid_is_that_of_the_mask_after_it_went_there_and_back(grid, expected):
    mask = np.zeros((16, 16, 2), np.uint8)
    if expected:
        mask[2:10, 6:8, :] = 1
    else:
        mask[5, 5, :] = 1
    facts = volume_facts(Volume(np.ones(mask.shape, np.float32), np.diag([-1.0, -1, 5, 1]), mask), grid)
    assert facts.grid_dice == pytest.approx(expected)


@pytest.mark.parametrize("degrees", [0, 1, 12, 40])
def test_a_turned_grid_is_as_oblique_as_it_was_turned(degrees):
    affine = np.diag([0.5, 0.5, 3, 1])
    affine[:3, :3] = Rotation.from_euler("x", degrees, degrees=True).as_matrix() @ affine[:3, :3]
    assert oblique_degrees(affine) == pytest.approx(degrees, abs=1e-4)
    assert oblique_degrees(affine[:, [2, 0, 1, 3]] * [-1, 1, 1, 1]) == pytest.approx(degrees, abs=1e-4)
