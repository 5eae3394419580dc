"""Every pretext's objectives train what its specification says."""

import pytest
from pydantic import TypeAdapter

from fewlabel.config.pretexts.contrastive import GlobalStage
from fewlabel.config.pretexts.registry import BUILT_IN, Method, outlines, pretraining_stages, stage_keys
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.base import stage_implementations

WIDTHS, SIDE = [4, 8, 12], 16
FEATURES = 12 * (SIDE // 4) ** 2
METHODS = [
    {"pretext": "regression"},
    {"pretext": "contrastive", "local_stage": {"decoder_stages": 1}},
    {"pretext": "contrastive", "local_stage": {"decoder_stages": 2, "freeze_encoder": False}},
    {"pretext": "contrastive", "local_stage": None},
    {"pretext": "joint"},
]


def method(settings):
    return TypeAdapter(Method).validate_python(settings)


@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_an_objective_trains_the_parts_of_the_network_that_the_outline_names(settings):
    made = method(settings)
    for key, outline in outlines(made).items():
        network = UNet(WIDTHS)
        objective = stage_implementations(made)[key].objective(made, network, FEATURES)
        trained = {id(value) for value in objective.parameters() if value.requires_grad}
        names = {name for name, value in network.named_parameters() if id(value) in trained}
        assert any(name.startswith("encoder.") for name in names) != outline.freezes_encoder
        stages = {int(name.split(".")[2]) for name in names if name.startswith("decoder.")}
        assert stages == set(range(outline.decoder_stages(len(WIDTHS) - 1)))
        assert any(name.startswith("output.") for name in names) == (outline.decoder == "all")
        own = {id(value) for value in network.parameters()}
        heads = [value for value in objective.parameters() if id(value) not in own and value.ndim > 1]
        assert [len(value) for value in heads] == (list(outline.head.widths) if outline.head else [])


@pytest.mark.parametrize("name", BUILT_IN)
def test_specification_and_implementation_have_one_stem_and_the_same_stages(name):
    pretext = BUILT_IN[name]
    module, _, _ = pretext.implementation.partition(":")
    assert pretext.name == name == module.split(".")[-1] == pretext.settings.__module__.split(".")[-1]
    assert stage_implementations(method({"pretext": name})).keys() == pretext.stages.keys()


def test_no_two_pretexts_share_a_stage():
    keys = stage_keys(BUILT_IN)
    assert len(keys) == len(set(keys))


def test_a_stage_that_a_method_leaves_out_is_no_stage_of_it():
    made = method({"pretext": "contrastive", "local_stage": None})
    assert list(pretraining_stages(made)) == list(outlines(made)) == ["global_stage"]


@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_an_outline_says_how_often_a_slice_passes_and_how_volumes_are_divided(settings):
    made = method(settings)
    for key, outline in outlines(made).items():
        stage = pretraining_stages(made)[key]
        assert outline.views == (1 if key == "training" else 2)
        assert outline.partitions == (stage.partitions if isinstance(stage, GlobalStage) else 1)
        assert f"{stage.steps} steps of {stage.batch} slices" in outline.caption
