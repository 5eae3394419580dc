"""A pretraining's objectives, heads included: kept beside the weights, brought back, refused where they do not fit."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.training import pretrain_settings
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.restore import flat, restore_pretext
from fewlabel.training.pretrain import pretrain
from fewlabel.training.weights import load_weights, save_weights, transferable
from fewlabel.utils.errors import InputError

WIDTHS = [4, 8, 12]
LOCAL = {"steps": 3, "batch": 4, "head": [8, 8], "decoder_stages": 1, "region_size": 2}


def experiment(**local):
    return Experiment.model_validate(
        {
            "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
            "methods": {
                "regression": {"pretext": "regression", "training": {"steps": 3, "batch": 4, "augmentation": "none"}},
                "contrastive": {
                    "pretext": "contrastive",
                    "global_stage": {"steps": 3, "batch": 8, "head": [16, 8]},
                    "local_stage": {**LOCAL, **local},
                },
                "joint": {"pretext": "joint", "joint_stage": {"steps": 3, "batch": 8, "head": [16, 8]}},
            },
            "network": {"widths": WIDTHS},
            "precision": "f32",
        }
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    def read(subject):
        image = np.random.default_rng(ord(subject.subject)).random((32, 32, 6)).astype(np.float32)
        return Volume(image, np.diag([1.0, 1.0, 3.0, 1.0]), (image > 0.7).astype(np.uint8))

    folder = tmp_path_factory.mktemp("store")
    subjects = [Subject(name, name, True) for name in "ab"]
    pack(subjects, read, Grid(matrix=(32, 32), spacing_mm=1), folder / "slices", folder / "native")
    return open_store(folder / "slices" / "store.json")


def trained(store, method, **local):
    settings = pretrain_settings(experiment(**local), "c", method)
    return settings, pretrain(store, ["a", "b"], settings, torch.device("cpu"), "f32")


def kept(path, settings, done):
    facts = {"settings": settings.model_dump(mode="json"), "subjects": ["a", "b"], "widths": WIDTHS}
    save_weights(path, flat(done.objectives), facts)
    return path


@pytest.fixture(scope="module")
def contrastive(store, tmp_path_factory):
    settings, done = trained(store, "contrastive")
    return done, kept(tmp_path_factory.mktemp("kept") / "pretext.safetensors", settings, done)


def test_each_stage_comes_back_as_it_ended_with_its_head(contrastive):
    done, path = contrastive
    pretext = restore_pretext(path)
    assert set(pretext.objectives) == {"global_stage", "local_stage", "local_stage_start"} and pretext.subjects == [
        "a",
        "b",
    ]
    for stage in ("global_stage", "local_stage"):
        restored = pretext.objectives[stage].state_dict()
        assert restored.keys() == done.objectives[stage].keys()
        assert all(torch.equal(restored[name], value) for name, value in done.objectives[stage].items())
    # In `eval` mode, as the restored objective: training uses other kernels.
    done.network.eval()
    own, images = pretext.objectives["local_stage"], torch.rand(2, 1, 32, 32)
    decoded = done.network.decoder(done.network.encoder(images), 1)
    assert torch.equal(own.head(decoded), own.represent(images))
    assert torch.equal(
        pretext.objectives["global_stage"].represent(images),
        pretext.objectives["global_stage"].head(done.network.encoder(images)[-1]),
    )


def test_a_joint_pretraining_comes_back_and_hands_on_encoder_and_decoder(store, tmp_path):
    settings, done = trained(store, "joint")
    joint = restore_pretext(kept(tmp_path / "pretext.safetensors", settings, done)).objectives["joint_stage"]
    expected = done.objectives["joint_stage"]
    assert joint.state_dict().keys() == expected.keys()
    assert all(torch.equal(joint.state_dict()[name], value) for name, value in expected.items())
    handed_on = transferable(done.network, done.decoder_stages)
    assert not any(name.startswith(("output", "head")) for name in handed_on)
    assert {name.split(".")[0] for name in handed_on} == {"encoder", "decoder"}
    assert [row.spread is not None for row in done.history["joint_stage"]] == [True] * 3


@pytest.mark.parametrize("method", ["regression", "contrastive", "joint"])
def test_with_transfer_of_the_encoder_alone_the_same_encoder_is_handed_on(store, method):
    plain, done = trained(store, method)
    changed = plain.model_copy(update={"method": plain.method.model_copy(update={"transfer": "encoder"})})
    other = pretrain(store, ["a", "b"], changed, torch.device("cpu"), "f32")
    alone = transferable(other.network, other.decoder_stages)
    assert set(alone) == set(transferable(done.network, 0)) and alone
    assert all(torch.equal(value, done.network.state_dict()[name]) for name, value in alone.items())


def test_the_local_stage_began_with_the_trained_encoder_and_a_decoder_at_random(contrastive):
    done, path = contrastive
    start, fresh = restore_pretext(path).objectives["local_stage_start"], seeded(lambda: UNet(WIDTHS), 3914, "network")
    for name, value in fresh.decoder.stages[0].state_dict().items():
        assert torch.equal(start.stages_trained[0].state_dict()[name], value)
    assert all(
        torch.equal(value, done.objectives["global_stage"][f"encoder.{name}"])
        for name, value in start.encoder.state_dict().items()
    )
    images = torch.rand(2, 1, 32, 32)
    assert not torch.equal(start.represent(images), restore_pretext(path).objectives["local_stage"].represent(images))


def test_an_encoder_that_the_local_stage_trains_is_kept_as_it_was_before(store, tmp_path):
    settings, done = trained(store, "contrastive", freeze_encoder=False)
    pretext = restore_pretext(kept(tmp_path / "pretext.safetensors", settings, done))
    name, first = next(iter(pretext.objectives["local_stage_start"].encoder.state_dict().items()))
    assert torch.equal(first, pretext.objectives["global_stage"].encoder.state_dict()[name])
    assert not torch.equal(first, pretext.objectives["local_stage"].encoder.state_dict()[name])


def test_a_regression_comes_back_with_its_output_convolution(store, tmp_path):
    settings, done = trained(store, "regression")
    pretext = restore_pretext(kept(tmp_path / "pretext.safetensors", settings, done))
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(pretext.objectives["training"].network(images), done.network.eval()(images))
    assert set(pretext.objectives) == {"training"}


def test_what_finetuning_takes_is_in_the_pretext_bit_for_bit(contrastive):
    done, path = contrastive
    tensors = load_file(path)
    for name, value in transferable(done.network, done.decoder_stages).items():
        assert torch.equal(value, tensors[f"local_stage.{name.replace('decoder.stages', 'stages_trained')}"])


def test_weights_damaged_files_and_parts_of_a_pretext_are_refused(contrastive, tmp_path):
    done, path = contrastive
    settings = pretrain_settings(experiment(), "c", "contrastive").model_dump(mode="json")
    weights, part, cut = (tmp_path / f"{name}.safetensors" for name in ("weights", "part", "cut"))
    facts = {"settings": settings, "subjects": ["a"], "widths": WIDTHS}
    save_weights(weights, transferable(done.network, 1), facts)
    tensors = flat(done.objectives)
    save_weights(part, {name: value for name, value in tensors.items() if "head.3" not in name}, facts)
    cut.write_bytes(path.read_bytes()[:-100])
    for file in (weights, part):
        with pytest.raises(
            InputError, match=rf"{file.name}: not a whole pretext network .*accepted: pretext\.safetensors"
        ):
            restore_pretext(file)
    with pytest.raises(InputError, match=r"cut\.safetensors: damaged"):
        restore_pretext(cut)
    with pytest.raises(InputError, match="no such weights file"):
        restore_pretext(tmp_path / "none.safetensors")
    save_weights(weights, tensors, {**facts, "settings": {}})
    with pytest.raises(InputError, match="has no settings of a pretraining"):
        restore_pretext(weights)
    save_weights(weights, tensors, {**facts, "settings": {**settings, "network": {"widths": [4, 8, 16]}}})
    with pytest.raises(InputError, match="not a whole pretext network"):
        restore_pretext(weights)


def test_a_pretext_is_no_start_for_finetuning(contrastive):
    with pytest.raises(InputError, match="do not fit"):
        load_weights(UNet(WIDTHS), contrastive[1], WIDTHS)
