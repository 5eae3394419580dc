"""The throw-away Slurm, once for all tests that submit to it."""

import getpass

import pytest

from helpers.programs import skip_without
from helpers.slurm import PROGRAMS, Slurm
from helpers.studies import Study


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        if "slurm" in item.fixturenames:
            item.add_marker("cluster")
            # One process has the cluster.
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A real Slurm."""
    skip_without(*PROGRAMS)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def study(slurm, tmp_path_factory):
    """A folder without results; what a failed test leaves in the queue is cancelled."""
    yield Study(tmp_path_factory.mktemp("study"))
    slurm.run("scancel", "--user", getpass.getuser())
