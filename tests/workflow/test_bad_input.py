"""Bad input is met before any training, with one clear message and exit code 1; earlier results stay."""

import hashlib

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from helpers.nifti_cohort import nifti_cohort

TRAINING = ("pretrain", "finetune", "evaluate", "prepare")


def refused(process):
    """The whole output of a run that must have failed as it should."""
    text = process.stdout + process.stderr
    assert process.returncode == 1, text
    assert "Traceback" not in text, text
    assert not any(f"rule {rule}:" in text for rule in TRAINING), text
    return text


def hashes(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.parts
    }


def own_cohort(**settings):
    """A cohort on disk with one method, one N and one draw."""
    source = {"kind": "nifti", "folder": "mine", **settings.pop("source", {})}
    cohort = {"source": source, "grid": {"matrix": [24, 24], "spacing_mm": 2}, "test": 1, **settings}
    return {
        "cohorts": {"liver_phantom": None, "prostate_phantom": None, "own": cohort},
        "methods": {"regression": None, "contrastive": None, "supervised": None},
        "labels": [1],
        "draws": 1,
    }


def test_a_bad_experiment_stops_before_any_job(fresh):
    text = refused(fresh.run(change={"labls": [1]}))
    assert "experiment.yaml" in text and "labls: unknown key; did you mean 'labels'?" in text
    assert not fresh.results.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 7]}, "N = 7, but the pool of cohorts.liver_phantom has 3 labelled subjects"),
        ({"cohorts": {"liver_phantom": {"test": 6}}}, "cohorts.liver_phantom.test: 6 test subjects of 6 labelled ones"),
        ({"cohorts": {"liver_phantom": {"test": ["nobody"]}}}, "no subject 'nobody'"),
        (own_cohort(), "mine"),
    ],
)
def test_what_only_the_cohort_shows_stops_before_any_training(fresh, change, message):
    assert message in refused(fresh.run(change=change, env={"FEWLABEL_DATA": str(fresh.folder / "data")}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "bad.yaml: no such experiment file"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "bad.yaml:1: nested too deep"),
    ],
)
def test_a_file_that_snakemake_cannot_read_is_told_in_a_line(fresh, content, message):
    if content is not None:
        (fresh.folder / "bad.yaml").write_bytes(content)
    process = fresh.run("--configfile", "bad.yaml")  # in place of the tiny experiment
    assert process.returncode == 1 and process.stdout == ""
    notice, line = process.stderr.splitlines()
    assert notice.startswith("Using workflow specific profile") and line.startswith(message)


def test_all_problems_of_a_cohort_are_told_at_once(fresh):
    folder = nifti_cohort(fresh.folder / "data" / "mine")
    image = folder / "images" / "s0.nii.gz"
    image.write_bytes(image.read_bytes()[:300])
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9), np.uint8), np.eye(4)), folder / "labels" / "s1.nii.gz")
    nib.save(
        nib.Nifti1Image(np.full((24, 24, 4), np.nan, np.float32), np.diag([2, 2, 5, 1])),
        folder / "images" / "s2.nii.gz",
    )
    text = refused(fresh.run(change=own_cohort(), env={"FEWLABEL_DATA": str(fresh.folder / "data")}))
    for name in ("images/s0.nii.gz", "labels/s1.nii.gz", "images/s2.nii.gz"):
        assert text.count(f"- {name}") == 1, text
    assert "--settings" not in text and "CalledProcessError" not in text


def test_a_cohort_of_ones_own_runs_and_survives_a_later_mistake_and_absent_volumes(fresh):
    folder = nifti_cohort(fresh.folder / "data" / "mine")
    patients = ["$(touch pwned) ../x", "'a'; touch pwned", '$HOME \\ "quoted", (touch pwned)', "d"]
    table = pd.DataFrame({"subject": ["s0", "s1", "s2", "s3"], "patient": patients})
    table.to_csv(folder / "subjects.csv", index=False)
    env = {"FEWLABEL_DATA": str(fresh.folder / "data")}
    process = fresh.run(change=own_cohort(), env=env)
    assert process.returncode == 0, process.stdout + process.stderr
    assert not list(fresh.folder.rglob("pwned"))  # what patients are called runs nowhere
    before = hashes(fresh.results)
    (folder / "images" / "s9.nii.gz").write_bytes(b"not an image")
    text = refused(fresh.run(change=own_cohort(), env=env))
    assert "s9.nii.gz" in text
    assert hashes(fresh.results) == before
    (folder / "images" / "s9.nii.gz").unlink()
    process = fresh.run(change=own_cohort(), env=env)
    assert "Nothing to be done" in process.stdout + process.stderr
    (fresh.folder / "data").rename(fresh.folder / "elsewhere")
    for place in ("data", "elsewhere"):
        process = fresh.run("--dry-run", change=own_cohort(), env={"FEWLABEL_DATA": str(fresh.folder / place)})
        assert "Nothing to be done" in process.stdout + process.stderr


def test_logs_without_their_library_are_refused_before_anything_starts(fresh, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without/sitecustomize.py").write_text("import sys\nsys.modules['tensorboard'] = None\n")
    process = fresh.run(change={"tensorboard": True}, env={"PYTHONPATH": str(tmp_path / "without")})
    assert process.returncode != 0 and not fresh.results.exists()
    assert "the package tensorboard is not installed; to fix: install it" in process.stdout + process.stderr
