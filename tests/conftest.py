"""What several folders of tests share."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fewlabel.utils.log import show_messages

# No test is judged by time: a busy machine would fail it.
settings.register_profile("no_time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_time")

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
