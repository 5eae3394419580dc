"""Interrupted runs, for real: processes that are killed, disks that are full, states that are damaged."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fewlabel import jobs
from fewlabel.cohorts.subject import Subject
from fewlabel.experiment import Experiment, Grid
from fewlabel.imaging.volume import Volume
from fewlabel.slices import pack

pytestmark = pytest.mark.xdist_group("resume")  # one process makes the undisturbed runs once

KILLS = 24
STEPS = 150

EXPERIMENT = Experiment.model_validate(
    {
        "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
        "methods": {
            "scratch": {"pretext": "none"},
            "regression": {
                "pretext": "regression",
                "training": {"steps": STEPS, "batch": 4, "augmentation": "geometry"},
            },
            "contrastive": {
                "pretext": "contrastive",
                "global_stage": {"steps": STEPS, "batch": 8, "head": [16, 8]},
                "local_stage": {"steps": STEPS, "batch": 4, "head": [8, 8], "decoder_stages": 1, "region_size": 2},
            },
        },
        "network": {"widths": [4, 8, 12]},
        "finetuning": {"steps": 2 * STEPS, "batch": 4, "schedule": "cosine"},
    }
)


def read(subject):
    image = np.random.default_rng(ord(subject.subject)).random((32, 32, 6)).astype(np.float32)
    return Volume(image, np.diag([1.0, 1.0, 3.0, 1.0]), (image > 0.7).astype(np.uint8))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    pack(
        [Subject(name, name, True) for name in "abcd"],
        read,
        Grid(matrix=(32, 32), spacing_mm=1),
        folder / "slices",
        folder / "native",
    )
    pd.DataFrame({"subject": list("abcd"), "patient": list("abcd"), "labelled": 1, "role": "pool"}).to_csv(
        folder / "roles.csv", index=False
    )
    pd.DataFrame({"rank": [1, 2, 3, 4], "subject": list("abcd"), "patient": list("abcd")}).to_csv(
        folder / "draw.csv", index=False
    )
    return folder


def command(inputs, out, method, *extra):
    """The command line of one training whose outputs and state lie in `out`."""
    if method == "scratch":
        name, table = "finetune", ["--order", inputs / "draw.csv"]
        settings = jobs.finetune_settings(EXPERIMENT, "c", method, 2, 1)
    else:
        name, table = "pretrain", ["--roles", inputs / "roles.csv"]
        settings = jobs.pretrain_settings(EXPERIMENT, "c", method)
    outputs = ["--weights", out / "weights.safetensors", "--history", out / "history.csv", "--run", out / "run.json"]
    start = [
        sys.executable,
        "-c",
        "from fewlabel.cli import main; main()",
        name,
        "--settings",
        jobs.canonical(settings),
    ]
    return [
        *start,
        "--store",
        inputs / "slices/store.json",
        *table,
        *outputs,
        "--state",
        out / "training.state",
        "--device",
        "cpu",
        *extra,
    ]


def run(arguments):
    return subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory):
    """The outputs of runs that nothing interrupts, by method."""
    outputs = {}
    for method in EXPERIMENT.methods:
        outputs[method] = tmp_path_factory.mktemp(method)
        process = run(command(inputs, outputs[method], method))
        assert process.returncode == 0, process.stderr
    return outputs


def same(out, expected):
    return all(
        (out / name).read_bytes() == (expected / name).read_bytes() for name in ("weights.safetensors", "history.csv")
    )


def stop_somewhere(arguments, number, chance):
    """Start a training, send it a signal after a random number of its states, and return whether that ended it."""
    process = subprocess.Popen(
        [str(part) for part in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    state = Path(arguments[arguments.index("--state") + 1])
    seen, left = written(state), chance.randint(1, 8)
    while process.poll() is None and left:
        now = written(state)
        left -= now != seen
        seen = now
        time.sleep(0.001)
    process.send_signal(number)
    process.communicate()
    return process.returncode != 0 and state.exists()


def written(state):
    """When a state was written last; 0 before the first time."""
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("method", EXPERIMENT.methods)
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
    assert kills >= KILLS // 3 - 1  # the last may come when all steps are done
    assert (json.loads((tmp_path / "run.json").read_text())["time"]["resumed"] > 0) == interrupted


def test_sigterm_and_sigint_save_and_end_with_the_signals_exit_code(inputs, tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        arguments = [str(part) for part in command(inputs, tmp_path, "contrastive", "--checkpoint-every", "1e6")]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not (tmp_path / "training.holder").exists():
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(number)
        _, error = process.communicate()
        assert process.returncode == 128 + number, error
        assert "the state is saved" in error and "Traceback" not in error
        assert (tmp_path / "training.state").exists()
    assert not (tmp_path / "weights.safetensors").exists()


def test_sigusr1_saves_and_goes_on(inputs, undisturbed, tmp_path):
    arguments = [str(part) for part in command(inputs, tmp_path, "contrastive", "--checkpoint-every", "1e6")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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
    outputs = ["history.csv", "run.json", "weights.safetensors"]
    for out in undisturbed.values():
        assert sorted(path.name for path in out.iterdir()) == sorted([*outputs, "training.finished"])
        assert all((out / name).samefile(out / "training.finished" / name) for name in outputs)


def test_a_complete_run_whose_outputs_a_workflow_deleted_is_not_trained_again(inputs, undisturbed, tmp_path):
    arguments = command(inputs, tmp_path, "regression")
    assert run(arguments).returncode == 0
    facts = (tmp_path / "run.json").read_bytes()
    for name in ("weights.safetensors", "history.csv", "run.json"):
        (tmp_path / name).unlink()
    process = run(arguments)
    assert process.returncode == 0 and "nothing was trained again" in process.stderr
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
        other = EXPERIMENT.model_copy(update={"seed": 1})
        settings = jobs.pretrain_settings(other, "c", "regression")
        arguments[arguments.index("--settings") + 1] = jobs.canonical(settings)
    process = run(arguments)
    assert process.returncode == 0 and "nothing was trained again" not in process.stderr
    assert same(tmp_path, undisturbed["regression"]) == (spoil == "weights")


def test_a_second_process_waits_for_the_first_and_takes_its_outputs(inputs, undisturbed, tmp_path):
    arguments = [str(part) for part in command(inputs, tmp_path, "contrastive")]
    first = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while first.poll() is None and not (tmp_path / "training.holder").exists():
        time.sleep(0.01)
    second = run(arguments)
    first.wait()
    assert first.returncode == second.returncode == 0
    assert f"process {first.pid} works on this run; waiting for it" in second.stderr
    assert "nothing was trained again" in second.stderr
    assert same(tmp_path, undisturbed["contrastive"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_state_and_not_the_training(inputs, undisturbed, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        (disk / "filler").write_bytes(b"x" * 60_000)
        arguments = command(inputs, tmp_path, "regression", "--checkpoint-every", "0")
        arguments[arguments.index("--state") + 1] = disk / "training.state"
        process = run(arguments)
        assert process.returncode == 0, process.stderr
        assert "not saved" in process.stderr and "free some space" in process.stderr
        assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    finally:
        subprocess.run(["umount", disk], check=True)
    assert same(tmp_path, undisturbed["regression"])
