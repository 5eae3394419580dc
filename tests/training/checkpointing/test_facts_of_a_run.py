"""What a training records of itself, and wrong numbers, which end it or are reported."""

import json
import random
import re
import shutil
import signal
import time
from hashlib import sha256
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.experiment import Experiment
from helpers.trainings import EXPERIMENT, STEPS, command, made, run, stop_somewhere

pytestmark = pytest.mark.xdist_group("resume")  # one process makes the undisturbed runs once


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
    reported = re.search(
        r"at step (\d+) \(batch of ([a-d, ]+)\); the last good state, of step (\d+), is kept", process.stderr
    )
    assert "b" in reported[2].split(", ")
    assert int(reported[3]) == int(reported[1]) - 1
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
