"""How jobs come by their software: what Snakemake asks of conda and Apptainer, for which stand-ins answer here."""

import os

import pytest

CONDA = """#!/bin/sh
echo "conda $*" >> "{place}/calls"
case "$1 $2" in
--version*) echo "conda 24.9.1" ;;
"info --json") echo '{{"platform": "linux-64", "conda_prefix": "{place}", "root_prefix": "{place}"}}' ;;
"config --get") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
esac
"""
ACTIVATE = """export PATH="{place}/bin:$PATH"
"""
PYTHON = """#!/bin/sh
echo "python $*" >> "{place}/calls"
"""
APPTAINER = """#!/bin/bash
echo "$*" >> "{place}/calls"
if [ "$1" = --version ]; then echo "apptainer version 1.3.4"; exit; fi
while [ "$1" != bash ]; do shift; done
exec "$@"
"""


@pytest.fixture
def stand_in(tmp_path):
    """A function that puts a program of that text in PATH: the environment with it, and a reader of all calls."""

    def put(name, text):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text.format(place=tmp_path))
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}, lambda: (tmp_path / "calls").read_text().splitlines()

    return put


@pytest.mark.parametrize(("kind", "expected"), [("", {"envs/cpu.yaml"}), ("cuda", {"envs/cpu.yaml", "envs/cuda.yaml"})])
def test_trainings_have_the_conda_environment_that_is_asked_for(fresh, stand_in, kind, expected):
    environment, _ = stand_in("conda", CONDA)
    process = fresh.run("--sdm", "conda", "--list-conda-envs", env={**environment, "FEWLABEL_CONDA": kind})
    assert process.returncode == 0, process.stderr
    named = {line.split("\t")[0].partition("envs/")[2] for line in process.stdout.splitlines() if "envs/" in line}
    assert {f"envs/{name}" for name in named} == expected


def test_a_kind_of_environment_that_does_not_exist_is_refused_with_those_that_do(fresh):
    process = fresh.run("--dry-run", env={"FEWLABEL_CONDA": "gpu"})
    assert (
        process.returncode == 1
        and "FEWLABEL_CONDA=gpu: no such environment; accepted: cpu, cuda" in process.stdout + process.stderr
    )


def test_fewlabel_itself_is_installed_into_a_new_conda_environment(fresh, stand_in):
    environment, calls = stand_in("conda", CONDA)
    stand_in("activate", ACTIVATE)
    stand_in("python", PYTHON)
    elsewhere = fresh.run("--sdm", "conda", "--conda-create-envs-only", env=environment)
    assert elsewhere.returncode == 1 and "start Snakemake in FewLabel's checkout" in elsewhere.stdout + elsewhere.stderr
    (fresh.folder / "pyproject.toml").touch()
    process = fresh.run("--sdm", "conda", "--conda-create-envs-only", env=environment)
    assert process.returncode == 0, process.stdout + process.stderr
    assert [call for call in calls() if call.startswith("python")] == ["python -m pip install --no-deps --editable ."]


def test_under_apptainer_each_job_runs_in_the_image(fresh, stand_in):
    environment, calls = stand_in("apptainer", APPTAINER)
    (fresh.folder / "fewlabel.sif").touch()
    made = fresh.results / "liver_phantom" / "splits" / "draw1.csv"
    process = fresh.run(str(made.relative_to(fresh.folder)), "--sdm", "apptainer", env=environment)
    assert process.returncode == 0 and made.exists(), process.stdout + process.stderr
    jobs = [call for call in calls() if call.startswith("exec")]
    assert [next(word for word in ("fetch", "split", "draw") if f"fewlabel {word} " in job) for job in jobs] == [
        "fetch", "split", "draw"
    ]  # fmt: skip
    assert all(" fewlabel.sif bash -c" in job for job in jobs)
