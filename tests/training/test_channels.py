"""Trainings on images of several channels with neighbouring slices, of one class and of several."""

import numpy as np
import pandas as pd
import pytest
import torch

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.data.store.slice_store import Store
from fewlabel.training.finetune import finetune
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.regression import Regression
from fewlabel.training.pretexts.restore import flat, restore_pretext
from fewlabel.training.pretrain import pretrain
from fewlabel.training.weights import restore_network, save_weights, transferable
from fewlabel.utils.errors import InputError

CPU, CHANNELS, CLASSES = torch.device("cpu"), {"t2w": 0, "adc": 1}, {"zone": [1], "gland": [2], "lesion": [7]}
EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {
            "c": {"source": {"kind": "nifti", "folder": "c", "classes": CLASSES, "channels": CHANNELS}},
            "one": {"source": {"kind": "nifti", "folder": "c", "channels": CHANNELS}},
        },
        "methods": {
            "scratch": {"pretext": "none"},
            "regression": {"pretext": "regression", "training": {"steps": 3, "batch": 4, "augmentation": "none"}},
            "contrastive": {
                "pretext": "contrastive",
                "global_stage": {"steps": 3, "batch": 8, "head": [16, 8]},
                "local_stage": {"steps": 3, "batch": 4, "head": [8, 8], "decoder_stages": 1, "region_size": 2},
            },
            "joint": {"pretext": "joint", "joint_stage": {"steps": 3, "batch": 8, "head": [16, 8]}},
        },
        "network": {"widths": [4, 8, 12], "context": 3},
        "finetuning": {"steps": 3, "batch": 4},
        "precision": "f32",
    }
)


@pytest.fixture(scope="module")
def store():
    generator, count = np.random.default_rng(0), 6
    images = generator.random((2 * count, 2, 32, 32), dtype=np.float32).astype(np.float16)
    masks = (images[:, 0] * 4).astype(np.uint8).clip(0, 3)
    index = pd.DataFrame({"subject": np.repeat(["a", "b"], count), "slice": np.tile(np.arange(count), 2)})
    index["target_px"] = (masks > 0).sum(axis=(1, 2))
    return Store(images, masks, index, pd.DataFrame({"subject": ["a", "b"]}))


@pytest.mark.parametrize("method", ["regression", "contrastive", "joint"])
def test_pretexts_see_all_channels_and_neighbours_and_hand_them_on(store, method, tmp_path):
    settings = pretrain_settings(EXPERIMENT, "c", method)
    assert settings.inputs == 6
    done = pretrain(store, ["a", "b"], settings, CPU, "f32")
    assert done.network.encoder.stages[0][0].weight.shape[1] == 6
    facts = {"widths": [4, 8, 12], "subjects": ["a", "b"], "settings": settings.model_dump(mode="json")}
    save_weights(tmp_path / "pretext.safetensors", flat(done.objectives), facts)
    save_weights(tmp_path / "weights.safetensors", transferable(done.network, done.decoder_stages), facts)
    assert restore_pretext(tmp_path / "pretext.safetensors").settings == settings
    for cohort, outputs in (("c", 4), ("one", 1)):
        wanted = finetune_settings(EXPERIMENT, cohort, method, 1, 1)
        network, history, loaded = finetune(store, ["a"], wanted, tmp_path / "weights.safetensors", CPU, "f32")
        assert loaded is not None and {name for name in loaded.missing if name.startswith("encoder")} == set()
        assert network.output.out_channels == outputs and np.isfinite([row.loss for row in history]).all()
        facts = {"widths": [4, 8, 12], "settings": wanted.model_dump(mode="json")}
        save_weights(tmp_path / "finetuned.safetensors", network.state_dict(), facts)
        again, _ = restore_network(tmp_path / "finetuned.safetensors")
        assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_weights_of_other_channels_are_refused_with_both_shapes(store, tmp_path):
    facts = {"widths": [4, 8, 12]}
    save_weights(tmp_path / "one.safetensors", transferable(UNet([4, 8, 12]), 0), facts)
    with pytest.raises(
        InputError, match=r"encoder.stages.0.0.weight has shape \(4, 1, 3, 3\), expected \(4, 6, 3, 3\)"
    ):
        finetune(
            store, ["a"], finetune_settings(EXPERIMENT, "c", "scratch", 1, 1), tmp_path / "one.safetensors", CPU, "f32"
        )


def test_regression_restores_every_channel_at_the_same_pixels():
    images = torch.rand((2, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    network = seeded(lambda: UNet([4, 8], 3, 3), 1)
    seen = []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    objective = Regression(network, 0.25, 1, 1.0)
    loss = objective(images, torch.Generator().manual_seed(2))
    changed = seen[0] != images
    assert torch.equal(changed[:, 0], changed[:, 1]) and torch.equal(changed[:, 0], changed[:, 2])
    assert changed.float().mean() == 0.25
    assert loss.item() == pytest.approx((network(seen[0]) - images)[changed].abs().mean().item(), abs=1e-6)
