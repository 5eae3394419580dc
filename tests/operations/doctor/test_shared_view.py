"""What two machines see alike."""

from dataclasses import replace

import pytest

from fewlabel.operations.doctor import shared_view
from fewlabel.operations.doctor.shared_view import SharedView

LOGIN = SharedView(
    "0.1.0", "c0de", "ru1e5", "3.12.1", "/shared/results", "token", "/shared/data", "1157", 0.1,
    {"commit": "0123456789abcdef", "dirty": False}, {"torch": "2.13.0"},
)  # fmt: skip


def differing(**changes):
    findings = shared_view.compare(LOGIN, replace(LOGIN, **changes))
    return {finding.check: (finding.status, finding.text) for finding in findings if finding.status != "ok"}


def test_a_node_that_sees_the_same_is_fine():
    assert differing() == {}


@pytest.mark.parametrize(
    ("changes", "check", "status", "words"),
    [
        ({"code": "other"}, "same code", "problem", "different fewlabel"),
        ({"fewlabel": "0.2.0"}, "same code", "problem", "0.2.0"),
        ({"rules": "other"}, "same code", "problem", "Snakefile or rules differ"),
        ({"python": "3.11.7"}, "same software", "problem", "python 3.11.7 (there 3.12.1)"),
        ({"libraries": {}}, "same software", "problem", "torch none (there 2.13.0)"),
        ({"token": None}, "same results", "problem", "are not in /shared/results here"),
        ({"token": "older"}, "same results", "problem", "another report"),
        ({"results": "/mnt/results"}, "same results", "problem", "/mnt/results here"),
        ({"listing": None}, "same data", "problem", "different files"),
        ({"clock": 30.0}, "same time", "note", "29.9 s apart"),
        ({"clock": None}, "same time", "note", "unknown"),
    ],
)
def test_each_difference_is_told_by_its_own_check(changes, check, status, words):
    found = differing(**changes)
    assert found.keys() == {check}
    assert found[check][0] == status and words in found[check][1]


def test_a_commit_and_its_changes_are_named():
    dirty = replace(LOGIN, code="other", commit={"commit": "fedcba9876543210", "dirty": True})
    text = shared_view.compare(LOGIN, dirty)[0].text
    assert "commit fedcba987654, edited" in text and "commit 0123456789ab" in text
    assert "code other" in shared_view.compare(LOGIN, replace(dirty, commit={}))[0].text


def test_code_is_its_names_and_contents(tmp_path):
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for file in files:
        file.write_text("x = 1\n")
    before = shared_view.content(files, tmp_path)
    files[1].rename(tmp_path / "c.py")
    assert shared_view.content([files[0], tmp_path / "c.py"], tmp_path) != before
    (tmp_path / "c.py").rename(files[1])
    assert shared_view.content(files, tmp_path) == before
    files[1].write_text("x = 2\n")
    assert shared_view.content(files, tmp_path) != before


def test_a_package_that_is_not_the_checkouts_is_told(tmp_path):
    package, checkout = tmp_path / "installed", tmp_path / "checkout"
    for folder in (package, checkout / "workflow" / "fewlabel"):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
    assert shared_view.code_findings(package, checkout)[0].status == "ok"
    (package / "__init__.py").write_text("x = 1\n")
    assert shared_view.code_findings(package, checkout)[0].status == "note"
    assert shared_view.code_findings(package, tmp_path) == []


def test_a_token_is_found_where_it_was_left_and_each_is_another(tmp_path):
    def token():
        shared_view.leave_token(tmp_path)
        return shared_view.view(tmp_path, tmp_path / "data", {}, 0.0).token

    assert token() not in (None, token())
    assert shared_view.view(tmp_path / "elsewhere", tmp_path, {}, 0.0).token is None
