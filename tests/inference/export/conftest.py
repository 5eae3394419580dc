"""Weights to export."""

import pytest

from fewlabel.config.cohort import Grid
from helpers.networks import write_network


def weights_in_folder(folder):
    """A function that makes weights in a folder."""

    def make(grid=None, name="weights.safetensors", bias=None, **changes):
        grid = grid or Grid(matrix=(32, 24), spacing_mm=3.0)
        return write_network(folder / name, [4, 8, 12], grid, bias, **changes)

    return make


@pytest.fixture(scope="session")
def weights_in():
    return weights_in_folder


@pytest.fixture
def weights(tmp_path):
    return weights_in_folder(tmp_path)
