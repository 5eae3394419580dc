"""Where the cohorts of an experiment are looked for, and what is said where they are not."""

from pathlib import Path

import pytest
import yaml

from fewlabel.operations.doctor import data

ROOT = Path(__file__).parents[3]
NIFTI = {"kind": "nifti", "folder": "mine"}
TASK = {"kind": "decathlon", "task": "Task04_Hippocampus"}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    return tmp_path


def found(tmp_path, source):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"cohorts": {"mine": {"source": source}}}))
    return {finding.check: finding for finding in data.ask([overlay], [ROOT])}


def test_phantoms_need_no_data():
    (finding,) = data.ask([], [ROOT])
    assert finding.status == "ok" and "study demo: 2 cohorts, 2 of them synthetic" in finding.text


def test_a_cohort_that_is_there_is_counted(root):
    (root / "mine" / "images").mkdir(parents=True)
    for name in ("a.nii.gz", "b.nii", "._a.nii.gz"):
        (root / "mine" / "images" / name).touch()
    findings = found(root, NIFTI)
    assert findings["data"].status == "ok" and findings["data: mine"].text.startswith("2 images in")


def test_files_that_are_not_read_are_told(root):
    (root / "mine" / "images").mkdir(parents=True)
    for name in ("a.nii.gz", "B.NII", "c.gipl", "README"):
        (root / "mine" / "images" / name).touch()
    overlay = root / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"cohorts": {"mine": {"source": NIFTI}}}))
    reported = [(one.status, one.text) for one in data.ask([overlay], [ROOT]) if one.check.endswith(": mine")]
    assert [status for status, _ in reported] == ["ok", "problem", "note"]
    assert reported[0][1].startswith("2 images in") and reported[1][1].startswith(
        "images/: not read: c.gipl: an unsupported format"
    )
    assert reported[2][1] == "images/: not read: README: not named as a volume"


def test_a_cohort_that_is_not_there_or_empty_is_a_problem(root):
    missing = found(root, NIFTI)["data: mine"]
    assert missing.status == "problem" and "no such folder" in missing.text and "FEWLABEL_DATA" in missing.todo
    (root / "mine").mkdir()
    assert "no volumes in" in found(root, NIFTI)["data: mine"].text


def test_a_task_may_be_an_archive_or_be_downloaded(root):
    assert found(root, TASK)["data: mine"].status == "problem"
    download = found(root, {**TASK, "url": "https://example.org/t.tar", "md5": "0" * 32})["data: mine"]
    assert download.status == "note" and "will be downloaded" in download.text
    (root / "Task04_Hippocampus.tar").touch()
    assert "not extracted yet" in found(root, TASK)["data: mine"].text


def test_a_data_root_that_is_not_there_is_named(root, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", str(root / "nowhere"))
    finding = found(root, NIFTI)["data"]
    assert finding.status == "note" and "nowhere" in finding.text


def test_the_data_root_of_the_experiment_counts(root, monkeypatch):
    monkeypatch.setenv("FEWLABEL_DATA", "")
    overlay = root / "root.yaml"
    overlay.write_text(f"data_root: {root}/deep\ncohorts: {{mine: {{source: {{kind: nifti, folder: mine}}}}}}\n")
    findings = {finding.check: finding for finding in data.ask([overlay], [ROOT])}
    assert f"{root}/deep/mine" in findings["data: mine"].text
    assert (
        "set `data_root` (now: " in findings["data: mine"].todo and "FEWLABEL_DATA" not in findings["data: mine"].todo
    )
    assert "(`data_root`)" in findings["data"].text
    monkeypatch.setenv("FEWLABEL_DATA", str(root / "elsewhere"))
    assert "set FEWLABEL_DATA (now: " in found(root, NIFTI)["data: mine"].todo


def test_a_mistyped_experiment_is_a_problem_and_none_at_all_a_note(root):
    overlay = root / "bad.yaml"
    overlay.write_text("drawss: 3\n")
    (finding,) = data.ask([overlay], [ROOT])
    assert finding.status == "problem" and "drawss" in finding.text
    assert data.ask([], [root])[0].status == "note"
