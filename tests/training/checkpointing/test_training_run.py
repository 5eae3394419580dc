"""Trainings as processes, for real: killed, waited for, on a full disk, with wrong numbers; and what they tell."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.training.checkpointing.disk_reserve import FULL, Reserve
from helpers.forked import Command
from helpers.programs import skip_without

pytestmark = pytest.mark.xdist_group("resume")  # one process makes the undisturbed runs once

KILLS = 12
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


def command(inputs, out, method, *extra, experiment=EXPERIMENT):
    """The command line of one training whose outputs and state lie in `out`."""
    if method == "scratch":
        name, table = "finetune", ["--order", inputs / "draw.csv"]
        settings = finetune_settings(experiment, "c", method, 2, 1)
    else:
        name, table = "pretrain", ["--roles", inputs / "roles.csv"]
        settings = pretrain_settings(experiment, "c", method)
    outputs = ["--weights", out / "weights.safetensors", "--history", out / "history.csv", "--run", out / "run.json"]
    if method != "scratch":
        outputs += ["--pretext", out / "pretext.safetensors"]
    return [
        name,
        "--settings",
        canonical(settings),
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
    return Command(arguments).finish()


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory):
    """The outputs of runs that nothing interrupts, by method."""
    outputs = {}
    for method in EXPERIMENT.methods:
        outputs[method] = tmp_path_factory.mktemp(method)
        process = run(command(inputs, outputs[method], method))
        assert process.returncode == 0, process.stderr
    return outputs


def made(out):
    """Names of a run's outputs, without its facts."""
    return sorted(path.name for path in out.iterdir() if path.suffix in (".safetensors", ".csv"))


def same(out, expected):
    return made(out) == made(expected) and all(
        (out / name).read_bytes() == (expected / name).read_bytes() for name in made(expected)
    )


def stop_somewhere(arguments, number, chance):
    """Start a training, send it a signal after a random number of its states, and return whether that ended it."""
    process = Command(arguments)
    state = Path(arguments[arguments.index("--state") + 1])
    seen, left = written(state), chance.randint(1, 8)
    while process.poll() is None and left:
        now = written(state)
        left -= now != seen
        seen = now
        time.sleep(0.001)
    process.send_signal(number)
    process.finish()
    return process.returncode != 0 and state.exists()


def written(state):
    """When a state was written last; 0 before the first time."""
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


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


@pytest.fixture
def disk(tmp_path):
    """A disk of 256 kB."""
    skip_without("mount", "umount")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_costs_the_state_and_not_the_training(inputs, undisturbed, tmp_path, disk):
    (disk / "filler").write_bytes(b"x" * 256_000)
    arguments = command(inputs, tmp_path, "regression", "--checkpoint-every", "0")
    arguments[arguments.index("--state") + 1] = disk / "training.state"
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    assert "not saved" in process.stderr and "free some space" in process.stderr
    assert "training.live.csv: not written" in process.stderr
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    assert same(tmp_path, undisturbed["regression"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_without_room_for_the_outputs_ends_a_run_before_its_first_step(inputs, undisturbed, tmp_path, disk):
    (disk / "filler").write_bytes(b"x" * 256_000)
    arguments = command(inputs, disk, "regression", "--checkpoint-every", "0")
    arguments[arguments.index("--state") + 1] = tmp_path / "training.state"
    process = run(arguments)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "No space left on device" in process.stderr and "free some space" in process.stderr
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    assert not (tmp_path / "training.state").exists()
    (disk / "filler").unlink()
    process = run(arguments)
    assert process.returncode == 0, process.stderr
    assert same(disk, undisturbed["regression"])


def fill(disk):
    """Write to a disk until it is full."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (65536, 4096, 64, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


def begun(process, disk):
    """Wait until a training holds room for its outputs; its file."""
    while not (found := list(disk.glob(".*room"))) or not found[0].stat().st_size:
        assert process.poll() is None, process.finish()
        time.sleep(0.01)
    return found[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("method", ["scratch", "regression"])
def test_a_disk_that_fills_while_a_run_is_under_way_costs_neither_outputs_nor_training(
    inputs, undisturbed, disk, method
):
    """Outputs and state lie on one disk, and no state was ever written: all that is left is in memory."""
    arguments = command(inputs, disk, method, "--checkpoint-every", "1000")
    process = Command(arguments)
    begun(process, disk)
    fill(disk)
    said = process.finish().stderr
    assert process.returncode == 0, said
    assert same(disk, undisturbed[method])
    assert not [path for path in disk.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_outputs_that_find_no_room_do_not_appear_in_part_and_the_finished_training_is_kept(
    inputs, undisturbed, tmp_path, disk
):
    arguments = command(inputs, disk, "regression", "--checkpoint-every", "1000")
    arguments[arguments.index("--state") + 1] = str(tmp_path / "training.state")
    process = Command(arguments)
    begun(process, disk).unlink()
    fill(disk)
    said = process.finish().stderr
    assert process.returncode == 1 and "Traceback" not in said
    assert "the state of the finished training is kept; to fix: run the same command again to write its outputs" in said
    assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    (disk / "filler").unlink()
    again = run(arguments)
    assert again.returncode == 0 and f"resumes after step {STEPS}" in again.stderr, again.stderr
    assert same(disk, undisturbed["regression"])


def test_room_that_no_disk_has_is_refused_and_leaves_nothing(tmp_path):
    reserve = Reserve(tmp_path)
    with pytest.raises(OSError) as error:
        reserve.hold(2**60)
    assert error.value.errno in FULL
    assert list(tmp_path.iterdir()) == []


def test_room_is_held_in_blocks_and_more_of_it_never_ends_a_training(tmp_path, capsys):
    reserve = Reserve(tmp_path)
    reserve.hold(1_000_000)
    (held,) = tmp_path.iterdir()
    assert held.stat().st_blocks * 512 >= 1_000_000
    reserve.hold(2**60)
    assert "no disk space is reserved" in capsys.readouterr().err
    assert held.stat().st_blocks * 512 >= 1_000_000
    reserve.release()
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------- numeric safety
def changed(change):
    """The experiment with `change` laid over its contrastive method."""
    settings = EXPERIMENT.model_dump()
    settings["methods"]["contrastive"]["global_stage"].update(change)
    return Experiment.model_validate(settings)


@pytest.mark.parametrize("method", ["scratch", "regression", "contrastive"])
def test_a_subject_that_spoils_the_loss_is_named_and_no_output_appears(inputs, tmp_path, method):
    spoilt = tmp_path / "inputs"
    shutil.copytree(inputs, spoilt)
    images = np.load(spoilt / "slices/images.npy", mmap_mode="r+")
    images[6:12] = np.nan  # all slices of b
    images.flush()
    # The store was packed with them: files that differ from their recorded hashes are refused before.
    manifest = spoilt / "slices/store.json"
    facts = json.loads(manifest.read_text())
    facts["sha256"]["images.npy"] = sha256((spoilt / "slices/images.npy").read_bytes()).hexdigest()
    manifest.write_text(json.dumps(facts))
    process = run(command(spoilt, tmp_path / "out", method))
    assert process.returncode == 1 and "Traceback" not in process.stderr
    told = re.search(
        r"at step (\d+) \(batch of ([a-d, ]+)\); the last good state, of step (\d+), is kept", process.stderr
    )
    assert "b" in told[2].split(", ")
    assert int(told[3]) == int(told[1]) - 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["training.live.csv", "training.state"]


def test_a_collapsed_representation_is_reported_in_log_history_and_facts(inputs, tmp_path):
    # Steps of such a size kill every ReLU of the head.
    process = run(
        command(inputs, tmp_path, "contrastive", experiment=changed({"learning_rate": 1.0, "weight_decay": 1.0}))
    )
    assert process.returncode == 0, process.stderr
    assert "warning: global_stage: the representation collapsed" in process.stderr
    facts = json.loads((tmp_path / "run.json").read_text())
    assert any("global_stage: the representation collapsed" in text for text in facts["warnings"])
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.loc[history["stage"] == "global_stage", "spread"].iloc[-1] < 0.05


# --------------------------------------------------------------------------------------------------------- the facts
def test_a_run_tells_what_ran_on_what_with_what(inputs, undisturbed):
    for method, out in undisturbed.items():
        facts = json.loads((out / "run.json").read_text())
        settings = command(inputs, out, method)
        text = settings[settings.index("--settings") + 1]
        assert facts["settings_sha256"] == sha256(text.encode()).hexdigest()
        assert facts["settings"] == json.loads(text)
        assert facts["recipe"] == json.loads(text)["recipe"] and facts["seed"] == json.loads(text)["seed"]
        assert facts["kind"] == ("finetune" if method == "scratch" else "pretrain")
        hashes = {name: sha256((out / name).read_bytes()).hexdigest() for name in made(out)}
        assert facts["outputs"] == hashes
        table = "draw.csv" if method == "scratch" else "roles.csv"
        assert facts["inputs"] == {
            "slices/store.json": sha256((inputs / "slices/store.json").read_bytes()).hexdigest(),
            f"splits/{table}": sha256((inputs / table).read_bytes()).hexdigest(),
        }
        assert set(facts["subjects"]) == ({"a", "b"} if method == "scratch" else set("abcd"))
        assert facts["device"] == "cpu" and facts["threads"] == 1 and facts["precision"] in ("f32", "bf16")
        assert facts["software"]["packages"]["torch"] == version("torch")
        assert "gpu" not in facts["hardware"] and "cuda" not in facts["software"]
        assert 0 < facts["time"]["seconds"] <= facts["time"]["wall_seconds"] + 0.01
        assert 5e7 < facts["memory"]["peak_host_bytes"] < 1e10
    steps = {method: json.loads((out / "run.json").read_text())["steps"] for method, out in undisturbed.items()}
    assert steps == {
        "scratch": {"finetune": 2 * STEPS},
        "regression": {"training": STEPS},
        "contrastive": {"global_stage": STEPS, "local_stage": STEPS},
    }


def test_an_interruption_shows_in_the_wall_time_and_not_in_the_work(inputs, tmp_path):
    arguments = command(inputs, tmp_path, "regression", "--checkpoint-every", "0")
    assert stop_somewhere(arguments, signal.SIGKILL, random.Random(0))
    time.sleep(3)
    assert run(arguments).returncode == 0
    facts = json.loads((tmp_path / "run.json").read_text())["time"]
    assert facts["resumed"] == 1
    assert facts["wall_seconds"] > facts["seconds"] + 2.5


def test_deterministic_operations_are_all_there(inputs, tmp_path):
    experiment = EXPERIMENT.model_copy(update={"deterministic": True})
    for method in EXPERIMENT.methods:
        process = run(command(inputs, tmp_path / method, method, experiment=experiment))
        assert process.returncode == 0, process.stderr
        assert json.loads((tmp_path / method / "run.json").read_text())["deterministic"] is True
