import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fewlabel.imaging.quality import oblique_degrees, volume_facts
from fewlabel.imaging.volume import Volume


def test_the_facts_of_a_volume_are_those_that_were_put_in():
    image = np.arange(6 * 5 * 4, dtype=np.float32).reshape(6, 5, 4)
    image[image > 107] = 107  # 13 voxels of 120
    mask = np.zeros(image.shape, np.uint8)
    mask[1:3, 1:4, 2:] = 1
    facts = volume_facts(Volume(image, np.diag([-2.0, -3, 5, 1]), mask), "axial")
    assert (facts.orientation, facts.oblique_deg) == ("LPS", 0)
    assert (facts.lowest, facts.highest, facts.clipped) == (0, 107, pytest.approx(13 / 120))
    assert (facts.p1, facts.p99) == (pytest.approx(1.19), 107)
    assert (facts.target_ml, facts.target_slices) == (pytest.approx(12 * 30 / 1000), 2)
    assert volume_facts(Volume(image, np.diag([-2.0, -3, 5, 1]), mask), "coronal").target_slices == 3


def test_without_a_mask_nothing_is_said_of_a_target():
    facts = volume_facts(Volume(np.ones((2, 2, 2), np.float32), np.eye(4)), "axial")
    assert (facts.orientation, facts.target_ml, facts.target_slices) == ("RAS", None, None)


@pytest.mark.parametrize("degrees", [0, 1, 12, 40])
def test_a_turned_grid_is_as_oblique_as_it_was_turned(degrees):
    affine = np.diag([0.5, 0.5, 3, 1])
    affine[:3, :3] = Rotation.from_euler("x", degrees, degrees=True).as_matrix() @ affine[:3, :3]
    assert oblique_degrees(affine) == pytest.approx(degrees, abs=1e-4)
    assert oblique_degrees(affine[:, [2, 0, 1, 3]] * [-1, 1, 1, 1]) == pytest.approx(degrees, abs=1e-4)
