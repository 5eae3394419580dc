"""Steps that are recorded and repeated. A CUDA graph needs a GPU; on CPUs, operations are called again."""

import copy

import pytest
import torch
from torch import nn

from fewlabel.training.checkpointing.state import TrainingState
from fewlabel.training.optimizer import AdamW
from fewlabel.training.steps import CUDA_GRAPH, EagerStep, RecordedStep, choose_step, record_graph, recorded_or_eager

CPU = torch.device("cpu")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Denoise(nn.Module):
    """Draws from a generator in its forward pass, as pretexts do, and has a spread, as contrastive stages do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.layer = nn.Conv2d(1, 3, 3, padding=1)
        self.out = nn.Conv2d(3, 1, 1)

    def forward(self, images, generator):
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        restored = self.out(self.layer(images + noise).relu())
        self.spread = restored.detach().std()
        return (restored - images).square().mean()


def batch(step, device=CPU):
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(step)).to(device)
    return images, torch.Generator(device).manual_seed(1000 + step)


def rate(step):
    return 0.01 / (step + 1)


def training(device=CPU):
    objective = Denoise().to(device)
    optimizer = AdamW(objective.parameters(), 0.1, fused=True)
    state = TrainingState(objective, optimizer, since=torch.zeros((), device=device))
    return EagerStep(objective, optimizer, "f32", device), state


def again(work, generators):
    return work


def losses(step, steps, device=CPU):
    return [step(batch(number, device), rate(number)).item() for number in steps]


def test_repeated_steps_equal_eager_ones():
    eager, expected = training()
    recorded, state = training()
    repeated = RecordedStep(recorded, batch(77), again)
    # The tensor of the rate is float32.
    assert losses(repeated, range(5)) == pytest.approx(losses(eager, range(5)), rel=1e-6)
    for name, tensor in expected.objective.state_dict().items():
        torch.testing.assert_close(state.objective.state_dict()[name], tensor)


def test_a_batch_is_copied_so_that_the_callers_tensors_are_free():
    eager, _ = training()
    seen = []
    eager.objective.register_forward_pre_hook(lambda module, arguments: seen.append(arguments))
    repeated = RecordedStep(eager, batch(0), again)
    first, second = batch(1), batch(2)
    repeated(first, 0.1)
    repeated(second, 0.1)
    assert seen[0][0] is seen[1][0] is not second[0]
    assert torch.equal(seen[1][0], second[0])
    assert second[1].get_state().equal(batch(2)[1].get_state())


@pytest.mark.parametrize("before", [0, 3], ids=["new", "resumed"])
def test_the_check_of_a_recording_leaves_the_training_as_it_was(before):
    eager, state = training()
    expected = copy.deepcopy(state)
    plain = EagerStep(expected.objective, expected.optimizer, "f32", CPU)
    for step in (eager, plain):
        losses(step, range(before))
    chosen = recorded_or_eager(eager, state, lambda: batch(before), rate(before), again)
    assert isinstance(chosen, RecordedStep)
    after = range(before, before + 5)
    assert losses(chosen, after) == pytest.approx(losses(plain, after), rel=1e-6)
    assert state.objective.spread.item() == pytest.approx(expected.objective.spread.item(), rel=1e-5)


def forgets_the_update(work, generators):
    return lambda: None


def raises(work, generators):
    work()
    work()
    raise RuntimeError("operation not permitted when stream is capturing\nsecond line")


@pytest.mark.parametrize(
    ("record", "said"), [(forgets_the_update, "it differs by"), (raises, "operation not permitted")]
)
def test_a_recording_that_fails_or_differs_is_not_used(record, said, caplog):
    def without_effect(work, generators):
        work()
        return record(work, generators)

    eager, state = training()
    expected, _ = training()
    with caplog.at_level("INFO", "fewlabel"):
        assert recorded_or_eager(eager, state, lambda: batch(0), rate(0), without_effect) is eager
    assert said in caplog.text and "second line" not in caplog.text
    assert losses(eager, range(3)) == losses(expected, range(3))


def test_steps_are_eager_unless_a_gpu_is_used_and_asked_to_repeat_them(monkeypatch):
    eager, state = training()
    monkeypatch.setenv(CUDA_GRAPH, "1")
    assert choose_step(eager, state, lambda: batch(0), rate(0)) is eager


@on_gpu
def test_a_cuda_graph_takes_the_steps_of_eager_operations():
    gpu = torch.device("cuda")
    eager, _ = training(gpu)
    recorded, state = training(gpu)
    chosen = recorded_or_eager(recorded, state, lambda: batch(0, gpu), rate(0), record_graph)
    assert isinstance(chosen, RecordedStep)
    assert losses(chosen, range(20), gpu) == pytest.approx(losses(eager, range(20), gpu), rel=1e-3)
