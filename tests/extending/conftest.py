"""Installs the toy distribution, as `pip` installs any other, where only the tests of this folder find it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fewlabel.utils.optional_dependencies import RADIAL
from helpers.arrays import COHORT, write_arrays
from helpers.missing_packages import hide
from helpers.studies import Study, merged

STUDY = {
    "cohorts": {"liver_phantom": None, "arrays": COHORT},
    "methods": {
        "regression": None,
        "contrastive": None,
        "supervised": None,
        "rotation": {"pretext": "rotation", "rotation_stage": {"steps": 3, "batch": 4, "hidden": 8}},
    },
    "labels": [1],
    "draws": 1,
    "scores": ["relative_volume"],
    "figures": {"volumes": {"panel_in": 2, "dpi": 60}},
}
"""What the study of the toys changes in the tiny one."""
TOYS = Path(__file__).with_name("toys")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Tests that read the study run in one worker, so that it runs once."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "study" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("toys"))


def install(source, target):
    """Install a distribution into a folder: no network, and the checkout stays as it is."""
    copy = target.with_name(f"{target.name}-source")
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(target), str(copy)]
    subprocess.run(command, check=True)
    return target


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """Variables of a process that finds the toy distribution installed, and of the extra `radial` nothing."""
    folder = install(TOYS, tmp_path_factory.mktemp("toys") / "site")
    hidden = hide(tmp_path_factory.mktemp("hidden"), RADIAL)
    return {"PYTHONPATH": os.pathsep.join([str(folder), hidden["PYTHONPATH"]])}


class ToyStudy(Study):
    """The tiny study with the toys in place of what is built in."""

    def __init__(self, folder, variables):
        super().__init__(folder)
        self.variables = variables
        write_arrays(folder / "data" / "arrays")

    def run(self, *arguments, change=None):
        """Run snakemake where the toys are installed, and return the finished process."""
        return super().run(*arguments, change=merged(STUDY, change or {}))


@pytest.fixture(scope="session")
def study(toys, tmp_path_factory):
    """A tiny study with the toys, run to its report."""
    made = ToyStudy(tmp_path_factory.mktemp("study"), toys)
    process = made.run()
    assert process.returncode == 0, process.stdout + process.stderr
    return made


@pytest.fixture
def installed(tmp_path):
    """A function that makes an installed distribution of files' texts, and gives the variables of `toys`."""

    def make(name, entry_points, **modules):
        site = tmp_path / f"{name}-site"
        facts = site / f"{name}-1.2.dist-info"
        for folder in (site / name, facts):
            folder.mkdir(parents=True)
        for module, text in {"__init__": "", **modules}.items():
            (site / name / f"{module}.py").write_text(text)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        with (facts / "entry_points.txt").open("w") as file:
            for group, names in entry_points.items():
                print(f"[{group}]", *(f"{key} = {value}" for key, value in names.items()), sep="\n", file=file)
        return {"PYTHONPATH": str(site)}

    return make
