"""A workflow that is edited during a run warns at its end; a snapshot runs on undisturbed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from fewlabel.config.loading.workflow_files import PACKAGE
from fewlabel.operations.hooks import snapshot
from fewlabel.utils import environment
from fewlabel.utils.errors import InputError
from helpers.studies import ROOT, TINY

ORDER = "results/tiny/liver_phantom/splits/draw1.csv"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A snapshot of this workflow, made by the command."""
    folder = tmp_path_factory.mktemp("frozen") / "copy"
    call = ["fewlabel", "snapshot", folder, "--workflow", ROOT]
    process = subprocess.run(call, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert f"PYTHONPATH='{folder}/workflow' snakemake --snakefile '{folder}/Snakefile' …" in process.stdout
    return folder


def start(workflow, place, *arguments, package=None):
    """Run a copied workflow on the tiny study, with its own package unless told otherwise."""
    (place / "experiment.yaml").write_text(yaml.safe_dump(TINY))
    call = [sys.executable, "-m", "snakemake", "--snakefile", workflow / "Snakefile", "--directory", place]
    call += ["--configfile", place / "experiment.yaml", "--cores", "2", *arguments]
    env = {**os.environ, "PYTHONPATH": str(package or workflow / "workflow")}
    return subprocess.Popen(call, env=env, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def editable(copy, folder):
    """A copy of the copy, which may be edited."""
    subprocess.run(["cp", "-r", copy, folder], check=True)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    return folder


def edit_during(process, place, *files):
    """Edit files once the run is under way; what it said at its end."""
    while not (place / "results/tiny/.running.holder").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    for file in files:
        with file.open("a") as text:
            text.write("\n# edited\n")
    return process.communicate()[0]


def test_a_frozen_copy_runs_whatever_happens_to_the_original(copy, tmp_path):
    original = editable(copy, tmp_path / "original")
    frozen_of_it = tmp_path / "frozen"
    subprocess.run(
        ["fewlabel", "snapshot", frozen_of_it, "--workflow", original],
        env={**os.environ, "PYTHONPATH": str(original / "workflow")},
        check=True,
    )
    for path in original.rglob("*.py"):
        path.write_text("this is no Python")
    (original / "Snakefile").unlink()
    process = start(frozen_of_it, tmp_path, ORDER)
    text = process.communicate()[0]
    assert process.returncode == 0, text
    assert (tmp_path / ORDER).exists() and "warning: edited" not in text


def test_files_that_are_edited_during_a_run_are_named_at_its_end_with_the_next_step(copy, tmp_path):
    workflow = editable(copy, tmp_path / "workflow")
    files = [
        workflow / name
        for name in ("Snakefile", "workflow/rules/reporting.smk", "workflow/fewlabel/data/csv_tables.py")
    ]
    process = start(workflow, tmp_path, ORDER)
    text = edit_during(process, tmp_path, *files, tmp_path / "experiment.yaml")
    assert process.returncode == 0, text
    said = text[text.index("warning: edited during this run: ") :]
    for name in (
        "Snakefile",
        "workflow/rules/reporting.smk",
        "workflow/fewlabel/data/csv_tables.py",
        "experiment.yaml",
    ):
        assert name in said.partition("\n")[0]
    assert "fewlabel snapshot FOLDER" in said
    # What was edited before a run is none of its business.
    again = start(workflow, tmp_path, ORDER).communicate()[0]
    assert "warning: edited" not in again


def test_a_frozen_copy_refuses_to_run_with_another_package(copy, tmp_path):
    process = start(copy, tmp_path, "--dry-run", package="/nowhere")
    text = process.communicate()[0]
    assert process.returncode == 1 and "Traceback" not in text
    assert "is a snapshot, but jobs would use the package in" in text
    assert f"PYTHONPATH='{copy}/workflow' snakemake --snakefile" in text


def test_a_frozen_copy_is_read_only_and_remembers_its_commit(copy):
    assert not [path for path in copy.rglob("*") if path.is_file() and path.stat().st_mode & 0o222]
    assert environment.commit(copy / "workflow" / "fewlabel") == environment.commit(PACKAGE)
    assert not list(copy.rglob("__pycache__")) and not (copy / "results").exists()


def test_edited_removed_and_untouched_files_are_told_apart(tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(name)
    before = snapshot.fingerprint(ROOT, [tmp_path / name for name in "abcd"])
    assert {
        ROOT / "Snakefile",
        ROOT / "workflow/rules/common.smk",
        ROOT / "workflow/report/study.rst",
        Path(snapshot.__file__),
    } < before.keys()
    assert snapshot.edited(before) == []
    (tmp_path / "a").write_text("A")
    (tmp_path / "b").unlink()
    os.utime(tmp_path / "c", (0, 0))
    assert snapshot.edited(before) == [tmp_path / "a", tmp_path / "b"]
    assert "a, " in snapshot.warning([tmp_path / name for name in "abcabcab"], tmp_path)
    assert "and 3 more" in snapshot.warning([tmp_path / name for name in "abcabcab"], tmp_path)


def test_what_is_no_workflow_and_what_is_there_already_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no workflow \(missing: Snakefile, config.yaml"):
        snapshot.take(tmp_path, tmp_path / "copy", {})
    with pytest.raises(InputError, match="already exists; to fix: choose a new folder"):
        snapshot.take(ROOT, tmp_path, {})
    assert not list(tmp_path.iterdir())


def test_a_new_folder_for_studies_is_writable_though_its_source_is_not(copy, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(copy / "workflow")}
    process = subprocess.run(
        ["fewlabel", "init", tmp_path / "new"], env=env, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "new").rglob("*"))
    assert not (tmp_path / "new" / "workflow" / "fewlabel").exists()


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path):
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    code += "from fewlabel.cli.main import main; sys.argv.insert(1, 'init'); main()"
    command = [sys.executable, "-c", code, tmp_path / "new"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1 and process.stderr.count("\n") == 1, process.stderr
    assert "File too large; to fix: " in process.stderr and not list((tmp_path / "new").iterdir())
