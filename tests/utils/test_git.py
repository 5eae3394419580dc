"""Which revision a folder of code holds."""

import subprocess

import pytest

from fewlabel.utils.git import commit


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
