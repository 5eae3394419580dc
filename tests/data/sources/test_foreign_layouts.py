"""Folders of nnU-Net and BIDS are recognised, and the commands that are told lay them out."""

import json
import subprocess

import numpy as np
import pytest

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.sources import registry
from fewlabel.data.sources.foreign_layouts import recognised
from fewlabel.inference.prediction_plan import plan
from fewlabel.utils.errors import InputError
from helpers.refusals import error_of


def image(seed):
    return np.random.default_rng(seed).integers(0, 900, (7, 6, 5)).astype(np.int16)


@pytest.fixture
def nnunet(data, write):
    """A raw dataset of two channels in the second version's form; one test case."""
    folder = data / "Task05_Prostate"
    for number, case in enumerate(("pro_001", "pro_002", "pro_003")):
        part = "imagesTs" if case == "pro_003" else "imagesTr"
        for channel in (0, 1):
            write(folder / part / f"{case}_{channel:04}.nii.gz", image(10 * channel + number))
        if part == "imagesTr":
            write(folder / "labelsTr" / f"{case}.nii.gz", (image(number) > 500).astype(np.uint8))
    facts = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "PZ": 1}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps({**facts, "numTraining": 2}))
    return folder


@pytest.fixture
def bids(data, write):
    """Three subjects, one with two sessions; masks of two of them."""
    folder = data / "study"
    for number, (subject, session) in enumerate((("01", "1"), ("01", "2"), ("02", ""), ("03", ""))):
        name = f"sub-{subject}" + (f"_ses-{session}" if session else "")
        place = f"sub-{subject}/" + (f"ses-{session}/" if session else "") + "anat"
        write(folder / place / f"{name}_T2w.nii.gz", image(number))
        (folder / place / f"{name}_T2w.json").write_text("{}")
        if subject != "03":
            mask = (image(number) > 500).astype(np.uint8)
            write(folder / "derivatives" / "manual" / place / f"{name}_desc-liver_dseg.nii.gz", mask)
    write(folder / "sub-02" / "anat" / "sub-02_T1w.nii.gz", image(9))
    (folder / "dataset_description.json").write_text("{}")
    return folder


def laid_out(folder, reported):
    """Run what is told in backquotes, in that folder."""
    command = reported.split("`")[1]
    assert subprocess.run(["sh", "-uc", command], cwd=folder, capture_output=True, check=False).stderr == b""
    mine = NiftiSource(kind="nifti", folder=str(folder / "fewlabel"), labels=[1])
    subjects, problems, _ = registry.survey(mine)
    assert [*problems, *registry.check(mine, subjects)] == []
    return mine, subjects


def test_an_nnunet_dataset_is_recognised_and_laid_out(nnunet):
    reported = error_of(registry.list_subjects, NiftiSource(kind="nifti", folder=nnunet.name))
    assert "images/: no images; the folder is an nnU-Net dataset (2 cases; images end in _0000.nii.gz" in reported
    assert "channels 0: T2, 1: ADC, labels 0: background, 1: PZ); accepted: images/<subject>" in reported
    mine, subjects = laid_out(nnunet, reported)
    assert [(one.subject, one.labelled) for one in subjects] == [("pro_001", True), ("pro_002", True)]
    assert np.array_equal(registry.read_volume(mine, subjects[1]).image, image(1))


def test_it_is_recognised_as_every_kind_of_source_and_by_predict(nnunet, mine, tmp_path):
    for chosen in (
        DecathlonSource(kind="decathlon"),
        MetaImageSource(kind="metaimage", folder=nnunet.name),
        NiftiSource(kind="nifti", folder="mine", unlabelled=nnunet.name),
    ):
        reported = error_of(registry.list_subjects, chosen)
        assert "the folder is an nnU-Net dataset" in reported and len(reported.splitlines()) == 2
    with pytest.raises(InputError, match=r"is an nnU-Net dataset.*then use .*fewlabel/images"):
        plan([nnunet], tmp_path / "masks")
    with pytest.raises(InputError, match="a folder of nnU-Net datasets; accepted: one dataset"):
        nnunet.rename(nnunet.with_name("Dataset005_Prostate"))
        plan([nnunet.parent], tmp_path / "masks")


def test_the_first_version_of_nnunet_is_told_from_the_decathlon(nnunet, data, make_task):
    facts = {"modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "PZ"}, "training": [], "test": []}
    (nnunet / "dataset.json").write_text(json.dumps(facts))
    assert "channels 0: T2, 1: ADC, labels 0: background, 1: PZ" in recognised(nnunet)
    assert recognised(make_task(data / "Task06_Other")) is None
    # Four digits alone are no channel.
    for part in ("imagesTr", "labelsTr"):
        (data / "Task06_Other" / part / "prostate_00.nii.gz").rename(data / "Task06_Other" / part / "p_0000.nii.gz")
    assert recognised(data / "Task06_Other") is None


def test_channels_that_were_copied_are_told(mine, write):
    for path in list((mine / "images").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    reported = error_of(registry.list_subjects, NiftiSource(kind="nifti", folder="mine"))
    assert "images end in _0000, like channels of nnU-Net: remove it from their names" in reported


def test_a_bids_dataset_is_recognised_and_laid_out(bids):
    reported = error_of(registry.list_subjects, NiftiSource(kind="nifti", folder=bids.name))
    assert "the folder is a BIDS dataset (images 1 *_T1w.nii.gz, 4 *_T2w.nii.gz; masks in derivatives: " in reported
    assert "3 *_desc-liver_dseg.nii.gz)" in reported
    mine, subjects = laid_out(bids, reported)
    assert [(one.subject, one.patient, one.labelled) for one in subjects] == [
        ("sub-01_ses-1", "sub-01", True),
        ("sub-01_ses-2", "sub-01", True),
        ("sub-02", "sub-02", True),
        ("sub-03", "sub-03", False),
    ]
    assert np.array_equal(registry.read_volume(mine, subjects[2]).image, image(2))


def test_a_bids_dataset_is_recognised_by_predict_and_among_further_volumes(bids, mine, tmp_path):
    with pytest.raises(InputError, match="is a BIDS dataset"):
        plan([bids], tmp_path / "masks")
    reported = error_of(registry.list_subjects, NiftiSource(kind="nifti", folder="mine", unlabelled=bids.name))
    assert "the folder is a BIDS dataset" in reported and "set `unlabelled` to its images/" in reported


def test_folders_of_ones_own_are_not_taken_for_them(mine, tmp_path):
    assert recognised(mine) is None and recognised(tmp_path) is None and recognised(tmp_path / "absent") is None
