"""Whole workflows on tiny phantoms."""

import pytest

from helpers.studies import Study


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny experiment, run to its end once. Tests that change it restore it."""
    study = Study(tmp_path_factory.mktemp("finished"))
    process = study.run()
    assert process.returncode == 0, process.stdout + process.stderr
    return study


@pytest.fixture(scope="session")
def study_in():
    """Makes the tiny study in a folder."""
    return Study


@pytest.fixture
def fresh(tmp_path):
    """A folder without results."""
    return Study(tmp_path)
