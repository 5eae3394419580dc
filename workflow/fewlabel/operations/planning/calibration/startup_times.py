"""Measure the start of jobs: each command runs with minimal work."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import draw_settings, fetch_settings, prepare_settings, split_settings
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.training import evaluate_settings, finetune_settings
from fewlabel.operations.planning.calibration.calibration import Start
from fewlabel.utils.errors import InputError

TINY = Experiment.model_validate(
    {
        "cohorts": {
            "tiny": {
                "source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 2, "pixel_mm": 10, "slice_mm": 20},
                "grid": {"matrix": [16, 16], "spacing_mm": 10},
                "test": 1,
            }
        },
        "methods": {"scratch": {"pretext": "none"}},
        "labels": [1],
        "draws": 1,
        "network": {"widths": [4, 8]},
        "finetuning": {"steps": 1, "batch": 1},
    }
)
"""One training subject, one test subject, one step."""


def measure_starts() -> dict[Start, float]:
    """CPU seconds of each kind of job on the tiny study."""
    with TemporaryDirectory() as name:
        return {kind: _own_seconds(command, Path(name)) for kind, command in _commands().items()}


def _commands() -> dict[Start, list[str]]:
    """The commands, in the order of their dependencies."""
    settings = {
        "fetch": fetch_settings(TINY, "tiny", ""),
        "split": split_settings(TINY, "tiny"),
        "draw": draw_settings(TINY, "tiny", 1),
        "prepare": prepare_settings(TINY, "tiny"),
        "finetune": finetune_settings(TINY, "tiny", "scratch", 1, 1),
        "evaluate": evaluate_settings(TINY, "tiny", "scratch", 1),
        "figure label_curves": curves_settings(TINY),
    }
    fetched, slices = "--subjects subjects.csv --source source.json", "--store slices/store.json"
    roles, weights = "--roles roles.csv", "--weights weights.safetensors"
    files = {
        "fetch": fetched,
        "split": f"{fetched} {roles} --record record.json",
        "draw": f"{roles} --order draw.csv",
        "prepare": f"--subjects subjects.csv {slices} --native native",
        "finetune": f"{slices} --order draw.csv {weights} --history history.csv --run run.json --device cpu",
        "evaluate": f"{slices} {roles} --truth native/labels {weights} --scores scores.csv --predictions predictions "
        "--device cpu",
        "figure label_curves": "--results . --png figure.png --pdf figure.pdf",
    }
    kinds: dict[Start, str] = {
        "fetch": "fetch",
        "split": "split",
        "draw": "draw",
        "prepare": "prepare",
        "training": "finetune",
        "evaluate": "evaluate",
        "figure": "figure label_curves",
    }
    return {
        kind: [*name.split(), "--settings", canonical(settings[name]), *files[name].split()]
        for kind, name in kinds.items()
    }


def _own_seconds(command: list[str], folder: Path) -> float:
    start = "from fewlabel.cli.main import main; main()"
    before = os.times()
    process = subprocess.run([sys.executable, "-c", start, *command], cwd=folder, capture_output=True, text=True)
    after = os.times()
    if process.returncode:
        raise InputError(f"calibrate: `fewlabel {command[0]}` failed: {process.stderr.strip()}")
    return round(after.children_user + after.children_system - before.children_user - before.children_system, 2)
