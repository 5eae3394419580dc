"""Pretrain with every pretext in the processes that torchrun started, and write the histories of the first.

Usage: torchrun --nproc-per-node 2 shared_batches.py STORE HISTORIES
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import pretrain_settings
from fewlabel.data.store.slice_store import open_store
from fewlabel.training.devices.processes import is_first, joined
from fewlabel.training.pretrain import pretrain

# A small learning rate: contrastive losses double a difference in the last digit every few steps.
STAGE = {"steps": 25, "learning_rate": 1e-4}
LOCAL = {**STAGE, "batch": 4, "head": [8, 8], "decoder_stages": 1, "region_size": 2}
EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {
            "scratch": {"pretext": "none"},
            "regression": {"pretext": "regression", "training": {**STAGE, "batch": 4, "augmentation": "extensive"}},
            # Squares that the border cuts: shares of a batch have different numbers of corrupted pixels.
            "blocks": {"pretext": "regression", "block": 5, "training": {**STAGE, "batch": 2, "augmentation": "none"}},
            "contrastive": {
                "pretext": "contrastive",
                "global_stage": {**STAGE, "batch": 8, "head": [16, 8], "positives": ["augmentation", "anatomy"]},
                "local_stage": {**LOCAL, "freeze_encoder": False},
            },
            "joint": {"pretext": "joint", "joint_stage": {**STAGE, "batch": 8, "head": [16, 8]}},
        },
        "network": {"widths": [4, 8, 12]},
        "augmentations": {
            "extensive": {"rotation_deg": 20, "elastic_px": 2, "shading": 0.2, "gamma": 0.2, "noise": 0.1}
        },
        "precision": "f32",
    }
)
METHODS = [name for name in EXPERIMENT.methods if name != "scratch"]


def histories(store: Path) -> dict[str, list[dict]]:
    """The histories of all methods, by `method.stage`."""
    torch.set_num_threads(1)
    found = {}
    for method in METHODS:
        settings = pretrain_settings(EXPERIMENT, "c", method)
        trained = pretrain(open_store(store), list("abcd"), settings, torch.device("cpu"), "f32")
        found |= {f"{method}.{stage}": [asdict(row) for row in rows] for stage, rows in trained.history.items()}
    return found


if __name__ == "__main__":
    with joined():
        made = histories(Path(sys.argv[1]))
        if is_first():
            Path(sys.argv[2]).write_text(json.dumps(made))
