"""Equal input gives equal files, byte for byte, in another process too: every figure that tables or hand-made arrays
can draw."""

import hashlib
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.differences import differences_settings
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.figures.label_efficiency import efficiency_settings
from fewlabel.config.jobs.figures.learning_curves import learning_settings
from fewlabel.config.jobs.figures.paired_subjects import paired_settings
from fewlabel.config.jobs.figures.pretexts import pretexts_settings
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.destreaking import destreaking_figure
from fewlabel.reporting.figures.differences import difference_figure
from fewlabel.reporting.figures.label_curves import label_curves
from fewlabel.reporting.figures.label_efficiency import label_efficiency
from fewlabel.reporting.figures.learning_curves import learning_curves
from fewlabel.reporting.figures.paired_subjects import paired_subjects
from fewlabel.reporting.images.pretext_cases import Compared, Restored
from fewlabel.reporting.images.pretexts import pretexts
from fewlabel.reporting.results.histories import read_histories
from fewlabel.reporting.statistics.scores import read_scores

sys.path.insert(0, str(Path(__file__).parents[1]))  # also where this file runs as a script
from helpers.destreaking_results import SETTINGS, images, rows

STUDY = Path(__file__).parents[2] / "results/published/demo"
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
ZERO = re.compile(rb"^(-0 \S+|\S+ -0) [ml]$", re.MULTILINE)
"""A corner of a path on a zero that a rounding error gave its sign."""


def figure1():
    """Figure 1 of arrays that are known."""
    chance = np.random.default_rng(0)

    def image():
        return chance.random((16, 16)).astype(np.float32)

    experiment = Experiment.model_validate(
        {
            "cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}}},
            "methods": {"r": {"pretext": "regression"}, "c": {"pretext": "contrastive"}},
        }
    )
    shown = [Restored(number, image(), image() > 0.5, image(), image()) for number in range(2)]
    names = ["view 1", "view 2", "neighbour", "dissimilar"]
    matrix = chance.random((24, 24))
    contrast = Compared(names, [image() for _ in names], [1, 0.5, -0.001, -0.4], (matrix + matrix.T) / 2, 4, 3)
    return pretexts({"regression": shown, "contrastive": contrast}, pretexts_settings(experiment))


def figures():
    """Every figure by name, as a function that draws it."""
    experiment = load(read_config([STUDY / "experiment.yaml"]))
    scores, history = read_scores(STUDY / "scores.csv"), read_histories(STUDY / "history.csv")
    return {
        "pretexts": figure1,
        "destreaking": lambda: destreaking_figure(rows(), images(), SETTINGS),
        "curves": lambda: label_curves(scores, curves_settings(experiment)),
        "efficiency": lambda: label_efficiency(scores, efficiency_settings(experiment)),
        "paired": lambda: paired_subjects(scores, paired_settings(experiment)),
        "differences": lambda: difference_figure(scores, differences_settings(experiment)),
        "learning": lambda: learning_curves(history, learning_settings(experiment)),
    }


def draw(folder):
    """Draw all of them, and print a hash of each file."""
    for name, drawn in figures().items():
        style.save(drawn(), folder / f"{name}.png", folder / f"{name}.pdf", 60)
        for kind in ("png", "pdf"):
            print(name, kind, hashlib.sha256((folder / f"{name}.{kind}").read_bytes()).hexdigest())


def test_every_figure_gives_equal_files_in_two_processes(tmp_path):
    found = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, __file__, str(tmp_path / seed)]
        # Other hashes of texts, and other addresses in memory.
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        found.append(done.stdout.splitlines())
    assert found[0] == found[1] and len(found[0]) == 2 * len(figures())


def test_no_corner_lies_on_a_zero_with_a_sign(tmp_path):
    """The layout's solver leaves zeros with either sign, as the addresses of its unknowns in memory will have it."""
    for name in ("pretexts", "destreaking"):
        style.save(figures()[name](), tmp_path / "a.png", tmp_path / "a.pdf", 60)
        streams = [zlib.decompress(found) for found in STREAM.findall((tmp_path / "a.pdf").read_bytes())]
        assert any(b" m\n" in each for each in streams)
        assert [found for each in streams for found in ZERO.findall(each)] == []


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
