"""Networks that were never trained, whose masks are about half full and ragged, and their weights files."""

import torch

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.training import Finetuning, Network
from fewlabel.training.network import UNet, seeded
from fewlabel.training.weights import save_weights


def ragged_network(widths, matrix):
    network = seeded(lambda: UNet(widths), 3, "test")
    with torch.no_grad():
        network.output.bias -= network.eval()(torch.rand(4, 1, *matrix, generator=torch.manual_seed(0))).median()
    return network


def finetuning_settings(widths, **changes):
    """Settings of a finetuning of one step on one subject, as JSON."""
    settings = {
        "network": Network(widths=widths), "finetuning": Finetuning(steps=1), "augmentation": Augmentation(),
        "flip": [], "precision": "f32", "deterministic": False, "labels": 1, "draw": 1, "seed": 0,
    }  # fmt: skip
    return FinetuneSettings(**{**settings, **changes}).model_dump(mode="json")


def write_network(path, widths, grid, bias_correction=None, **changes):
    """Weights as a finetuning leaves them; of the facts in their header, `changes` replaces some and drops None."""
    facts = {
        "settings": finetuning_settings(widths),
        "subjects": ["jane_doe"],
        "widths": widths,
        "prepared": Preparation(grid=grid, bias_correction=bias_correction).model_dump(mode="json"),
        **changes,
    }
    known = {key: value for key, value in facts.items() if value is not None}
    save_weights(path, ragged_network(widths, grid.matrix).state_dict(), known)
    return path
