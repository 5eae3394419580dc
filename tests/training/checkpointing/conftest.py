"""Trainings that tests of this folder interrupt and compare."""

import pandas as pd
import pytest

from fewlabel.config.cohort import Grid
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from helpers.trainings import EXPERIMENT, command, read, run


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def undisturbed(inputs, tmp_path_factory):
    """The outputs of runs that nothing interrupts, by method."""
    outputs = {}
    for method in EXPERIMENT.methods:
        outputs[method] = tmp_path_factory.mktemp(method)
        process = run(command(inputs, outputs[method], method))
        assert process.returncode == 0, process.stderr
    return outputs
