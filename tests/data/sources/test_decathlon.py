import json

import nibabel as nib
import numpy as np
import pytest

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.data.sources import registry
from fewlabel.data.sources.decathlon import decathlon
from helpers.refusals import error_of

TASK = "Task05_Prostate"


def source(**changes):
    return DecathlonSource(kind="decathlon", **{"task": TASK, **changes})


def image_of(path):
    return np.asarray(nib.load(path).dataobj)


@pytest.fixture
def task(data, make_task):
    return make_task(data / TASK)


# ---------------------------------------------------------------------------------------------------- a good folder
def test_training_has_labels_and_test_has_none(task):
    subjects = decathlon.list_subjects(source())
    assert [(s.subject, s.labelled, s.use) for s in subjects] == [
        ("prostate_00", True, "auto"),
        ("prostate_02", True, "auto"),
        ("prostate_03", False, "unlabelled"),
        ("prostate_10", True, "auto"),
    ]
    assert subjects[0].image == task / "imagesTr" / "prostate_00.nii.gz"
    assert subjects[0].label == task / "labelsTr" / "prostate_00.nii.gz"
    assert subjects[2].image == task / "imagesTs" / "prostate_03.nii.gz"


@pytest.mark.parametrize("channel", [0, 1])
def test_the_channel_is_taken_and_the_labels_are_merged(task, channel):
    subjects = decathlon.list_subjects(source(channel=channel))
    assert decathlon.check(source(channel=channel), subjects) == []
    volume = decathlon.read_volume(source(channel=channel), subjects[0])
    assert np.array_equal(volume.image, image_of(subjects[0].image)[..., channel])
    assert np.array_equal(volume.mask, image_of(subjects[0].label) > 0)
    assert decathlon.read_volume(source(), subjects[2]).mask is None


def test_a_task_of_3d_images_is_read_with_the_default_channel(data, make_task):
    rng = np.random.default_rng(0)
    volumes = {
        f"hippocampus_{n:03}": (rng.random((5, 6, 7)), rng.integers(0, 3, (5, 6, 7), dtype=np.uint8), np.eye(4))
        for n in (1, 3)
    }
    folder = make_task(data / "Task04_Hippocampus", volumes)
    listing = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**listing, "modality": {"0": "MRI"}, "tensorImageSize": "3D"}))
    for channel in (0, None):
        mine = source(task="Task04_Hippocampus", channel=channel)
        assert decathlon.check(mine, decathlon.list_subjects(mine)) == []


def test_the_registry_gives_what_the_module_gives(task):
    subjects = registry.list_subjects(source())
    assert subjects == decathlon.list_subjects(source())
    assert registry.check(source(), subjects) == []
    assert registry.read_volume(source(), subjects[0]).mask.any()


# ---------------------------------------------------------------------------------------------------- a bad folder
def edit(task, **changes):
    path = task / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_missing_dataset_json_is_named(task):
    (task / "dataset.json").unlink()
    message = error_of(decathlon.list_subjects, source())
    assert str(task) in message
    assert "dataset.json: no such file" in message


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '"text"'])
def test_a_dataset_json_that_is_none_is_refused(task, content):
    (task / "dataset.json").write_text(content)
    assert "dataset.json: no" in error_of(decathlon.list_subjects, source())


@pytest.mark.parametrize(
    "item",
    [
        7,
        {"image": "./imagesTr/a.nii.gz"},
        {"image": "../a.nii.gz", "label": "labelsTr/prostate_00.nii.gz"},
        {"image": "/etc/a.nii.gz", "label": "labelsTr/prostate_00.nii.gz"},
        "a.mhd",
    ],
)
def test_entries_that_are_no_files_of_the_folder_are_refused(task, item):
    edit(task, training=[item])
    assert "dataset.json: training[0]: " in error_of(decathlon.list_subjects, source())


@pytest.mark.parametrize("listing", [{"training": []}, {"training": {}, "test": None}])
def test_a_task_without_labels_is_refused(task, listing):
    edit(task, **listing)
    assert "dataset.json" in error_of(decathlon.list_subjects, source())


def test_a_subject_listed_twice_is_refused(task):
    edit(task, test=["./imagesTr/prostate_00.nii.gz"])
    assert "duplicate subject prostate_00" in error_of(decathlon.list_subjects, source())


def test_a_missing_channel_is_told_with_the_modalities(task):
    assert "channel: no channel 2; accepted: 0: T2, 1: ADC" in error_of(decathlon.list_subjects, source(channel=2))
    assert "channel: not set; accepted: 0: T2, 1: ADC" in error_of(decathlon.list_subjects, source(channel=None))


def test_a_label_value_that_the_task_does_not_have_is_told_with_those_it_has(task):
    message = error_of(decathlon.list_subjects, source(labels=[1, 5]))
    assert "labels: no value 5; accepted: 1: PZ, 2: TZ" in message


def test_all_problems_of_a_listing_are_told_at_once(task):
    (task / "imagesTr" / "prostate_00.nii.gz").unlink()
    (task / "labelsTr" / "prostate_02.nii.gz").unlink()
    (task / "imagesTs" / "prostate_03.nii.gz").unlink()
    edit(task, test=["./imagesTs/prostate_03.nii.gz", 5])
    message = error_of(decathlon.list_subjects, source(channel=9, labels=[4]))
    for part in ("imagesTr/prostate_00.nii.gz", "labelsTr/prostate_02.nii.gz", "imagesTs/prostate_03.nii.gz"):
        assert part in message
    for part in ("test[1]", "no channel 9", "no value 4"):
        assert part in message


def test_bad_volumes_of_a_task_are_told_at_once(task, write):
    (task / "imagesTr" / "prostate_00.nii.gz").write_bytes(b"garbage")
    write(task / "labelsTr" / "prostate_02.nii.gz", np.ones((3, 3, 3), dtype=np.uint8))
    problems = decathlon.check(source(), decathlon.list_subjects(source()))
    assert problems[0].startswith("imagesTr/prostate_00.nii.gz: truncated or not a NIfTI file")
    assert problems[1].startswith("labelsTr/prostate_02.nii.gz: shape (3, 3, 3)")
    assert len(problems) == 2


def test_a_mask_with_values_that_the_task_does_not_name_is_told(task, write):
    mask = nib.load(task / "labelsTr" / "prostate_02.nii.gz").get_fdata()
    mask[0, 0, :2] = 7, 9
    write(task / "labelsTr" / "prostate_02.nii.gz", mask.astype(np.uint8))
    (problem,) = decathlon.check(source(), decathlon.list_subjects(source()), 2)
    reported = "labelsTr/prostate_02.nii.gz: unknown values 7, 9; accepted: 0: background, 1: PZ, 2: TZ (dataset.json)"
    assert problem.startswith(reported)
    edit(task, labels={})
    assert decathlon.check(source(), decathlon.list_subjects(source())) == []


# ------------------------------------------------------------------------------------------------- contradictions
def contradictions(task):
    """Told before a cohort is used; a finished study is still read."""
    problems = registry.survey(source())[1]
    return [line.removeprefix("dataset.json: ") for line in problems if line.startswith("dataset.json: ")]


def test_numbers_of_images_that_the_lists_contradict_are_told(task):
    edit(task, numTraining=4, numTest="one")
    assert contradictions(task) == [
        "numTraining is 4, but training lists 3; to fix: complete the list, or correct the number",
        "numTest is one, but test lists 1; to fix: complete the list, or correct the number",
    ]
    # Hidden files of macOS are counted or not.
    edit(task, numTraining=3, numTest=2, test=["./imagesTs/prostate_03.nii.gz", "./imagesTs/._prostate_03.nii.gz"])
    assert len(decathlon.list_subjects(source())) == 4


def test_files_that_dataset_json_does_not_list_are_told(task, write):
    for part, name in (("imagesTr", "prostate_77.nii.gz"), ("labelsTr", "prostate_78.NII.GZ"), ("imagesTs", "x.mha")):
        (task / part / name).write_bytes(b"x")
    assert contradictions(task) == [
        "does not list these files of imagesTr/: prostate_77.nii.gz; to fix: list them, or move them away",
        "does not list these files of labelsTr/: prostate_78.NII.GZ; to fix: list them, or move them away",
        "does not list these files of imagesTs/: x.mha; to fix: list them, or move them away",
    ]


def test_images_with_the_mask_of_another_are_told(task):
    training = json.loads((task / "dataset.json").read_text())["training"]
    training[0]["label"], training[1]["label"] = training[1]["label"], training[0]["label"]
    edit(task, training=training)
    (reported,) = contradictions(task)
    assert reported.startswith(
        "pairs images and masks of different names: imagesTr/prostate_00.nii.gz with labelsTr/prostate_02.nii.gz, "
    )
    training[0]["label"] = training[1]["label"]
    edit(task, training=training)
    assert any(
        "names one mask for several images: labelsTr/prostate_00.nii.gz" in line for line in contradictions(task)
    )


def test_a_test_image_with_a_mask_is_told(task):
    training = json.loads((task / "dataset.json").read_text())["training"]
    edit(
        task,
        training=training[1:],
        test=["./imagesTs/prostate_03.nii.gz", training[0]["image"]],
        numTraining=2,
        numTest=2,
    )
    assert "lists subjects under test that have a mask in labelsTr/: prostate_00" in "\n".join(contradictions(task))


def test_names_of_label_values_that_cannot_be_are_told(task):
    edit(task, labels={"0": "TZ", "1": "background", "2": "TZ", "3": "tz"})
    assert contradictions(task) == [
        "labels: several values have one name: tz; accepted: one name per value; to fix: correct it",
        "labels: 1 is named background; accepted: background is 0; to fix: correct it",
    ]


def test_a_section_twice_is_refused(task):
    path = task / "dataset.json"
    path.write_text(path.read_text().replace('"labels": {', '"labels": {"1": "prostate"}, "labels": {', 1))
    assert "dataset.json: not a JSON file (the key 'labels' occurs twice in one section)" in error_of(
        decathlon.list_subjects, source()
    )


def test_an_image_of_more_channels_than_are_named_is_told(task):
    edit(task, modality={"0": "T2"})
    problems = decathlon.check(source(), decathlon.list_subjects(source()))
    assert len(problems) == 4
    assert problems[0] == "imagesTr/prostate_00.nii.gz: 2 channels, dataset.json names 1: 0: T2; to fix: correct it"
