"""The workflow itself: quick to read, complete in its documentation, the same however it is started."""

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_planning_imports_neither_torch_nor_any_volume_library(fresh, tmp_path_factory):
    traps = tmp_path_factory.mktemp("traps")
    for name in ("torch", "nibabel", "monai", "skimage", "scipy", "matplotlib", "rocrate"):
        (traps / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')\n")
    process = fresh.run(
        "--dry-run", env={"PYTHONPATH": os.pathsep.join([str(traps), *filter(None, [os.environ.get("PYTHONPATH")])])}
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_grid_of_a_study_of_a_thousand_jobs_is_planned(fresh):
    jobs, _ = fresh.planned(change={"labels": [1, 2, 3], "draws": 50})
    assert sum(jobs.values()) > 1000


def test_the_snakefile_stays_one_page():
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 60


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
def test_the_data_root_of_the_experiment_reaches_the_jobs(fresh):
    data = fresh.folder / "somewhere"
    change = {
        "data_root": str(data),
        "cohorts": {
            "liver_phantom": None,
            "prostate_phantom": None,
            "own": {"source": {"kind": "nifti", "folder": "mine"}, "grid": {"matrix": [32, 32]}, "test": 1},
        },
    }
    process = fresh.run(change=change, env={"FEWLABEL_DATA": "/nowhere"})
    assert process.returncode == 1
    assert str(data / "mine") in process.stdout + process.stderr


def test_every_job_is_announced_in_plain_words(fresh):
    _, text = fresh.planned()
    assert "Pretrain regression on liver_phantom (log: results/tiny/logs/liver_phantom/pretrain_regression.log)" in text
    assert "Finetune regression on liver_phantom, N = 1, draw 1 (log: " in text
    # Without a message, Snakemake prints rule and files.
    assert not re.search(r"^(local)?rule \w+:", text, re.MULTILINE)
