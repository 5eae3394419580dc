"""Networks that were never trained, whose masks are about half full and ragged, and their weights files."""

import torch

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.config.training import Finetuning, Network
from fewlabel.training.network import UNet, seeded
from fewlabel.training.weights import save_weights


def ragged_network(widths, matrix, inputs=1, outputs=1):
    network = seeded(lambda: UNet(widths, inputs, outputs), 3, "test")
    with torch.no_grad():
        logits = network.eval()(torch.rand(4, inputs, *matrix, generator=torch.manual_seed(0)))
        network.output.bias -= logits.transpose(0, 1).flatten(1).median(dim=1).values
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
    settings = known.get("settings", {})
    classes, context = settings.get("classes", {}), settings.get("network", {}).get("context", 1)
    sides = max(1, len(settings.get("channels", []))) * context, 1 + len(classes) if len(classes) > 1 else 1
    save_weights(path, ragged_network(widths, grid.matrix, *sides).state_dict(), known)
    return path
