"""`fewlabel doctor` on a real Slurm: what it says of a profile, and whether a node sees what the login node sees."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.studies import ROOT

FEWLABEL = str(Path(sys.executable).with_name("fewlabel"))


@pytest.fixture
def checkout(tmp_path):
    """A folder to submit from: configuration and profiles of this checkout."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.fixture
def doctor(slurm, checkout):
    """A function that calls it, on a node if words stand before it: exit code, and findings by check."""

    def call(*arguments, before=()):
        command = [*before, FEWLABEL, "doctor", *arguments]
        process = subprocess.run(command, cwd=checkout, env=slurm.env, capture_output=True, text=True, check=False)
        rows = re.findall(r"^(ok|note|problem) +(\S.*?)  +(.+)$", process.stdout, re.MULTILINE)
        assert rows, process.stdout + process.stderr
        return process.returncode, {check: (status, text) for status, check, text in rows}

    return call


@pytest.mark.parametrize("name", ["slurm", "slurm-gres"])
def test_the_profiles_as_shipped_fit_a_cluster_with_their_partitions(doctor, name):
    code, found = doctor("--profile", f"profiles/{name}")
    assert code == 0
    assert found["partitions"] == ("ok", "cpu, gpu") and found["commands"][0] == found["plugins"][0] == "ok"


def test_a_partition_that_the_cluster_lacks_is_told_with_those_that_it_has(doctor, checkout):
    profile = checkout / "profiles" / "slurm" / "profile.yaml"
    profile.write_text(profile.read_text().replace("gpu_partition: gpu", "gpu_partition: gpus"))
    code, found = doctor("--profile", "profiles/slurm")
    assert code == 1
    assert found["partitions"][0] == "problem" and "no partition 'gpus'; accepted: cpu, gpu" in found["partitions"][1]


def test_a_training_partition_without_gpus_is_told(doctor, checkout):
    profile = checkout / "profiles" / "slurm" / "profile.yaml"
    profile.write_text(profile.read_text().replace("gpu_partition: gpu", "gpu_partition: cpu"))
    code, found = doctor("--profile", "profiles/slurm")
    assert code == 1 and "whose nodes declare none; partitions with GPUs: gpu" in found["partitions"][1]


def test_a_node_sees_what_the_login_node_sees(doctor):
    assert doctor("--json", "login.json")[0] == 0
    code, found = doctor("--against", "login.json", before=["srun", "--partition=cpu", "--mem=2000"])
    assert code == 0
    assert found["allocation"][1].startswith("Slurm job ")
    assert {found[f"same {what}"][0] for what in ("code", "software", "results", "data")} == {"ok"}


def test_a_node_that_sees_another_folder_is_told_so(doctor, checkout, tmp_path_factory):
    assert doctor("--json", "login.json")[0] == 0
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    before = ["srun", "--partition=cpu", "--mem=2000", f"--chdir={elsewhere}"]
    code, found = doctor("--against", str(checkout / "login.json"), before=before)
    assert code == 1 and found["same results"][0] == "problem"


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="here a declared GPU is a real one")
def test_an_allocation_with_a_gpu_that_torch_does_not_see_is_a_problem(doctor):
    code, found = doctor(before=["srun", "--partition=gpu", "--gpus=1", "--mem=2000"])
    assert code == 1 and found["torch"][0] == "problem" and "no NVIDIA GPU or driver here" in found["torch"][1]
