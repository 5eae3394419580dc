"""Images that are masks, channels or further volumes of a patient, by their names."""

import numpy as np
import pytest

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.sources import registry
from fewlabel.data.subjects.suspicious_names import masks_among, name_notes, name_problems


@pytest.mark.parametrize(
    "name",
    [
        "z1_seg",
        "z1_Segmentation",
        "Z1-mask",
        "z1.label",
        "z1_seg_final",
        "z1_ROI",
        "seg_z1",
        "mask-z1",
        "z1_gt",
        "z1_labels",
    ],
)
def test_names_of_masks_beside_their_images(name):
    assert masks_among({"z1", name, "z2"}) == {name: "z1"}


@pytest.mark.parametrize("name", ["z1_2", "z10", "z1segment", "z1_old", "z1_t2", "seg2", "z3_seg", "masked_z1", "z1"])
def test_names_that_are_no_masks_of_an_image_that_is_there(name):
    assert masks_among({"z1", name, "z2"}) == {}


def test_longer_names_and_lonely_masks_are_worth_a_look():
    assert name_notes(["bob", "bob_2", "bob_2_late", "ann_seg", "cleo"]) == [
        "images named like masks: ann_seg; check that they are images",
        "images whose names extend another name: bob_2 (bob), bob_2_late (bob_2); if they are of one patient, set it "
        "in the subjects table",
    ]
    assert name_notes(["bob_1", "bob_2", "ann"]) == []


def test_channels_of_one_subject_are_no_subjects():
    (problem,) = name_problems(dict.fromkeys(["p_0000", "p_0001", "q_0000", "q_0001", "r_0000"], "x"), "")
    assert problem.startswith("p, q: several files per subject, ending in _0000, _0001 like channels of nnU-Net")
    assert name_problems(dict.fromkeys(["p_0000", "q_0000", "scan_0001"], "x"), "") == []
    assert name_problems(dict.fromkeys([f"scan_{number:04}" for number in range(20)], "x"), "") == []


def test_a_mask_among_further_volumes_is_refused(mine, data, write):
    image = np.random.default_rng(0).integers(0, 900, (7, 6, 5)).astype(np.int16)
    for name, array in (("z1", image), ("z1_seg", (image > 500).astype(np.uint8))):
        write(data / "further" / f"{name}.nii.gz", array)
    both = NiftiSource(kind="nifti", folder="mine", unlabelled="further")
    subjects, problems, _ = registry.survey(both)
    assert len(subjects) == 6 and len(problems) == 1
    assert problems[0].startswith(f"{data}/further/z1_seg.nii.gz: named like the mask of z1; accepted: images")
