"""All tests of this folder reconstruct radial k-space."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def extra():
    """Skip where the extra is not installed."""
    pytest.importorskip("finufft", reason="the extra `radial` is not installed")
