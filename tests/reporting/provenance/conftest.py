"""The record of made results, once for all tests of this folder."""

import pytest

from helpers.crate_results import make_crate, make_results


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    results = make_results(tmp_path_factory.mktemp("results"))
    crate = results / "provenance"
    outcome = make_crate(results, crate)
    assert outcome.exit_code == 0, outcome.output
    return crate
