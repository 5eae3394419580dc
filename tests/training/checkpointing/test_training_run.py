"""Trainings as processes, for real: killed, resumed, waited for, and put back from what they kept."""

import json
import random
import shutil
import signal
import time

import pytest

from helpers.forked import Command
from helpers.trainings import EXPERIMENT, command, made, run, same, stop_somewhere

pytestmark = pytest.mark.xdist_group("resume")  # one process makes the undisturbed runs once


KILLS = 12


# In one method are all stages; the others are for `make test-all`.
@pytest.mark.parametrize(
    "method", ["contrastive", *(pytest.param(name, marks=pytest.mark.torture) for name in ("scratch", "regression"))]
)
def test_a_run_that_is_killed_again_and_again_equals_one_that_is_not(inputs, undisturbed, tmp_path, method):
    chance = random.Random(method)
    arguments = command(inputs, tmp_path, method, "--checkpoint-every", "0")
    kills = sum(
        stop_somewhere(arguments, chance.choice([signal.SIGKILL, signal.SIGTERM]), chance) for _ in range(KILLS // 3)
    )
    interrupted = (tmp_path / "training.state").exists()
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    assert same(tmp_path, undisturbed[method])
    assert not list(tmp_path.glob(".*partial*"))
    assert kills >= KILLS // 3 - 1  # the last may come when all steps are done
    assert (json.loads((tmp_path / "run.json").read_text())["time"]["resumed"] > 0) == interrupted


def test_sigterm_and_sigint_save_and_end_with_the_signals_exit_code(inputs, tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        arguments = command(inputs, tmp_path, "contrastive", "--checkpoint-every", "1e6")
        process = Command(arguments)
        while process.poll() is None and not (tmp_path / "training.holder").exists():
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(number)
        error = process.finish().stderr
        assert process.returncode == 128 + number, error
        assert "the state is saved" in error and "Traceback" not in error
        assert (tmp_path / "training.state").exists()
    assert not (tmp_path / "weights.safetensors").exists()


def test_sigusr1_saves_and_goes_on(inputs, undisturbed, tmp_path):
    arguments = command(inputs, tmp_path, "contrastive", "--checkpoint-every", "1e6")
    process = Command(arguments)
    while process.poll() is None and not (tmp_path / "training.holder").exists():
        time.sleep(0.01)
    seen = False
    while process.poll() is None:
        process.send_signal(signal.SIGUSR1)
        seen = seen or (tmp_path / "training.state").exists()
        time.sleep(0.05)
    assert (process.returncode, seen) == (0, True)
    assert same(tmp_path, undisturbed["contrastive"])


def test_nothing_but_the_outputs_and_links_to_them_is_left_of_a_finished_run(undisturbed):
    for method, out in undisturbed.items():
        outputs = ["history.csv", "run.json", "weights.safetensors"]
        outputs += [] if method == "scratch" else ["pretext.safetensors"]
        assert sorted(path.name for path in out.iterdir()) == sorted([*outputs, "training.finished"])
        assert all((out / name).samefile(out / "training.finished" / name) for name in outputs)


def test_keeping_the_pretext_changes_neither_weights_nor_history(inputs, undisturbed, tmp_path):
    arguments = command(inputs, tmp_path, "contrastive")
    at = arguments.index("--pretext")
    process = run(arguments[:at] + arguments[at + 2 :])
    assert process.returncode == 0, process.stderr
    assert made(tmp_path) == ["history.csv", "weights.safetensors"]
    for name in made(tmp_path):
        assert (tmp_path / name).read_bytes() == (undisturbed["contrastive"] / name).read_bytes()


def test_a_complete_run_whose_outputs_a_workflow_deleted_is_not_trained_again(inputs, undisturbed, tmp_path):
    arguments = command(inputs, tmp_path, "regression")
    assert run(arguments).returncode == 0
    facts = (tmp_path / "run.json").read_bytes()
    for name in ("weights.safetensors", "pretext.safetensors", "history.csv", "run.json"):
        (tmp_path / name).unlink()
    process = run(arguments)
    assert process.returncode == 0 and "not trained again" in process.stderr
    assert same(tmp_path, undisturbed["regression"]) and (tmp_path / "run.json").read_bytes() == facts


@pytest.mark.parametrize("spoil", ["weights", "settings"])
def test_kept_outputs_that_are_damaged_or_of_another_run_are_not_put_back(inputs, undisturbed, tmp_path, spoil):
    arguments = command(inputs, tmp_path, "regression")
    shutil.copytree(undisturbed["regression"], tmp_path, dirs_exist_ok=True)
    if spoil == "weights":
        kept = tmp_path / "training.finished" / "weights.safetensors"
        data = bytearray(kept.read_bytes())
        data[-1] ^= 1
        kept.write_bytes(data)
    else:
        arguments = command(inputs, tmp_path, "regression", experiment=EXPERIMENT.model_copy(update={"seed": 1}))
    process = run(arguments)
    assert process.returncode == 0 and "not trained again" not in process.stderr
    assert same(tmp_path, undisturbed["regression"]) == (spoil == "weights")


def test_a_second_process_waits_for_the_first_and_takes_its_outputs(inputs, undisturbed, tmp_path):
    arguments = command(inputs, tmp_path, "contrastive")
    first = Command(arguments)
    while first.poll() is None and not (tmp_path / "training.holder").exists():
        time.sleep(0.01)
    second = run(arguments)
    first.finish()
    assert first.returncode == second.returncode == 0
    assert f"process {first.pid} works on this run; waiting for it" in second.stderr
    assert "not trained again" in second.stderr
    assert same(tmp_path, undisturbed["contrastive"])
