"""No file vanishes: endings count whatever their case, and what is not read is reported or refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import FetchSettings
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from helpers.dicom_trees import UPRIGHT, itk_image, write_series
from helpers.missing_packages import needs_radial

IMAGE = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.int16)


def source(**changes):
    return NiftiSource(kind="nifti", folder="mine", labels=[1], **changes)


def reported(chosen):
    return "\n".join(registry.survey(chosen)[1])


def fetch(chosen, out):
    settings = canonical(FetchSettings(cohort="own", source=chosen, fingerprint=""))
    words = ["fetch", "--settings", settings, "--subjects", str(out / "subjects.csv"), "--source", str(out / "s.json")]
    return CliRunner().invoke(app, words)


# ------------------------------------------------------------------------------------------------ what is not read
REFUSED = {
    "images/e.gipl": "an unsupported format",
    "images/e.hdr": "an unsupported format",
    "images/e.nii.gz.part": "named like a copy, unfinished download",
    "images/e.nii (copy).gz": "named like a copy",
    "images/e.nii.bz2": "named like a copy, unfinished download or compressed",
    "images/e.gz": "compressed; accepted: .nii.gz",
    "images/e.dcm": "loose DICOM slices",
    "images/e.PAR": "Philips PAR/REC",
    "images/e.raw": "voxels without a header",
    "images/e.npy": "has no position",
    "labels/d.gipl.gz": "an unsupported format",
    "labels/d.tif": "has no position",
    "images/deep/e.nii.gz": "a sub-folder with volumes such as deep/e.nii.gz",
    "e.nii.gz": "a volume outside the folders of the cohort",
    "Subjects.xlsx": "a spreadsheet; accepted: subjects.tsv or subjects.csv; to fix: save it as CSV",
    "participants.tsv": "its name is not that of the subjects table",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_looks_like_a_volume_and_is_not_read_stops(mine, name, tmp_path):
    assert reported(source()) == ""
    before = fingerprint(source())
    (mine / name).parent.mkdir(exist_ok=True)
    (mine / name).write_bytes(b"\0" * 400)
    place, said = name.rpartition("/"), REFUSED[name]
    place = "images/" if "deep" in name else "".join(place[:2])
    last = "deep" if "deep" in name else name.rpartition("/")[2]
    assert reported(source()).startswith(f"{place}{': ' if place else ''}not read: {last}: {said}")
    outcome = fetch(source(), tmp_path / "out")
    assert outcome.exit_code != 0 and said in str(outcome.exception) and "1 problem " in str(outcome.exception)
    # A finished cohort meets it at its next run.
    if name.startswith(("images/e", "labels")):
        assert fingerprint(source()) != before


def test_what_is_no_volume_is_reported_and_stops_nothing(mine, tmp_path):
    for name in ("README", "a.json", "a.nii.gz.md5", "._a.nii.gz", "Thumbs.db", "all.zip"):
        (mine / "images" / name).write_text("x")
    (mine / "images" / "empty").mkdir()
    (mine / "labels" / "notes.txt").write_text("x")
    (mine / "readers2").mkdir()
    shutil.copy(mine / "labels" / "a.nii.gz", mine / "readers2")
    (mine / "ages.csv").write_text("x")
    (mine / "subjects.CSV").write_text("subject,patient\na,p\nb,p\n")
    outcome = fetch(source(), tmp_path)
    assert outcome.exit_code == 0, outcome.exception
    assert outcome.stdout.splitlines() == [
        "own: images/: not read: ._a.nii.gz: hidden (its name begins with a dot)",
        "own: images/: not read: README, a.json, a.nii.gz.md5: not named as a volume",
        "own: images/: not read: Thumbs.db: a file of the operating system",
        "own: images/: not read: all.zip: an archive; unpack it if it contains volumes",
        "own: images/: not read: empty: a sub-folder without volumes",
        "own: labels/: not read: notes.txt: not named as a volume",
        "own: not read: ages.csv: not the subjects table",
        "own: not read: readers2: not one of the folders of the cohort",
        "own: 4 subjects, 3 labelled; all passed the checks",
    ]
    assert (tmp_path / "subjects.csv").read_text().splitlines()[1:3] == ["a,p,1,auto", "b,p,1,auto"]


@pytest.mark.parametrize("ending", [".gipl", ".gipl.gz", ".img", ".mnc", ".mrc", ".vtk"])
def test_the_command_that_is_told_converts(mine, ending):
    """After it, and after the originals were moved away, the cohort is sound and has the subjects."""
    folder = mine / "images"
    for name in "ef":
        sitk.WriteImage(itk_image(IMAGE, np.diag([-2.0, -2.0, 3.0, 1.0])), str(folder / f"{name}{ending}"))
    (line,) = reported(source()).splitlines()
    command = line.split("`")[1].replace("do python ", f"do {sys.executable} ")
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    for path in [path for path in folder.iterdir() if path.name[0] in "ef" and not path.name.endswith(".nii.gz")]:
        path.unlink()
    subjects = registry.list_subjects(source())
    assert [one.subject for one in subjects] == list("abcdef") and reported(source()) == ""
    assert registry.check(source(), subjects) == []
    volume = registry.read_volume(source(), subjects[-1])
    assert np.array_equal(volume.image, IMAGE) and np.allclose(np.abs(np.diag(volume.affine)), [2, 2, 3, 1])


# ------------------------------------------------------------------------------------------------- the other sources
def test_a_folder_of_metaimages_reports_at_any_depth(data):
    folder = data / "promise12" / "deep"
    folder.mkdir(parents=True)
    for name, array in (("Case00", IMAGE), ("Case00_segmentation", (IMAGE > 500).astype(np.uint8))):
        sitk.WriteImage(itk_image(array), str(folder / f"{name}.mhd"))
    (folder / "readme.txt").write_text("x")
    mine = MetaImageSource(kind="metaimage", folder="promise12")
    assert reported(mine) == "" and registry.notes(mine) == ["deep/: not read: readme.txt: not named as a volume"]
    before = fingerprint(mine)
    sitk.WriteImage(itk_image(IMAGE), str(folder / "Case01.gipl"))
    assert reported(mine).startswith("deep/: not read: Case01.gipl: an unsupported format")
    (folder / "Case01.gipl").rename(folder / "Case02.raw")
    assert "voxels without a header" in reported(mine) and fingerprint(mine) != before
    (folder / "Case02.raw").unlink()
    assert fingerprint(mine) == before


@needs_radial
def test_radial_data_report_what_they_are_not(data, write):
    folder = data / "mine"
    (folder / "images").mkdir(parents=True)
    for name in "ab":
        np.save(folder / "images" / f"{name}.npy", np.ones((2, 2, 2, 4), complex))
    (folder / "images" / "b.npy").rename(folder / "images" / "b.NPY")
    write(folder / "labels" / "a.nii.gz", np.ones((2, 2, 2), np.uint8))
    mine = RadialSource(kind="radial", folder="mine")
    assert [one.subject for one in registry.list_subjects(mine)] == ["a", "b"] and reported(mine) == ""
    sitk.WriteImage(itk_image(IMAGE), str(folder / "images" / "c.mha"))
    (folder / "labels" / "b.gipl").write_bytes(b"x")
    (folder / "images" / "notes.txt").write_text("x")
    assert [line.partition(";")[0] for line in reported(mine).splitlines()] == [
        "images/: not read: c.mha: volumes are not read here",
        "labels/: not read: b.gipl: an unsupported format",
    ]
    assert registry.notes(mine) == ["images/: not read: notes.txt: not named as a volume"]


def test_chaos_reports_what_lies_among_slices_and_masks(data):
    part = data / "CHAOS" / "Train_Sets" / "MR" / "1" / "T2SPIR"
    write_series(part / "DICOM_anon", IMAGE)
    (part / "Ground").mkdir()
    (part / "Ground" / "1.png").touch()
    (part / "DICOM_anon" / "README").write_text("about these slices")
    (part / "Ground" / "mask.nii.gz").touch()
    mine = ChaosSource(kind="chaos")
    assert "Ground/: not read: mask.nii.gz: volumes are not read here" in reported(mine)
    (part / "Ground_new").mkdir()
    (data / "CHAOS" / "Test_Sets" / "MR").mkdir(parents=True)
    (data / "CHAOS" / "Train_Sets" / "MR" / "list.txt").touch()
    assert registry.notes(mine) == [
        "not read: Test_Sets: volumes without masks; `test_sets: true` reads them",
        "Train_Sets/MR/: not read: list.txt: by its name neither a volume nor the subjects table",
        "Train_Sets/MR/1/T2SPIR/: not read: Ground_new: not one of the folders of the cohort",
        "Train_Sets/MR/1/T2SPIR/DICOM_anon/: not read: README: not a DICOM file",
    ]


def test_a_task_reports_what_lies_beside_its_parts(data, make_task):
    folder = make_task(data / "Task05_Prostate")
    (folder / "labelsTs").mkdir()
    (folder / "imagesTr" / "notes.txt").touch()
    mine = DecathlonSource(kind="decathlon")
    assert reported(mine) == ""
    notes = registry.notes(mine)
    assert "imagesTr/: not read: notes.txt: not named as a volume" in notes
    assert "not read: labelsTs: not one of the folders of the cohort" in notes
    (folder / "extra.nii.gz").touch()
    assert reported(mine).startswith("not read: extra.nii.gz: a volume outside the folders of the cohort")


# ------------------------------------------------------------------------------------------------ further volumes
def test_the_folder_of_further_volumes_reports_and_refuses(mine, data):
    further = data / "further"
    write_series(further / "s1", IMAGE)
    (further / "s1" / "README").write_text("x")
    (further / "s2").mkdir()
    sitk.WriteImage(itk_image(IMAGE), str(further / "s3.nrrd"))
    nib.save(nib.Nifti1Image(IMAGE, UPRIGHT), further / "s4.nii.gz")
    (further / "s4.nii.gz").rename(further / "s4.NII.GZ")
    (further / "about.txt").write_text("x")
    both = source(unlabelled="further")
    assert [one.subject for one in registry.list_subjects(both)[4:]] == ["s1", "s3", "s4"] and reported(both) == ""
    assert [line.partition("not read: ")[2] for line in registry.notes(both)] == [
        "about.txt: not named as a volume",
        "README: not a DICOM file",
        "s2: a sub-folder without volumes",
    ]
    nib.save(nib.Nifti1Image(IMAGE, UPRIGHT), further / "s2" / "t2.nii.gz")
    (further / "s5.gipl").touch()
    (further / "s1" / "other.nii.gz").touch()
    shutil.copy(next(path for path in sorted((further / "s1").iterdir()) if path.suffix == ".dcm"), further / "x.dcm")
    problems = reported(both)
    for part in (
        "s2: a sub-folder with volumes such as",
        "s5.gipl: an unsupported format",
        "x.dcm: loose DICOM slices",
        "s1/: not read",
    ):
        assert part in problems
    assert len(problems.splitlines()) == 4 and str(Path(further)) in problems
