"""What tests of several sources share."""

import pytest


@pytest.fixture
def scans(data):
    folder = data / "scans"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    return folder
