import hashlib
import io

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from fewlabel.training.checkpointing.checkpoint import Checkpoint, finished_objectives, stage_checkpoint
from fewlabel.training.checkpointing.signals import saving_on_signals
from fewlabel.training.checkpointing.state import TrainingState, read_state, write_state
from fewlabel.training.optimizer import AdamW

CONTENT = {
    "identity": {"settings": "s"},
    "resumed": 0,
    "seconds": 1.0,
    "began": 0.0,
    "peak_host_bytes": 7,
    "progress": {"stage": "a", "done": {}, "state": {"x": torch.arange(50.0)}},
}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.floats(0, 0.999999), flip=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_state_is_refused_wherever_the_damage_is(tmp_path, capsys, place, flip, cut):
    path = tmp_path / "training.state"
    write_state(path, CONTENT)
    data = bytearray(path.read_bytes())
    offset = int(place * len(data))
    if cut:
        del data[offset:]
    else:
        data[offset] ^= flip
    path.write_bytes(data)
    assert Checkpoint(path, 60, {"settings": "s"}).load() is None
    assert "truncated or damaged; renamed to training.refused" in capsys.readouterr().err
    assert not path.exists() and (tmp_path / "training.refused").exists()


def test_a_sound_state_is_taken_up(tmp_path):
    write_state(tmp_path / "training.state", CONTENT)
    checkpoint = Checkpoint(tmp_path / "training.state", 60, {"settings": "s"})
    assert torch.equal(checkpoint.load()["state"]["x"], torch.arange(50.0))
    assert checkpoint.resumed == 1 and checkpoint.seconds_before == 1.0


@pytest.mark.parametrize("key", ["settings", "subjects", "cohort", "initial weights", "precision", "libraries"])
def test_the_state_of_another_run_is_refused_and_what_differs_is_named(tmp_path, capsys, key):
    names = ("settings", "subjects", "cohort", "initial weights", "precision", "libraries")
    write_state(tmp_path / "training.state", {**CONTENT, "identity": dict.fromkeys(names, "1")})
    assert Checkpoint(tmp_path / "training.state", 60, {**dict.fromkeys(names, "1"), key: "2"}).load() is None
    assert f"with other {key}; renamed" in capsys.readouterr().err


def test_a_state_that_would_run_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("run",))

    write_state(tmp_path / "training.state", {**CONTENT, "progress": Trap()})
    assert Checkpoint(tmp_path / "training.state", 60, {"settings": "s"}).load() is None


def test_a_state_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "training.state"
    write_state(path, CONTENT)
    before = path.read_bytes()

    class Unwritable:
        def __reduce__(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_state(path, {"x": Unwritable()})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["training.state"]
    assert read_state(path)["seconds"] == 1.0


def test_training_state_comes_back_whole(tmp_path):
    def fresh():
        torch.manual_seed(0)
        module = nn.Linear(3, 2)
        return TrainingState(module, AdamW(module.parameters(), 0.01, True), since=torch.zeros(()))

    def step(state):
        loss = state.objective(torch.ones(1, 3)).square().sum()
        loss.backward()
        state.optimizer.step(0.1)
        state.optimizer.zero_grad()
        state.since += loss.detach()
        state.step += 1

    state = fresh()
    step(state)
    state.close_row(0.1)
    step(state)
    checkpoint = Checkpoint(tmp_path / "training.state", 60, {})
    stage_checkpoint(checkpoint, "b", {"a": state.history}, None, {"a": {"x": torch.ones(2)}}).save(state)
    saved = Checkpoint(tmp_path / "training.state", 60, {}).load()
    assert torch.equal(finished_objectives(saved)["a"]["x"], torch.ones(2))
    back = fresh()
    stage_checkpoint(checkpoint, "b", {}, saved).restore(back)
    step(state)
    step(back)
    assert all(
        torch.equal(a, b) for a, b in zip(state.objective.parameters(), back.objective.parameters(), strict=True)
    )
    assert back.since.item() == state.since.item() and back.step == state.step == 3 and back.history == state.history


def test_a_state_without_the_objective_of_a_complete_stage_is_set_aside(tmp_path, capsys):
    progress = {"stage": "b", "done": {"a": []}, "state": {}}
    assert Checkpoint(tmp_path / "training.state", 60, {}).write(progress)
    assert Checkpoint(tmp_path / "training.state", 60, {}).load() is None
    assert "a complete stage is missing; renamed to training.refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [[1, 2], {"identity": 3}, {"identity": {"settings": "s"}, "progress": 7}, b"no zip"]
)
def test_a_state_of_another_kind_is_set_aside(tmp_path, capsys, content):
    path = tmp_path / "training.state"
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = content if isinstance(content, bytes) else buffer.getvalue()
    path.write_bytes(hashlib.sha256(data).digest() + data)
    assert Checkpoint(path, 60, {"settings": "s"}).load() is None
    assert "renamed to training.refused" in capsys.readouterr().err


def test_the_end_of_a_training_formats_no_tensor():
    """Python's `signal.signal` formats the handler that it replaces, whose checkpoint holds all tensors."""

    class Unprintable:
        def __repr__(self):
            raise AssertionError("formatted")

    checkpoint = Checkpoint(None, 60, {})
    with saving_on_signals(checkpoint):
        checkpoint.ended = {"state": Unprintable()}
