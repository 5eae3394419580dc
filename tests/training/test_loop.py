import math

import pytest
import torch
from torch import nn

from fewlabel.config.training import Training
from fewlabel.training.learning_rate import learning_rate
from fewlabel.training.loop import HISTORY_ROWS, train
from fewlabel.utils.errors import TrainingError

CPU = torch.device("cpu")


def budget(**changes):
    return Training(**{"steps": 100, "augmentation": "none", "learning_rate": 0.1, **changes})


class Parabola(nn.Module):
    """Loss (x - target)^2, which any sound loop brings to 0."""

    def __init__(self):
        super().__init__()
        self.x = nn.Parameter(torch.tensor(5.0))

    def forward(self, target):
        return (self.x - target) ** 2


def constant(step):
    return (torch.tensor(2.0),)


def test_the_loop_minimises_its_objective():
    objective = Parabola()
    history = train(objective, constant, budget(steps=300), CPU, "f32", "test")
    assert objective.x.item() == pytest.approx(2, abs=0.05)
    assert history[-1].loss < history[0].loss


def test_each_step_sees_its_own_batch():
    seen = []

    def sample(step):
        seen.append(step)
        return constant(step)

    train(Parabola(), sample, budget(steps=7), CPU, "f32", "test")
    assert seen == list(range(7))


def test_batches_are_made_outside_autocast_and_the_loss_inside():
    """Augmentation is in float32 on machines that train in bf16, too."""
    seen = []

    class Recorded(Parabola):
        def forward(self, target):
            seen.append(("loss", torch.is_autocast_enabled("cpu")))
            return super().forward(target)

    def sample(step):
        seen.append(("batch", torch.is_autocast_enabled("cpu")))
        return constant(step)

    train(Recorded(), sample, budget(steps=2), CPU, "bf16", "test")
    assert seen == [("batch", False), ("loss", True)] * 2


def test_a_history_row_is_the_mean_loss_since_the_row_before():
    objective = Parabola()
    objective.x.requires_grad_(False)
    objective.idle = nn.Parameter(torch.zeros(()))

    def sample(step):
        return (torch.tensor(5.0 - step) + 0 * objective.idle,)

    history = train(objective, sample, budget(steps=2 * HISTORY_ROWS), CPU, "f32", "test")
    assert len(history) == HISTORY_ROWS
    assert [row.step for row in history[:3]] == [2, 4, 6]
    assert [row.loss for row in history[:2]] == pytest.approx([(0 + 1) / 2, (4 + 9) / 2])


def test_the_last_row_holds_the_last_step_even_when_rows_do_not_divide_the_budget():
    history = train(Parabola(), constant, budget(steps=HISTORY_ROWS + 3), CPU, "f32", "test")
    assert history[-1].step == HISTORY_ROWS + 3


def test_frozen_parameters_stay():
    objective = Parabola()
    objective.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
    train(objective, constant, budget(weight_decay=0.1), CPU, "f32", "test")
    assert torch.equal(objective.frozen, torch.ones(3))


def test_an_infinite_loss_stops_the_run_and_says_where():
    def sample(step):
        return (torch.tensor(math.inf if step == 5 else 2.0),)

    with pytest.raises(TrainingError, match=r"test: the loss is .* step 6"):
        train(Parabola(), sample, budget(steps=10), CPU, "f32", "test")


def test_the_learning_rate_rises_over_the_warmup_and_stays():
    rates = [learning_rate(step, budget(warmup=4)) for step in range(6)]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_the_cosine_starts_at_the_learning_rate_is_half_way_at_half_and_ends_near_0():
    cosine = budget(schedule="cosine", warmup=20)
    assert learning_rate(20, cosine) == pytest.approx(0.1)
    assert learning_rate(60, cosine) == pytest.approx(0.05)
    assert 0 < learning_rate(99, cosine) < 0.001
