"""`fewlabel doctor` on the machine that the tests run on."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("fewlabel")


@pytest.fixture
def checkout(tmp_path):
    """A folder to run in: configuration, rules and profile of this checkout."""
    for name in ("config.yaml", "Snakefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def doctor(folder, *arguments):
    return subprocess.run([COMMAND, "doctor", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_a_machine_that_runs_these_tests_is_fit_and_nothing_is_left_behind(checkout):
    before = sorted(checkout.rglob("*"))
    process = doctor(checkout, "--profile", "profiles/default")
    assert process.returncode == 0, process.stdout + process.stderr
    lines = process.stdout.splitlines()
    assert all(re.match(r"(ok|note) +\S", line) for line in lines[:-1])
    assert re.fullmatch(r"\d+ checks: 0 problems, \d+ notes", lines[-1])
    assert sorted(checkout.rglob("*")) == before


def test_a_problem_is_told_with_what_to_do_and_exit_code_1(checkout):
    (checkout / "mine.yaml").write_text("cohorts: {mine: {source: {kind: nifti, folder: nowhere}}}\n")
    process = doctor(checkout, "--configfile", "mine.yaml")
    assert process.returncode == 1
    (line,) = (line for line in process.stdout.splitlines() if line.startswith("problem"))
    assert "data: mine" in line and " -> put it there, or set FEWLABEL_DATA" in line


def test_another_process_sees_what_the_first_saw_until_something_differs(checkout):
    assert doctor(checkout, "--json", "login.json").returncode == 0
    same = doctor(checkout, "--against", "login.json")
    assert same.returncode == 0 and "what was written there is seen here" in same.stdout
    (checkout / "Snakefile").write_text("# changed\n")
    changed = doctor(checkout, "--against", "login.json", "--results", "other")
    assert changed.returncode == 1
    assert "Snakefile or rules differ" in changed.stdout and "is not in" in changed.stdout


def test_the_report_holds_findings_and_what_was_seen(checkout):
    doctor(checkout, "--json", "login.json")
    report = json.loads((checkout / "login.json").read_text())
    assert {"check", "status", "text", "todo"} == set(report["findings"][0])
    assert report["sight"]["token"] == (checkout / "results" / ".doctor-token").read_text().strip()


def test_a_report_that_is_none_is_refused(checkout):
    (checkout / "login.json").write_text("{}")
    assert "no report of `fewlabel doctor --json`" in doctor(checkout, "--against", "login.json").stderr
    missing = doctor(checkout, "--against", "nothing.json")
    assert missing.returncode == 1 and "no such report" in missing.stderr
