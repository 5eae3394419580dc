"""Classes of the phantoms: values of the label map, against masks without classes and independent counts."""

from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from fewlabel.config.sources.phantom import VALUES, PhantomSource
from fewlabel.data.phantoms.label_map import STRUCTURES, class_numbers, label_map
from fewlabel.data.phantoms.signal import Tissue
from fewlabel.data.phantoms.source import ANATOMIES, list_subjects, read_tissues, read_volume

GRIDS = {"abdomen": (4.0, 10.0), "pelvis": (2.0, 5.0)}
ALL = {anatomy: {name: [value] for value, name in values.items()} for anatomy, values in VALUES.items()}
both = pytest.mark.parametrize("anatomy", sorted(GRIDS))


def source(anatomy, classes, labelled=4):
    pixel, spacing = GRIDS[anatomy]
    return PhantomSource(
        kind="phantom", anatomy=anatomy, labelled=labelled, pixel_mm=pixel, slice_mm=spacing, classes=classes
    )


@cache
def volumes(anatomy, with_classes=True):
    made_of = source(anatomy, ALL[anatomy] if with_classes else {})
    return [read_volume(made_of, subject) for subject in list_subjects(made_of)]


@both
def test_classes_change_no_image_and_the_target_is_their_union(anatomy):
    for of_classes, plain in zip(volumes(anatomy), volumes(anatomy, False), strict=True):
        assert np.array_equal(of_classes.image, plain.image)
        assert of_classes.mask.dtype == np.uint8
        target = of_classes.mask == 1 if anatomy == "abdomen" else of_classes.mask > 0
        assert np.array_equal(target, plain.mask == 1)


@both
def test_structures_of_the_label_map_are_those_of_the_settings_and_the_target_is_theirs(anatomy):
    assert list(STRUCTURES[anatomy]) == list(VALUES[anatomy].values())
    whole = ["liver"] if anatomy == "abdomen" else list(STRUCTURES[anatomy])
    assert frozenset().union(*(STRUCTURES[anatomy][name] for name in whole)) == ANATOMIES[anatomy].target


@both
def test_with_one_layer_a_slice_the_value_is_that_of_the_tissue(anatomy):
    made_of = source(anatomy, ALL[anatomy], 1).model_copy(update={"slice_mm": 3.0})
    (subject,) = list_subjects(made_of)
    tissues, mask = read_tissues(made_of, subject), read_volume(made_of, subject).mask
    for value, name in VALUES[anatomy].items():
        inside = np.isin(tissues, [int(tissue) for tissue in STRUCTURES[anatomy][name]])
        if name.endswith("kidney"):
            assert not (mask[~inside] == value).any()
        else:
            assert np.array_equal(mask == value, inside)
    if anatomy == "abdomen":
        kidneys = np.isin(tissues, [Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA])
        assert np.array_equal(np.isin(mask, [2, 3]), kidneys)


def test_a_voxel_has_the_value_of_most_of_its_layers():
    transition, peripheral, fat = Tissue.STROMA, Tissue.PROSTATE_LESION, Tissue.FAT
    layers = np.array([[peripheral, transition, transition], [peripheral, transition, fat], [fat, fat, peripheral],
                       [peripheral, peripheral, fat]], dtype=np.uint8)[:, None, None]  # fmt: skip
    target = np.array([True, True, False, True])[:, None, None]
    assert label_map("pelvis", layers, target, np.zeros(4)).ravel().tolist() == [1, 1, 0, 2]
    layers = np.array([[Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA, fat]] * 2 + [[Tissue.SPLEEN, fat, fat]])
    found = label_map(
        "abdomen", layers.astype(np.uint8)[:, None, None], np.zeros((3, 1, 1), bool), np.array([5, -5, 5])
    )
    assert found.ravel().tolist() == [2, 3, 0]


def test_organs_lie_where_they_lie_in_people():
    for volume in volumes("abdomen"):
        # The first axis runs to the left of the body, the second to the back, the third to the head.
        middle = {name: np.argwhere(volume.mask == value).mean(axis=0) for value, name in VALUES["abdomen"].items()}
        assert middle["right_kidney"][0] < volume.mask.shape[0] / 2 < middle["left_kidney"][0]
        assert middle["liver"][0] < middle["spleen"][0]
        assert middle["right_kidney"][2] < middle["liver"][2]
    for volume in volumes("pelvis"):
        transition, peripheral = (np.argwhere(volume.mask == value).mean(axis=0) for value in (1, 2))
        assert transition[1] < peripheral[1]


def test_organs_have_plausible_volumes():
    ranges = {"liver": (600, 3000), "right_kidney": (50, 320), "left_kidney": (50, 320), "spleen": (50, 700),
              "transition_zone": (4, 80), "peripheral_zone": (8, 60)}  # fmt: skip
    for anatomy, (pixel, spacing) in GRIDS.items():
        for value, name in VALUES[anatomy].items():
            low, high = ranges[name]
            for volume in volumes(anatomy):
                assert low < (volume.mask == value).sum() * pixel**2 * spacing / 1000 < high


def test_classes_merge_and_leave_out_values():
    made_of = source("abdomen", {"kidneys": [3, 2], "spleen": [4]}, 1)
    mask, every = read_volume(made_of, list_subjects(made_of)[0]).mask, volumes("abdomen")[0].mask
    assert np.array_equal(mask, np.select([np.isin(every, [2, 3]), every == 4], [1, 2]))
    assert class_numbers(np.array([0, 1, 2, 4], np.uint8), {"spleen": [4], "liver": [1, 2]}).tolist() == [0, 2, 2, 1]


@pytest.mark.parametrize(
    ("anatomy", "value", "accepted"),
    [("pelvis", 3, "1 (transition zone), 2 (peripheral zone)"), ("abdomen", 5, "3 (left kidney), 4 (spleen)")],
)
def test_values_that_the_label_map_lacks_are_refused(anatomy, value, accepted):
    with pytest.raises(ValidationError) as caught:
        source(anatomy, {"x": [value]})
    assert f"{anatomy} has no value {value}" in str(caught.value) and accepted in str(caught.value)
