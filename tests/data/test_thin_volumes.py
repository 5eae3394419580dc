"""Volumes with fewer slices than contrastive pretraining cuts them into are named by the check."""

from pathlib import Path

import numpy as np
import pytest

from fewlabel.cli.data import fetch
from fewlabel.config.cohort import Grid
from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.data import FetchSettings, PlannedSplit
from fewlabel.config.jobs.training import most_partitions
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.sources.nifti import NiftiSource


def said(folder, capsys, partitions, **grid):
    source = NiftiSource(kind="nifti", folder="mine", labels=[1, 2])
    settings = FetchSettings(cohort="own", source=source, fingerprint="")
    plan = PlannedSplit(cohort="own", test=["a"], seed=1, grid=Grid(matrix=(16, 16), **grid), partitions=partitions)
    fetch(settings, folder / "subjects.csv", folder / "source.json", plan, largest=1, pretrained=1, threads=1)
    return [line for line in capsys.readouterr().out.splitlines() if "partitions" in line]


def test_thin_volumes_are_named_with_their_slices(mine, write, tmp_path, capsys):
    # Those of `mine` have five slices of 3 mm.
    write(mine / "images" / "e.nii.gz", np.random.default_rng(5).integers(0, 1000, (7, 6, 2)).astype(np.int16))
    (line,) = said(tmp_path, capsys, 4)
    assert line.startswith("own: 1 of 5 volumes have fewer slices than the 4 partitions")
    assert "images/e.nii.gz (2)" in line
    assert said(tmp_path, capsys, 2) == []
    (line,) = said(tmp_path, capsys, 4, slice_mm=6)
    assert line.startswith("own: 5 of 5") and "images/a.nii.gz (3)" in line and "images/e.nii.gz (1)" in line


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 4),
        ({"contrastive": {"pretext": "contrastive", "global_stage": {"partitions": 6, "batch": 12}}}, 6),
        ({"contrastive": {"pretext": "joint", "joint_stage": {"partitions": 3, "batch": 12}}}, 3),
        ({"contrastive": {"pretext": "none"}}, 1),
    ],
)
def test_the_most_partitions_of_any_method_count(change, expected):
    config = read_config([Path(__file__).parents[2] / "config.yaml"])
    experiment = load({**config, "methods": {**config["methods"], **change}})
    assert isinstance(experiment, Experiment) and most_partitions(experiment) == expected
