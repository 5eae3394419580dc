"""Weights of a network that was never trained, whose masks are about half full and ragged."""

import pytest
import torch

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.training import Finetuning, Network
from fewlabel.training.network import UNet, seeded
from fewlabel.training.weights import save_weights

WIDTHS = [4, 8, 12]
SETTINGS = FinetuneSettings(
    network=Network(widths=WIDTHS),
    finetuning=Finetuning(steps=1),
    augmentation=Augmentation(),
    flip=[],
    precision="f32",
    deterministic=False,
    labels=1,
    draw=1,
    seed=0,
)


def network(matrix):
    made = seeded(lambda: UNet(WIDTHS), 3, "test")
    with torch.no_grad():
        made.output.bias -= made.eval()(torch.rand(4, 1, *matrix, generator=torch.manual_seed(0))).median()
    return made


def weights_in_folder(folder):
    """A function that makes weights in a folder."""

    def make(grid=None, name="weights.safetensors", bias=None, **change):
        grid = grid or Grid(matrix=(32, 24), spacing_mm=3.0)
        facts = {
            "settings": SETTINGS.model_dump(mode="json"),
            "subjects": ["jane_doe"],
            "widths": WIDTHS,
            "prepared": Preparation(grid=grid, bias_correction=bias).model_dump(mode="json"),
        } | change
        tensors = network(grid.matrix).state_dict()
        save_weights(folder / name, tensors, {key: value for key, value in facts.items() if value is not None})
        return folder / name

    return make


@pytest.fixture(scope="session")
def weights_in():
    return weights_in_folder


@pytest.fixture
def weights(tmp_path):
    return weights_in_folder(tmp_path)
