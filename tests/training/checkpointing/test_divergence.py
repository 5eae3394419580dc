"""Numbers that go wrong are noticed at once, named, and cost nothing that was good before."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from fewlabel.config.training import Training
from fewlabel.training.checkpointing.checkpoint import Checkpoint, stage_checkpoint
from fewlabel.training.checkpointing.divergence import COLLAPSED, _all_finite, collapse_warnings
from fewlabel.training.checkpointing.state import HistoryRow, StateCopy, TrainingState, read_state
from fewlabel.training.loop import train
from fewlabel.training.optimizer import AdamW
from fewlabel.training.pretexts.contrastive import spread
from fewlabel.utils.errors import TrainingError

CPU = torch.device("cpu")
STEPS = 2_000  # a history row each 10 steps


class Line(nn.Module):
    """Loss |x - target|: one parameter, whose place tells how many steps were taken."""

    def __init__(self):
        super().__init__()
        self.x = nn.Parameter(torch.tensor(5.0))

    def forward(self, target):
        return (self.x - target).abs()


def wrong_at(step, value):
    return lambda now: (torch.tensor(value if now == step else 2.0),)


def budget(**changes):
    return Training(**{"steps": STEPS, "augmentation": "none", "learning_rate": 0.001, **changes})


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("step", [0, 7, 1_234, STEPS - 1])
def test_the_very_step_and_its_subjects_are_named_wherever_it_lies_between_history_rows(step, value):
    with pytest.raises(TrainingError) as stopped:
        train(
            Line(), wrong_at(step, value), budget(), CPU, "f32", "finetune", subjects=lambda now: [f"s{now}", "other"]
        )
    message = str(stopped.value)
    assert f"finetune: the loss is not finite at step {step + 1} (batch of s{step}, other);" in message
    assert "lower learning_rate" in message


def test_the_last_good_state_is_kept_and_holds_no_nan(tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.state", 1e6, {})
    with pytest.raises(TrainingError, match="the last good state, of step 1230, is kept"):
        train(Line(), wrong_at(1_234, math.nan), budget(), CPU, "f32", "a", stage_checkpoint(checkpoint, "a", {}, None))
    progress = read_state(tmp_path / "training.state")["progress"]
    undisturbed = Line()
    train(undisturbed, wrong_at(-1, 0.0), budget(steps=1_230), CPU, "f32", "a")
    assert progress["state"]["step"] == 1_230
    assert progress["state"]["objective"]["x"].item() == undisturbed.x.item()


def test_a_state_that_is_due_is_never_saved_once_the_loss_went_wrong(tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.state", 0, {})  # due at every step
    with pytest.raises(TrainingError, match=r"at step 13;.* of step 12, is kept"):
        train(Line(), wrong_at(12, math.nan), budget(), CPU, "f32", "a", stage_checkpoint(checkpoint, "a", {}, None))
    assert read_state(tmp_path / "training.state")["progress"]["state"]["step"] == 12


@pytest.mark.parametrize(("value", "finite"), [(1e30, True), (-1e38, True), (math.inf, False), (math.nan, False)])
def test_parameters_are_finite_whatever_their_size(value, finite):
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight[1, 2] = value
    assert _all_finite(layer) == finite


def test_a_copy_of_a_state_follows_it_and_is_no_part_of_it():
    state = TrainingState(layer := nn.Linear(3, 2), optimizer := AdamW(layer.parameters(), 0.1, True), torch.zeros(()))
    copied = StateCopy(state)
    for step in (1, 2):
        layer(torch.ones(3)).sum().backward()
        optimizer.step(0.1)
        state.step, expected = step, copy.deepcopy(state.content())
        copied.update(state)
        with torch.no_grad():
            layer.weight.fill_(7)
        kept = copied.content()
        assert kept["step"] == step and kept["history"] == []
        assert torch.equal(kept["objective"]["weight"], expected["objective"]["weight"])
        for name, value in expected["optimizer"]["state"][0].items():
            assert torch.equal(kept["optimizer"]["state"][0][name], value)


def test_a_last_step_that_breaks_the_parameters_is_noticed():
    class Broken(Line):
        def forward(self, target):
            loss = super().forward(target)
            if target == 9:
                loss.register_hook(lambda gradient: gradient * math.nan)
            return loss

    with pytest.raises(TrainingError, match=f"parameters are not finite at step {STEPS}"):
        train(Broken(), wrong_at(STEPS - 1, 9.0), budget(), CPU, "f32", "a")


def test_the_spread_of_equal_embeddings_is_0_and_of_opposite_ones_1():
    vector = torch.randn(16)
    assert spread(vector.repeat(8, 1) * torch.rand(8, 1)).item() == pytest.approx(0, abs=1e-3)
    assert spread(torch.stack([vector, -vector])).item() == pytest.approx(1)
    assert spread(torch.zeros(4, 8)).item() == 0
    orthogonal = torch.eye(4)  # |mean|^2 = 4 * (1/4)^2
    assert spread(orthogonal).item() == pytest.approx(math.sqrt(0.75))


def test_the_spread_is_that_of_mean_cosine_similarity():
    embeddings = torch.from_numpy(np.random.default_rng(0).normal(1, 1, (3, 10, 5)))
    unit = (embeddings / embeddings.norm(dim=-1, keepdim=True)).numpy()
    expected = [math.sqrt(1 - (each @ each.T).mean()) for each in unit]
    assert spread(embeddings).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_collapse_is_told_and_other_stages_are_not():
    def rows(value):
        return [HistoryRow(1, 1.0, 0.1, 0.9), HistoryRow(2, 1.0, 0.1, value)]

    assert (
        collapse_warnings("global_stage", rows(COLLAPSED))
        == collapse_warnings("training", rows(None))
        == collapse_warnings("x", [])
        == []
    )
    (reported,) = collapse_warnings("global_stage", rows(0.001))
    assert "global_stage: the representation collapsed" in reported and "0.001" in reported and "lower" in reported
