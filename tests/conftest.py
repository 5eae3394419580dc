"""What several folders of tests share."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fewlabel.utils.log import show_messages
from helpers.studies import MARKUP, Study, made_once

# No test is judged by time: a busy machine would fail it.
settings.register_profile("no_time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_time")

# No test probes this machine but those of the probe, which name a folder.
os.environ["FEWLABEL_CACHE"] = ""

# As a command does, for tests that read what the library says.
show_messages()

CHECKER = Path(sys.prefix) / "validator" / "bin" / "python"


@pytest.fixture
def crate_issues(tmp_path_factory):
    """A function that has an independent checker look at a crate: what it finds, as (check, severity, text)."""
    if not CHECKER.exists():
        pytest.skip("the checker of RO-Crates is not installed: `make .venv/installed-dev` does it")

    def check(crate, severity="required"):
        folder = tmp_path_factory.mktemp("check")
        script, report = Path(__file__).with_name("helpers") / "check_crate.py", folder / "report.json"
        command = [CHECKER, script, crate, severity, report, folder / "cache"]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        assert report.exists(), process.stdout + process.stderr
        found = json.loads(report.read_text())
        issues = [(issue["check"]["identifier"], issue["severity"], issue["message"]) for issue in found["issues"]]
        assert found["passed"] == (not issues)
        return issues

    return check


@pytest.fixture
def fresh(tmp_path):
    """A folder without results."""
    return Study(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny experiment, finished: a copy for each worker. Tests that change it restore it, or take a copy."""
    return made_once(tmp_path_factory, "finished", lambda folder: Study(folder).run())


@pytest.fixture(scope="session")
def titled(tmp_path_factory, finished):
    """The finished experiment with `MARKUP` as the title of a cohort and a method, and all that shows it made again."""

    def make(folder):
        change = {"cohorts": {"liver_phantom": {"title": MARKUP}}, "methods": {"scratch": {"title": MARKUP}}}
        return finished.copy_to(folder).run(change=change)

    return made_once(tmp_path_factory, "titled", make)
