"""Masks are judged file by file: without the target, images in their place, and masks in the place of images."""

import re

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.checks import empty_problems
from fewlabel.data.sources import registry
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.subjects.classes import class_problems, misnamed
from fewlabel.data.subjects.mask_detection import image_among_masks, mask_among_images
from fewlabel.inference.predict import read_image
from fewlabel.utils.errors import InputError
from helpers.dicom_trees import UPRIGHT, write_series

SHAPE = (7, 6, 5)


def source(**changes):
    return NiftiSource(kind="nifti", folder="mine", **{"labels": [1], **changes})


def checked(**changes):
    return nifti.check(source(**changes), nifti.list_subjects(source(**changes)))


def of_values(*values):
    mask = np.zeros(SHAPE, np.uint16)
    mask.flat[50 : 50 + len(values)] = values
    return mask


# -------------------------------------------------------------------------------------------------- without the target
def test_masks_without_the_target_are_told_by_file(mine, write):
    """As it happened: 1 in some masks, 2 or 255 in others."""
    write(mine / "labels" / "b.nii.gz", of_values(2))
    write(mine / "labels" / "c.nii.gz", of_values())
    write(mine / "labels" / "d.nii.gz", of_values(255))
    problems = checked()
    assert [problem.partition(";")[0] for problem in problems] == [
        "labels/b.nii.gz: values 0, 2, but none of labels: [1]",
        "labels/c.nii.gz: values 0, but none of labels: [1]",
        "labels/d.nii.gz: values 0, 255, but none of labels: [1]",
    ]
    assert "set `without_target: [b]`" in problems[0]
    assert [problem[:8] for problem in checked(labels=[1, 2, 255])] == ["labels/c"]


def test_a_subject_that_has_no_target_is_said_to_have_none(mine, write):
    write(mine / "labels" / "b.nii.gz", of_values(2))
    write(mine / "labels" / "c.nii.gz", of_values())
    assert checked(without_target=["b", "c"]) == []
    volume = registry.read_volume(source(), next(one for one in nifti.list_subjects(source()) if one.subject == "c"))
    assert volume.mask is not None and not volume.mask.any()
    assert checked(without_target=["a", "b", "c", "d", "nobody"]) == [
        "without_target: d is not a subject with a mask; accepted: names of labelled subjects",
        "without_target: nobody is not a subject with a mask; accepted: names of labelled subjects",
        "without_target: a has the target in labels/a.nii.gz; to fix: remove it from the list",
    ]


def test_where_every_mask_lacks_the_target_the_setting_is_told_alone():
    masks = {"a": ("a.nii.gz", frozenset({0, 2})), "b": ("b.nii.gz", frozenset({0}))}
    assert empty_problems([1], masks, []) == []
    assert len(empty_problems([2], masks, [])) == 1


def test_what_existing_cohorts_do_not_set_their_jobs_are_not_told():
    assert (
        "without_target" not in source().model_dump() and "without_target" in source(without_target=["a"]).model_dump()
    )


# ---------------------------------------------------------------------------------------------- images among the masks
def smooth_image(seed=0, shape=(24, 24, 12)):
    noise = np.random.default_rng(seed).normal(size=shape)
    return np.round(2000 * ndimage.gaussian_filter(noise, 2)).astype(np.int16) + 500


def test_an_image_in_the_place_of_a_mask_is_refused(mine, write):
    for name, array in (("images", smooth_image(1)), ("labels", smooth_image(2))):
        write(mine / name / "d.nii.gz", array)
    (problem,) = checked()
    assert problem.startswith("labels/d.nii.gz: has ")
    assert "values that change from voxel to voxel, so it is an image; accepted: a mask" in problem


def test_a_mask_that_is_its_image_is_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", nib.load(mine / "images" / "a.nii.gz").get_fdata().astype(np.int16))
    assert "labels/a.nii.gz: same voxels as images/a.nii.gz; accepted: a mask" in checked()


def test_masks_of_many_structures_pass():
    """A hundred organs of a few voxels each, next to one another: far more values than `DOZENS`."""
    organs = np.kron(np.arange(1, 101).reshape(5, 5, 4), np.ones((4, 4, 3))).astype(np.float32)
    assert image_among_masks(organs, np.unique(organs), "m") == []
    image = smooth_image().astype(np.float32)
    assert image_among_masks(image, np.unique(image), "m") != []
    noise = np.random.default_rng(0).integers(0, 40, (9, 9, 9)).astype(np.float32)
    assert image_among_masks(noise, np.unique(noise), "m") != []
    few = np.random.default_rng(0).integers(0, 5, (9, 9, 9)).astype(np.float32)
    assert image_among_masks(few, np.unique(few), "m") == []


# ---------------------------------------------------------------------------------------------- masks among the images
@given(
    values=st.lists(st.integers(-5, 2000), min_size=1, max_size=20, unique=True),
    shape=st.sampled_from([SHAPE, (90, 80, 3)]),
)
def test_a_volume_of_a_handful_of_values_is_no_image(values, shape):
    array = np.resize(np.array(values, np.float32), shape)
    assert (mask_among_images(array, "x") != []) == (len(values) <= 8)


def test_a_rare_value_is_found_where_a_sample_misses_it():
    image = np.zeros((64, 64, 20), np.float32)
    image.flat[1:2000:7] = np.arange(286)
    assert mask_among_images(image, "x") == []


def test_masks_are_refused_among_images_of_every_kind(mine, data, write):
    mask = (np.random.default_rng(3).random(SHAPE) > 0.5).astype(np.uint8)
    write(mine / "images" / "e.nii.gz", mask)
    write(data / "further" / "z2.nii.gz", mask * 3)
    write_series(data / "further" / "z3", mask.astype(np.int16))
    both = source(unlabelled="further")
    problems = registry.check(both, registry.list_subjects(both))
    assert [problem.rpartition("/")[2].partition(";")[0] for problem in problems] == [
        "e.nii.gz: has only 2 values (0, 1), so it is a mask",
        "z2.nii.gz: has only 2 values (0, 3), so it is a mask",
        "z3: has only 2 values (0, 1), so it is a mask",
    ]
    path = data / "z.nii.gz"
    nib.save(nib.Nifti1Image(mask, UPRIGHT), path)
    with pytest.raises(InputError, match="so it is a mask; accepted: an image"):
        read_image(path)


# ------------------------------------------------------------------------------------------------------ several classes
def test_classes_get_numbers_by_their_lowest_value(mine):
    label = nib.load(mine / "labels" / "a.nii.gz").get_fdata()
    one = nifti.list_subjects(source())[0]
    for classes in ({"zone": [1], "gland": [2]}, {"gland": [2], "zone": [1]}, {"gland": [2]}):
        both = source(labels=None, classes=classes)
        assert both.labels == sorted(value for values in classes.values() for value in values)
        mask = registry.read_volume(both, one).mask
        assert mask.dtype == np.uint8 and mask.max() == len(classes)
        for number, value in enumerate(both.labels, start=1):
            assert np.array_equal(mask == number, label == value)


def test_one_class_of_several_values_is_the_merged_mask(mine):
    one = nifti.list_subjects(source())[0]
    merged = registry.read_volume(source(labels=[1, 2]), one).mask
    assert np.array_equal(registry.read_volume(source(labels=None, classes={"whole": [1, 2]}), one).mask, merged)


def test_values_of_a_class_that_no_mask_holds_are_refused_by_class():
    masks = [frozenset({0, 1, 2}), frozenset({0, 2, 5})]
    assert class_problems({"zone": [1], "gland": [2, 3], "cyst": [7]}, masks) == [
        f"classes: {name}: value {value} is in none of the 2 masks; accepted: values that masks hold (0, 1, 2, 5; 0 is "
        "background); to fix: correct the value, or remove the class"
        for name, value in (("gland", 3), ("cyst", 7))
    ]
    assert class_problems({"zone": [1], "gland": [2, 5]}, masks) == [] == class_problems({"zone": [9]}, [])


def test_masks_with_none_of_the_classes_are_told_by_file_and_those_with_one_pass(mine, write, caplog):
    write(mine / "labels" / "b.nii.gz", of_values(7))
    write(mine / "labels" / "c.nii.gz", of_values(2))
    classes = {"labels": None, "classes": {"zone": [1], "gland": [2]}}
    (problem,) = checked(**classes)
    assert problem == (
        "labels/b.nii.gz: values 0, 7, but none of classes: {'zone': [1], 'gland': [2]}; accepted: a mask with the "
        "target; to fix: export it again, change `classes`, or, if the subject has no target, set "
        "`without_target: [b]`"
    )
    assert checked(**classes, without_target=["b"]) == []
    assert "class zone is missing in 2 of 3 masks: labels/b.nii.gz, labels/c.nii.gz" in caplog.text


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"zone": [1], "gland": [1, 2]}, "value 1 belongs to zone and to gland"),
        ({"mean": [1]}, "'mean' names the mean of all classes"),
        ({"a/b": [1]}, "should match pattern"),
        ({"zone": []}, "at least 1"),
        ({"zone": [0]}, "greater than or equal to 1"),
        ({"zone": [1], "gland": [2]}, "labels [3] and classes of the values [1, 2]"),
    ],
)
def test_classes_that_cannot_be_are_refused_with_the_settings(classes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        source(labels=[3] if "labels" in said else None, classes=classes)


def test_a_class_with_the_name_of_another_value_is_refused():
    known = {1: "Anterior", 2: "Posterior part"}
    assert misnamed({"anterior": [2], "posterior_part": [1]}, known, "dataset.json") == [
        "classes: anterior: 2, but 1 is Anterior (dataset.json); to fix: correct the numbers or the names",
        "classes: posterior_part: 1, but 2 is Posterior part (dataset.json); to fix: correct the numbers or the names",
    ]
    assert misnamed({"anterior": [1, 2], "other": [3]}, known, "dataset.json") == []


def test_cohorts_without_classes_have_the_settings_of_before():
    assert "classes" not in source().model_dump()
    named = source(labels=None, classes={"zone": [1]})
    assert NiftiSource.model_validate(named.model_dump()) == named
