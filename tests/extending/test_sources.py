"""A source of an installed package: listed, checked, read, planned and described like the built-in ones."""

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from helpers import preloaded
from helpers.arrays import COHORT, write_arrays

COHORTS = ("arrays", "prostate_phantom")


def test_a_study_reads_trains_and_scores_its_volumes(study):
    facts = pd.read_csv(study.results / "arrays" / "slices" / "subjects.csv").set_index("subject")
    assert list(facts.index) == [f"pelvis_00{number}" for number in (1, 2, 3, 4)]
    for subject in facts.index[:3]:
        mask = np.load(study.folder / "data" / "arrays" / f"{subject}_mask.npy")
        assert facts.loc[subject, "target_ml"] == pytest.approx(mask.sum() * 4 * 4 * 8 / 1000, abs=0.01)
        assert tuple(facts.loc[subject, ["slices", "rows", "columns"]]) == (mask.shape[2], *sorted(mask.shape[:2]))
    scores = pd.read_csv(study.results / "scores.csv")
    scored = scores[scores["cohort"] == "arrays"]
    assert set(scored["method"]) == {"scratch", "rotation"} and scored["subject"].nunique() == 2


def test_table_report_and_quality_page_describe_it(study):
    table = pd.read_csv(study.results / "tables" / "table1_cohorts.csv").set_index("cohort").loc["arrays"]
    assert (table["source"], table["licence"], table["citation"]) == (
        "arrays folder arrays, label 1", "CC0 1.0", "Toy et al. 2026",
    )  # fmt: skip
    assert "licence CC0 1.0; cite Toy et al. 2026" in (study.results / "report.html").read_text()
    assert (study.results / "tables" / "quality_arrays.html").is_file()


def test_a_changed_mask_runs_the_cohort_again_and_no_other(study):
    path = study.folder / "data" / "arrays" / "pelvis_001_mask.npy"
    before = path.read_bytes()
    mask = np.load(path)
    mask[tuple(np.argwhere(mask)[0])] = 0
    np.save(path, mask)
    try:
        runs = [study.run("--dry-run", "--", f"results/tiny/{name}/slices/store.json") for name in COHORTS]
    finally:
        path.write_bytes(before)
    assert ["Nothing to be done" in run.stdout + run.stderr for run in runs] == [False, True]


@pytest.fixture
def refused(tmp_path):
    """A function that says why `fewlabel validate` refuses an experiment with a cohort `arrays`."""

    def refusal(env, source=COHORT["source"]):
        overlay = tmp_path / "experiment.yaml"
        overlay.write_text(yaml.safe_dump({"cohorts": {"arrays": {**COHORT, "source": source}}}))
        process = preloaded.run("validate", overlay, env=env, cwd=tmp_path)
        assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
        return process.stderr

    return refusal


def test_problems_of_its_folder_and_settings_are_refused(toys, refused, tmp_path):
    assert "cohorts.arrays.source: " in (text := refused(toys)) and "arrays: no such folder" in text
    write_arrays(tmp_path / "data" / "arrays")
    (tmp_path / "data" / "arrays" / "spacing.json").write_text("[4, 4]")
    assert "data/arrays: spacing.json: [4.0, 4.0]; accepted: a list of three numbers in mm" in refused(toys)
    shutil.copy(tmp_path / "data/arrays/pelvis_001.npy", tmp_path / "data/arrays/pelvis 1.npy")
    (tmp_path / "data" / "arrays" / "spacing.json").write_text("[4, 4, 8]")
    assert "pelvis 1: unsafe subject name; accepted: letters, digits" in refused(toys)
    text = refused(toys, {"kind": "arrays", "foldr": "arrays"})
    assert "cohorts.arrays.source.foldr: unknown key; did you mean 'folder'?" in text
    assert "cohorts.arrays.source.folder: missing" in text


def test_its_unlabelled_folder_holds_volumes_of_the_usual_formats(toys, tmp_path):
    write_arrays(tmp_path / "data" / "arrays")
    (tmp_path / "data" / "further").mkdir()
    voxels = np.random.default_rng(0).random((20, 24, 6), dtype=np.float32)
    nib.save(nib.Nifti1Image(voxels, np.diag([4, 4, 8, 1])), tmp_path / "data" / "further" / "scan.nii.gz")
    source = {**COHORT["source"], "unlabelled": "further"}
    code = f"""
import json
from fewlabel.data.sources import registry
from fewlabel_toys.config.arrays import ArraySource
source = ArraySource.model_validate({source})
*own, further = registry.list_subjects(source)
(shape, affine), volume = registry.geometry(source, further), registry.read_volume(source, further)
print(json.dumps([len(own), further.subject, registry.check(source, [*own, further]), shape, volume.image.tolist()]))
"""
    process = preloaded.run(code, program="python-c", env=toys, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    own, name, problems, shape, image = json.loads(process.stdout)
    assert (own, name, problems, shape) == (4, "scan", [], [20, 24, 6])
    assert np.array_equal(np.array(image, dtype=np.float32), voxels)


def test_all_bad_files_are_told_at_once(toys, tmp_path):
    folder = tmp_path / "data" / "arrays"
    write_arrays(folder)
    np.save(folder / "pelvis_001.npy", np.zeros((3, 3)))
    (folder / "pelvis_002.npy").write_bytes((folder / "pelvis_002.npy").read_bytes()[:-5])
    settings = json.dumps({"cohort": "arrays", "source": COHORT["source"], "fingerprint": ""})
    files = [word for name in ("subjects", "source") for word in (f"--{name}", tmp_path / name)]
    process = preloaded.run("fetch", "--settings", settings, *files, env=toys, cwd=tmp_path)
    assert "pelvis_001.npy: 2 axes; accepted: 3 (x, y, z)" in process.stderr
    assert "pelvis_002.npy: cannot be read" in process.stderr and "Traceback" not in process.stderr


def test_without_the_package_its_kind_is_unknown(refused):
    text = refused(preloaded.NONE)
    assert "cohorts.arrays.source.kind: unknown kind 'arrays'; accepted: phantom, nifti, decathlon, meta" in text


SPECIFICATION = """
from typing import Literal
from fewlabel.config.base import LabelValues, Text
from fewlabel.config.sources.base import FileSource

class Source(FileSource):
    implementation = "guessing.impl:reader"
    kind: Literal["guess"]
    folder: Text
    labels: LabelValues
"""
MISFITS = {
    "no class": (
        SPECIFICATION + "Source = 1",
        "cannot be used (TypeError: an object of the class int); accepted: a class",
    ),
    "no source": ("class Source: ...", "Source is no subclass of fewlabel.config.sources.base.SourceSettings"),
    "another name": (SPECIFICATION.replace('"guess"', '"other"'), 'Source has no field `kind: Literal["guess"]`'),
    "no implementation": (SPECIFICATION.replace(":reader", ""), "`implementation` is 'guessing.impl'; accepted: 'modu"),
    "no labels": (SPECIFICATION.replace("    labels: LabelValues", ""), "Source has no field `labels`"),
    "both": (
        SPECIFICATION.replace("    kind", "    made_by_code = True\n    kind"),
        "`made_by_code` is for volumes",
    ),
    "not importable": ("import absent_module", "cannot be used (ModuleNotFoundError: No module named 'absent_mod"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_specification_that_does_not_fit_is_named_with_its_package(installed, refused, case):
    text, message = MISFITS[case]
    reported = refused(installed("guessing", {"fewlabel.sources": {"guess": "guessing.spec:Source"}}, spec=text))
    assert "guessing 1.2, entry point 'guess' in 'fewlabel.sources' (guessing.spec:Source): " in reported
    assert message in reported and "to fix: install a version of guessing that fits" in reported


def test_the_name_of_a_built_in_source_is_taken(installed, refused):
    env = installed("guessing", {"fewlabel.sources": {"nifti": "guessing.spec:Source"}}, spec=SPECIFICATION)
    assert "the name 'nifti' is taken by fewlabel itself" in refused(env)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "its implementation 'guessing.impl:reader' cannot be imported (division by zero)"),
        ("reader = 1", "is of the class int; accepted: an object of the class fewlabel.data.sources.base.FileReader"),
    ],
)
def test_an_implementation_that_does_not_fit_is_refused_before_work_starts(installed, study, refused, text, message):
    entry = {"fewlabel.sources": {"guess": "guessing.spec:Source"}}
    env = installed("guessing", entry, spec=SPECIFICATION, impl=text)
    source = {"kind": "guess", "folder": "arrays", "labels": [1]}
    assert "cohorts.arrays.source: kind guess (Source): " in (reported := refused(env, source)) and message in reported
    change = {"cohorts": {"arrays": {**COHORT, "source": source}}}
    process = super(type(study), study).run("--dry-run", change=change, env=env)
    assert process.returncode == 1 and message in process.stdout + process.stderr
    assert "Traceback" not in process.stdout + process.stderr
