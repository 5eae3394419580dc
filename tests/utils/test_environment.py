"""Facts of what ran: right where they can be checked, absent where they are unknown."""

import subprocess
from importlib.metadata import version

import pytest
import torch

from fewlabel.utils import environment
from fewlabel.utils.environment import commit


def test_the_declared_libraries_are_listed_with_their_installed_versions():
    found = environment.packages()
    assert found["torch"] == version("torch") and found["numpy"] == version("numpy")
    assert "pytest" not in found  # a tool of development
    assert list(found) == sorted(found)


def test_unknown_facts_are_left_out():
    facts = environment.software()
    assert None not in facts.values() and "" not in facts.values()
    if not torch.cuda.is_available():
        assert "cudnn" not in facts
    assert "gpu" not in environment.hardware(torch.device("cpu"))
    assert environment.memory(torch.device("cpu"), 0) == {}


def test_the_peak_memory_is_in_bytes_and_rises_with_what_is_held():
    before = environment.peak_host_bytes()
    block = torch.ones(before // 4 + 25_000_000)  # float32: this alone is more than the peak so far
    assert environment.peak_host_bytes() >= max(before, block.nbytes)


def test_moments_are_in_utc():
    assert environment.iso_time(0) == "1970-01-01T00:00:00+00:00"


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def code(tmp_path):
    """A repository with a package folder in it."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "-qm", "first")
    return folder


def test_a_commit_is_clean_until_the_code_is_changed(code):
    head = git(code, "rev-parse", "HEAD")
    assert commit(code) == {"commit": head, "dirty": False}
    (code.parent / "notes.txt").write_text("not code")
    assert commit(code) == {"commit": head, "dirty": False}
    (code / "new.py").write_text("")
    assert commit(code) == {"commit": head, "dirty": True}


def test_code_that_a_repository_merely_surrounds_has_no_commit(code):
    installed = code.parent / "environment"
    installed.mkdir()
    (installed / "__init__.py").write_text("")
    assert commit(installed) == {}


def test_outside_git_and_without_git_there_is_no_commit(tmp_path, code, monkeypatch):
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert commit(tmp_path / "plain") == {}
    monkeypatch.setenv("PATH", "")
    assert commit(code) == {}
