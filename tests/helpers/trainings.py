"""Tiny trainings as processes: their inputs, commands and outputs."""

import time
from pathlib import Path

import numpy as np

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.data.preprocessing.volume import Volume
from helpers.forked import Command

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
