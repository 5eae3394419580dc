"""Trainings and predictions that cannot fit memory are refused before anything is built."""

import json

import pytest
import torch
from safetensors.torch import save

from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.config.study_size import training_bytes
from fewlabel.config.training import Finetuning, Network, Training
from fewlabel.inference.trained_network import open_trained_network
from fewlabel.training.devices.memory_check import refuse_prediction, refuse_training
from fewlabel.training.network import UNet
from fewlabel.utils.environment import memory_limit
from helpers.refusals import error_of

CPU = torch.device("cpu")
WIDTHS = [8, 16]


def finetuning(batch):
    return FinetuneSettings(
        network=Network(widths=WIDTHS),
        finetuning=Finetuning(batch=batch),
        augmentation={},
        flip=[],
        precision="f32",
        deterministic=False,
        labels=1,
        draw=1,
        seed=1,
    )


def pretraining(method):
    return PretrainSettings(
        network=Network(widths=WIDTHS),
        method=method,
        augmentations={},
        flip=[],
        precision="f32",
        deterministic=False,
        seed=1,
    )


def test_a_training_is_refused_only_where_it_needs_more_than_there_is():
    needed = training_bytes(WIDTHS, (64, 64), 10)
    refuse_training(finetuning(10), (64, 64), CPU, needed)
    message = error_of(refuse_training, finetuning(10), (64, 64), CPU, needed - 1)
    assert message.startswith("finetuning: a step of 10 images of 64 x 64 pixels needs ")
    assert "; accepted: up to " in message and "; to fix: lower batch, network.widths or grid.matrix" in message


@pytest.mark.parametrize(
    ("method", "stage", "images"),
    [
        (RegressionMethod(pretext="regression", training=Training(augmentation="none", batch=6)), "training", 6),
        (ContrastiveMethod(pretext="contrastive"), "global_stage", 24),
    ],
)
def test_a_pretraining_is_judged_by_the_images_of_its_step(method, stage, images):
    message = error_of(refuse_training, pretraining(method), (64, 64), CPU, 1)
    assert message.startswith(f"{stage}: a step of {images} images")


def test_what_this_machine_has_is_the_bound():
    most = memory_limit()
    assert most is None or most > 10**8
    if most is not None:
        assert "needs" in error_of(refuse_prediction, [4096] * 8, (4096, 4096), "w", 10**9)


def test_weights_on_an_endless_grid_are_refused_before_they_are_built(tmp_path):
    """34 kB of weights whose grid, as it is written in them, would take gigabytes a slice."""
    facts = {
        "widths": WIDTHS,
        "settings": finetuning(1).model_dump(mode="json"),
        "prepared": {"grid": {"matrix": [10**6, 10**6]}},
    }
    path = tmp_path / "w.safetensors"
    path.write_bytes(save(UNet(WIDTHS).state_dict(), metadata={"fewlabel": json.dumps(facts)}))
    assert "4096" in error_of(open_trained_network, path)
    facts["prepared"]["grid"]["matrix"] = [64, 64]
    facts["widths"] = [8, 32]
    path.write_bytes(save(UNet([8, 32]).state_dict(), metadata={"fewlabel": json.dumps(facts)}))
    assert "widths [8, 32] differ from its settings, [8, 16]" in error_of(open_trained_network, path)
