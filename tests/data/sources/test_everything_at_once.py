"""`fewlabel fetch` tells all problems of a cohort at once: of its listing, its volumes and its unlabelled folder."""

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import FetchSettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.sources import registry
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.subjects.subject import ListingError
from fewlabel.utils.errors import InputError
from helpers.dicom_trees import write_series


def source(**changes):
    return NiftiSource(kind="nifti", folder="mine", labels=[1], **changes)


def fetch(chosen, out, threads):
    settings = canonical(FetchSettings(cohort="own", source=chosen, fingerprint=""))
    words = ["fetch", "--settings", settings, "--subjects", str(out / "subjects.csv"), "--source", str(out / "s.json")]
    return CliRunner().invoke(app, words, env={"OMP_NUM_THREADS": str(threads)})


def spoil(mine, write):
    """Bad names, tables and orphans; damaged, constant and endless volumes; a gap among the unlabelled."""
    (mine / "images" / "a.nii.gz").write_bytes(b"\x1f\x8b nothing")
    write(mine / "images" / "b.nii.gz", np.full((7, 6, 5), 3, np.int16))
    write(mine / "images" / "c.nii.gz", np.full((7, 6, 5), np.nan, np.float32))
    shutil.copy(mine / "images" / "d.nii.gz", mine / "images" / "-e.nii.gz")
    shutil.copy(mine / "labels" / "b.nii.gz", mine / "labels" / "orphan.nii.gz")
    (mine / "subjects.tsv").write_text("subject\tuse\na\tsometimes\nnobody\tauto\n")
    further = mine.parent / "further"
    write_series(further / "f1", np.arange(8 * 8 * 6).reshape(8, 8, 6).astype(np.int16))
    next(iter(sorted((further / "f1").iterdir())[3:])).unlink()
    (further / "d").mkdir()
    shutil.copy(mine / "images" / "d.nii.gz", further / "d.nii.gz")


REPORTED = [
    "images/-e.nii.gz: unsafe subject name",
    "no image of the same name in images/ for orphan.nii.gz",
    "subjects.tsv: line 2: unknown use 'sometimes'",
    "subjects.tsv: line 3: no image of subject 'nobody'",
    "names of other subjects: d",
    "images/a.nii.gz: truncated or not a NIfTI file",
    "images/b.nii.gz: constant volume (3 everywhere)",
    "images/c.nii.gz: 210 values are NaN or infinite",
    "f1: missing slices: 1 between",
]


@pytest.mark.parametrize("threads", [1, 2])
def test_problems_of_the_listing_hide_none_of_the_volumes(mine, write, tmp_path, threads):
    spoil(mine, write)
    outcome = fetch(source(unlabelled="further"), tmp_path / "out", threads)
    assert isinstance(outcome.exception, InputError)
    reported = str(outcome.exception)
    assert reported.startswith(f"cohorts.own: {len(REPORTED)} problems {mine}:\n")
    assert len(reported.splitlines()) == 1 + len(REPORTED)
    for number, part in enumerate(REPORTED):
        assert part in reported.splitlines()[1 + number], reported
    assert not (tmp_path / "out").exists()


def test_a_listing_with_problems_keeps_the_subjects_whose_files_are_there(mine):
    (mine / "labels" / "orphan.nii.gz").write_bytes(b"")
    with pytest.raises(ListingError) as reported:
        nifti.list_subjects(source())
    assert [one.subject for one in reported.value.subjects] == ["a", "b", "c", "d"]
    assert str(reported.value) == f"{mine}:\n  - {reported.value.problems[0]}"
    with pytest.raises(ListingError, match=r"orphan\.nii\.gz"):
        registry.list_subjects(source())


def test_several_workers_find_the_same_in_the_same_order(mine, write):
    write(mine / "images" / "b.nii.gz", np.full((7, 6, 5), 3, np.int16))
    write(mine / "labels" / "c.nii.gz", np.full((7, 6, 4), 1, np.uint8))
    subjects = registry.list_subjects(source())
    one, three = (registry.check(source(), subjects, workers) for workers in (1, 3))
    assert one == three and len(one) == 2


def test_a_good_cohort_is_fetched_by_several_workers(mine, tmp_path):
    outcome = fetch(source(), tmp_path, 2)
    assert outcome.exit_code == 0, outcome.output
    assert "own: 4 subjects, 3 labelled; all passed the checks" in outcome.output
