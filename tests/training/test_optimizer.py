import io

import pytest
import torch
from torch import nn

from fewlabel.training.optimizer import AdamW

STEPS = 5


class Network(nn.Module):
    """Two layers in use and one that never gets a gradient."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3914)
        self.first, self.unused, self.last = nn.Conv2d(1, 4, 3), nn.Linear(3, 3), nn.Conv2d(4, 1, 3)

    def forward(self, images):
        return self.last(self.first(images).relu()).square().mean()


def backward(network, step):
    network(torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(step))).backward()


def rate(step):
    return 0.01 / (step + 1)


def trained_by_torch(steps, fused=True):
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.1, fused=fused)
    for step in range(steps):
        optimizer.zero_grad()
        backward(network, step)
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.step()
    return network, optimizer


def step_by_step(network, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        backward(network, step)
        optimizer.step(rate(step))


def equal(network, other):
    return all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("fused", [True, False])
def test_steps_are_bit_identical_to_those_of_the_class_of_torch(fused):
    network = Network()
    step_by_step(network, AdamW(network.parameters(), 0.1, fused), range(STEPS))
    assert equal(network, trained_by_torch(STEPS, fused)[0])


@pytest.mark.parametrize("older", [True, False])
def test_a_saved_state_continues_whichever_version_wrote_it(older):
    if older:
        network, optimizer = trained_by_torch(3)
    else:
        network = Network()
        optimizer = AdamW(network.parameters(), 0.1, True)
        step_by_step(network, optimizer, range(3))
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    back = AdamW(network.parameters(), 0.1, True)
    back.load_state_dict(torch.load(buffer, weights_only=True))
    step_by_step(network, back, range(3, STEPS))
    assert equal(network, trained_by_torch(STEPS)[0])


def test_a_state_of_another_network_is_refused():
    network = nn.Linear(2, 2)
    optimizer = AdamW(network.parameters(), 0.1, True)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step(0.1)
    with pytest.raises(ValueError, match="of other parameters"):
        AdamW(Network().parameters(), 0.1, True).load_state_dict(optimizer.state_dict())
