"""Post-processing: hand-made label maps, scikit-image as oracle, and what must not change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label, regionprops

from fewlabel.config.evaluation import EvaluationOptions
from fewlabel.inference.postprocessing import postprocess

LARGEST = EvaluationOptions(largest_component=True)
NAMES = ["atrium", "myocardium", "ventricle"]

label_maps = arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([0, 0, 0, 1, 2, 3]))


def by_hand():
    """Two components of class 1 (3 voxels that touch by corners alone, and 2), and two of class 2 (1 and 4)."""
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = labels[2, 2, 2] = 1
    labels[5, 5, 0:2] = 1
    labels[0, 5, 5] = 2
    labels[5, 0, 2:6] = 2
    return labels


def counts(labels):
    return [int((labels == number).sum()) for number in (1, 2, 3)]


def test_default_options_return_the_map_itself():
    labels = by_hand()
    assert postprocess(labels, 1.0, EvaluationOptions()) is labels
    assert postprocess(labels, 1.0, EvaluationOptions(mirror=True, largest_component=[])) is labels


def test_the_largest_component_of_each_class_is_kept_over_corners():
    labels = by_hand()
    kept = postprocess(labels, 1.0, LARGEST)
    assert counts(kept) == [3, 4, 0] and kept[2, 2, 2] == 1 and not kept[5, 5].any() and not kept[0, 5, 5]
    assert counts(labels) == [5, 5, 0]


def test_only_the_named_classes_lose_components():
    chosen = EvaluationOptions(largest_component=["myocardium"])
    assert counts(postprocess(by_hand(), 1.0, chosen, NAMES)) == [5, 4, 0]
    # Another cohort of the study may have none of the names.
    assert counts(postprocess(by_hand(), 1.0, chosen, ["liver", "spleen"])) == [5, 5, 0]
    assert counts(postprocess(by_hand(), 1.0, chosen)) == [5, 5, 0]


@pytest.mark.parametrize(
    ("voxel_ml", "smallest", "expected"),
    [
        (1.0, 1.0, [5, 5, 0]),
        (1.0, 2.0, [5, 4, 0]),
        (0.5, 1.5, [3, 4, 0]),
        (1.0, 3.5, [0, 4, 0]),
        (1.0, 5.0, [0, 0, 0]),
        # A header's voxel sizes are rounded: 2 voxels of 0.7 x 0.7 x 3 mm in float32 are still 2.94 ul.
        (float(np.prod(np.float32([0.7, 0.7, 3.0]), dtype=np.float64)) / 1000, 2 * 0.7 * 0.7 * 3 / 1000, [5, 4, 0]),
    ],
)
def test_components_below_the_volume_are_removed(voxel_ml, smallest, expected):
    assert counts(postprocess(by_hand(), voxel_ml, EvaluationOptions(smallest_ml=smallest))) == expected


def test_a_class_whose_largest_component_is_too_small_becomes_empty():
    both = EvaluationOptions(largest_component=True, smallest_ml=4.0)
    assert counts(postprocess(by_hand(), 1.0, both)) == [0, 4, 0]


def test_of_equal_components_the_first_is_kept():
    labels = np.zeros((1, 1, 5), np.uint8)
    labels[0, 0, [0, 2, 4]] = 1
    assert postprocess(labels, 1.0, LARGEST)[0, 0].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(3, 3, 3), (1, 4, 1)])
def test_an_empty_map_stays_empty(shape):
    assert not postprocess(np.zeros(shape, np.uint8), 1.0, LARGEST).any()


def expected_map(labels, voxel_ml, largest, smallest):
    """The same by scikit-image: components of each class in its own order, the first of the largest."""
    kept = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        regions = regionprops(label(labels == number, connectivity=3))
        if largest:
            regions = [max(regions, key=lambda region: region.num_pixels)]
        for region in regions:
            if region.num_pixels * voxel_ml >= smallest:
                kept[tuple(region.coords.T)] = number
    return kept


@settings(max_examples=200, deadline=None)
@given(labels=label_maps, largest=st.booleans(), smallest=st.sampled_from([0, 0.5, 1.0, 2.0]))
def test_scikit_image_gives_the_same(labels, largest, smallest):
    options = EvaluationOptions(largest_component=largest, smallest_ml=smallest)
    np.testing.assert_array_equal(postprocess(labels, 0.25, options), expected_map(labels, 0.25, largest, smallest))


@settings(max_examples=100, deadline=None)
@given(labels=label_maps, order=st.permutations([1, 2, 3]))
def test_a_second_time_changes_nothing_and_class_numbers_may_be_permuted(labels, order):
    options = EvaluationOptions(largest_component=True, smallest_ml=0.5)
    kept = postprocess(labels, 0.25, options)
    np.testing.assert_array_equal(postprocess(kept, 0.25, options), kept)
    assert ((kept == labels) | (kept == 0)).all()
    renumbered = np.array([0, *order], np.uint8)
    np.testing.assert_array_equal(postprocess(renumbered[labels], 0.25, options), renumbered[kept])
    # Small components may as well be removed first.
    small = postprocess(labels, 0.25, EvaluationOptions(smallest_ml=0.5))
    np.testing.assert_array_equal(postprocess(small, 0.25, LARGEST), kept)
