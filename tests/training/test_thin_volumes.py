"""Volumes with fewer slices than partitions: said, trained without comparing a slice with itself, or refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from fewlabel.config.augmentation import Augmentation
from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.config.training import Network
from fewlabel.data.store.slice_store import Store
from fewlabel.training.pretrain import pretrain
from fewlabel.training.thin_volumes import thin_volumes, thin_warnings
from fewlabel.utils.errors import InputError


def store(*sizes):
    names = np.repeat([f"s{i}" for i in range(len(sizes))], sizes)
    index = pd.DataFrame({"subject": names, "slice": np.concatenate([np.arange(size) for size in sizes])})
    images = np.random.default_rng(0).random((len(names), 8, 8), dtype=np.float32).astype(np.float16)
    masks = np.zeros(images.shape, np.uint8)
    return Store(images, masks, index.assign(target_px=0), index[["subject"]].drop_duplicates())


def method(kind, batch):
    stage = GlobalStage(steps=3, batch=batch, head=(8, 4))
    if kind == "joint":
        return JointMethod(pretext="joint", joint_stage=stage)
    return ContrastiveMethod(pretext="contrastive", global_stage=stage, local_stage=None)


def trained(kind, batch, *sizes):
    name = "joint_stage" if kind == "joint" else "global_stage"
    settings = PretrainSettings(
        network=Network(widths=[4, 8]),
        method=method(kind, batch),
        augmentations={name: Augmentation(brightness=0.3)},
        flip=[],
        precision="f32",
        deterministic=False,
        seed=1,
    )
    subjects = [f"s{i}" for i in range(len(sizes))]
    return pretrain(store(*sizes), subjects, settings, torch.device("cpu"), "f32").history[name]


def test_thin_volumes_are_those_with_fewer_slices_than_parts():
    index = store(1, 4, 3, 9).index
    assert thin_volumes(index, ["s3", "s2", "s1", "s0"], 4) == {"s0": 1, "s2": 3}
    assert thin_volumes(index, ["s1"], 4) == {}
    (text,) = thin_warnings(index, ["s0", "s1", "s2"], method("contrastive", 8))
    assert text.startswith("global_stage: 2 of 3 volumes have fewer slices than the 4 partitions: s0 (1), s2 (3);")
    (text,) = thin_warnings(index, ["s0", "s1"], method("joint", 8))
    assert text.startswith("joint_stage: 1 of 2 volumes")
    assert thin_warnings(index, ["s1", "s3"], method("joint", 8)) == []


@pytest.mark.parametrize("kind", ["contrastive", "joint"])
def test_volumes_of_one_slice_are_compared_with_each_other(kind):
    losses = [row.loss for row in trained(kind, 8, 1, 1)]
    assert losses and np.isfinite(losses).all()


@pytest.mark.parametrize("kind", ["contrastive", "joint"])
@pytest.mark.parametrize(("batch", "sizes"), [(4, (1, 6, 6)), (8, (1,)), (16, (1, 6, 6))])
def test_a_batch_that_may_hold_one_slice_alone_is_refused_before_the_first_step(kind, batch, sizes):
    with pytest.raises(InputError, match=r"_stage: a batch of .*one slice: s0\); accepted: 2 to all volumes"):
        trained(kind, batch, *sizes)
