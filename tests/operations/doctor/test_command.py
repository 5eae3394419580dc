"""`fewlabel doctor` on the machine that the tests run on."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from helpers import preloaded

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path):
    """A folder to run in: configuration, rules and profile of this checkout."""
    for name in ("config.yaml", "Snakefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def doctor(folder, *arguments, **env):
    return preloaded.run("doctor", *arguments, cwd=folder, env=env)


def without(folder, *modules):
    """An environment in which these modules are not installed."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDING.format(modules=modules))
    return {"PYTHONPATH": str(folder)}


HIDING = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {modules} else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_a_machine_that_runs_these_tests_is_fit_and_nothing_is_left_behind(checkout):
    before = sorted(checkout.rglob("*"))
    process = doctor(checkout, "--profile", "profiles/default")
    assert process.returncode == 0, process.stdout + process.stderr
    lines = process.stdout.splitlines()
    assert all(re.match(r"(ok|note) +\S", line) for line in lines[:-1])
    assert re.fullmatch(r"\d+ checks: 0 problems, \d+ notes", lines[-1])
    assert sorted(checkout.rglob("*")) == before


def test_the_probe_of_the_processor_is_shown_and_repeated_on_request(checkout, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    assert "no probe is kept -> set FEWLABEL_CACHE" in doctor(checkout, FEWLABEL_CACHE="").stdout
    assert re.search(
        r"ok +precision +CPU: (f32|bf16); a step takes f32 ", doctor(checkout, FEWLABEL_CACHE=cache).stdout
    )
    (file,) = (cache / "probes").glob("*.json")
    kept = json.loads(file.read_text())
    kept["cpu_seconds"] = {"f32": 900.0, "bf16": 901.0}
    file.write_text(json.dumps(kept))
    shown = "CPU: f32; a step takes f32 9e+05 ms, bf16 9.01e+05 ms; probed 2"
    assert shown in doctor(checkout, FEWLABEL_CACHE=cache).stdout
    assert shown not in doctor(checkout, "--probe", FEWLABEL_CACHE=cache).stdout
    assert json.loads(file.read_text())["cpu_seconds"]["f32"] < 900


def test_without_options_no_plugin_of_a_profile_is_needed(checkout, tmp_path_factory):
    """What `make demo` installs has no plugin for Kubernetes or submit commands."""
    plugins = ("snakemake_executor_plugin_kubernetes", "snakemake_executor_plugin_cluster_generic")
    bare = without(tmp_path_factory.mktemp("bare") / "site", *plugins, "snakemake_storage_plugin_fs")
    process = doctor(checkout, **bare)
    assert process.returncode == 0, process.stdout + process.stderr
    notes = [line for line in process.stdout.splitlines() if re.match("note +plugins ", line)]
    assert len(notes) == 3 and "needed by profiles/cluster-generic" in notes[0]
    chosen = doctor(checkout, "--profile", "profiles/kubernetes", **bare)
    problems = [line for line in chosen.stdout.splitlines() if re.match("problem +plugins ", line)]
    assert chosen.returncode == 1 and len(problems) == 2
    assert "snakemake-storage-plugin-fs is not installed" in problems[1] and "pip install" in problems[1]


def test_the_profile_for_kubernetes_needs_rsync(checkout, tmp_path):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    process = doctor(checkout, "--profile", "profiles/kubernetes", PATH=str(bin_folder))
    assert process.returncode == 1 and "rsync: not in PATH, but profiles/kubernetes needs it" in process.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_profile_for_gpus_is_a_problem_where_there_is_none(checkout):
    process = doctor(checkout, "--profile", "profiles/gpu")
    assert process.returncode == 1
    (line,) = (line for line in process.stdout.splitlines() if line.startswith("problem"))
    assert "no NVIDIA GPU or driver here" in line and "profiles/default" in line


def test_a_profile_that_cannot_be_read_is_one_problem_among_others(checkout):
    (checkout / "profiles" / "mine.yaml").write_text("executor: [")
    process = doctor(checkout, "--profile", "profiles/mine.yaml", "--configfile", "nowhere.yaml")
    problems = [line for line in process.stdout.splitlines() if line.startswith("problem")]
    assert process.returncode == 1 and len(problems) == 2 and "Traceback" not in process.stderr
    assert "profiles/mine.yaml: cannot be read as a profile" in problems[0] and "nowhere.yaml" in problems[1]


def test_a_problem_is_told_with_what_to_do_and_exit_code_1(checkout):
    (checkout / "mine.yaml").write_text("cohorts: {mine: {source: {kind: nifti, folder: nowhere}}}\n")
    process = doctor(checkout, "--configfile", "mine.yaml")
    assert process.returncode == 1
    (line,) = (line for line in process.stdout.splitlines() if line.startswith("problem"))
    assert "data: mine" in line and " -> create it, or set FEWLABEL_DATA" in line


def test_another_process_sees_what_the_first_saw_until_something_differs(checkout):
    assert doctor(checkout, "--json", "login.json").returncode == 0
    same = doctor(checkout, "--against", "login.json")
    assert same.returncode == 0 and "files written there are visible here" in same.stdout
    (checkout / "Snakefile").write_text("# changed\n")
    changed = doctor(checkout, "--against", "login.json", "--results", "other")
    assert changed.returncode == 1
    assert "Snakefile or rules differ" in changed.stdout and "are not in" in changed.stdout


def test_the_report_holds_findings_and_what_was_seen(checkout):
    doctor(checkout, "--json", "login.json")
    report = json.loads((checkout / "login.json").read_text())
    assert {"check", "status", "text", "todo"} == set(report["findings"][0])
    assert report["view"]["token"] == (checkout / "results" / ".doctor-token").read_text().strip()


def test_a_report_that_is_none_is_refused(checkout):
    (checkout / "login.json").write_text("{}")
    assert (
        "not a report of this version's `fewlabel doctor --json`" in doctor(checkout, "--against", "login.json").stderr
    )
    missing = doctor(checkout, "--against", "nothing.json")
    assert missing.returncode == 1 and "nothing.json: no such file" in missing.stderr
