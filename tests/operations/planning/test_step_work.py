"""The counts of a step against the real network."""

import pytest
import torch
from torch import nn

from fewlabel.config.augmentation import AUGMENTATIONS, Augmentation
from fewlabel.operations.planning.step_work import (
    StepWork,
    Work,
    decoder_work,
    encoder_work,
    head_work,
    step_work,
    transforms,
    unet_work,
)
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.contrastive import GlobalContrast, LocalContrast

NETWORKS = [([4, 8], (8, 8)), ([8, 16, 32, 64], (64, 48)), ([16, 32, 64, 128, 128, 128], (64, 64))]


def counted(module, *inputs):
    """Multiply-adds of a module's convolutions and linear layers, by watching it work."""
    total = 0

    def watch(layer, given, made):
        nonlocal total
        total += made[0].numel() * layer.weight[0].numel()

    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(watch) for layer in layers]
    # In `eval` mode: in training, compiled kernels take some weights without their layers.
    module.eval()
    with torch.no_grad():
        module(*inputs)
    for hook in hooks:
        hook.remove()
    return total


def step(stage="finetune", widths=(8, 16, 32), side=32, batch=4, **change):
    return StepWork(stage=stage, widths=list(widths), matrix=(side, side), batch=batch, **change)


@pytest.mark.parametrize(("widths", "matrix"), NETWORKS)
def test_multiply_adds_and_parameters_are_those_of_the_network(widths, matrix):
    network, pixels = UNet(widths), matrix[0] * matrix[1]
    work = unet_work(widths, pixels)
    assert work.multiply_adds == counted(network, torch.zeros(1, 1, *matrix))
    assert work.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert encoder_work(widths, pixels).multiply_adds == counted(network.encoder, torch.zeros(1, 1, *matrix))


@pytest.mark.parametrize("stages", [1, 2])
def test_a_part_of_the_decoder_is_counted_as_it_works(stages):
    network = UNet([8, 16, 32])
    features = network.encoder(torch.zeros(1, 1, 32, 32))
    assert decoder_work([8, 16, 32], 32 * 32, stages).multiply_adds == counted(network.decoder, features, stages)


def test_heads_are_counted_as_they_are_built():
    network = UNet([8, 16, 32])
    first = GlobalContrast(network, 32 * 8 * 8, (64, 16), ["augmentation"], False, 0.1).head
    work = head_work(step("global", head=(64, 16)))
    assert work.multiply_adds == counted(first, torch.zeros(1, 32, 8, 8))
    assert work.parameters == sum(parameter.numel() for parameter in first.parameters())
    second = LocalContrast(network, 1, 16, (24, 12), 2, 1, 0.1, True).head
    work = head_work(step("local", head=(24, 12), decoder_stages=1))
    assert work.multiply_adds == counted(second, torch.zeros(1, 16, 16, 16))
    assert work.parameters == sum(parameter.numel() for parameter in second.parameters())


def test_twice_the_batch_is_twice_the_multiply_adds_and_no_more_calls():
    once, twice = step_work(step(batch=4)), step_work(step(batch=8))
    assert twice.multiply_adds == 2 * once.multiply_adds
    assert (twice.calls, twice.parameters) == (once.calls, once.parameters)


@pytest.mark.parametrize("larger", [{"batch": 8}, {"side": 64}, {"widths": (16, 32, 64)}, {"widths": (8, 16, 32, 64)}])
@pytest.mark.parametrize("stage", ["regression", "global", "finetune", "predict"])
def test_a_larger_step_is_more_work(stage, larger):
    head = {"head": (64, 16)} if stage == "global" else {}
    small, large = step_work(step(stage, **head)), step_work(step(stage, **{**head, **larger}))
    assert large.multiply_adds > small.multiply_adds
    assert large.activations > small.activations


def test_a_frozen_encoder_saves_work_and_parameters():
    settings = {"head": (24, 12), "decoder_stages": 1}
    frozen, free = (step_work(step("local", freeze_encoder=freeze, **settings)) for freeze in (True, False))
    assert frozen.multiply_adds < free.multiply_adds
    assert free.parameters - frozen.parameters == encoder_work([8, 16, 32], 32 * 32).parameters


def test_a_joint_step_is_a_regressions_and_a_global_stages():
    head = {"head": (24, 12)}
    joint, regression, contrast = (
        step_work(step("joint", **head)),
        step_work(step("regression")),
        step_work(step("global", **head)),
    )
    assert joint.multiply_adds == regression.multiply_adds + contrast.multiply_adds
    assert joint.activations == regression.activations + contrast.activations
    once = regression.parameters + contrast.parameters - encoder_work([8, 16, 32], 32 * 32).parameters
    assert joint.parameters == once


def test_a_prediction_is_a_third_of_a_training_and_changes_no_parameter():
    trained, predicted = step_work(step("finetune")), step_work(step("predict"))
    assert trained.multiply_adds == 3 * predicted.multiply_adds
    assert predicted.parameters == 0


def test_counts_add_up():
    assert Work(1, 2, 3, 4, 5) + Work(10, 20, 30, 40, 50) == Work(11, 22, 33, 44, 55)


def test_passes_of_an_augmentation_are_counted():
    assert transforms(Augmentation()) == 0
    assert transforms(Augmentation(rotation_deg=5, scale=0.1)) == 1
    assert transforms(Augmentation(rotation_deg=5), masks=True) == 2
    assert transforms(AUGMENTATIONS["intensity"]) == 2
    # Image and mask resampled, an elastic field, brightness and contrast.
    assert transforms(AUGMENTATIONS["standard"], masks=True) == 5
