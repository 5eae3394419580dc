"""What is installed, declared and pinned agree."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints(name="constraints.txt"):
    lines = (ROOT / "envs" / name).read_text().splitlines()
    return {
        normal(name): pin
        for name, _, pin in (line.partition("==") for line in lines if line and not line.startswith("#"))
    }


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return {normal(re.split(r"[<>=\[ ]", requirement)[0]) for requirement in every}


def test_every_declared_dependency_is_pinned():
    assert declared() <= constraints().keys()


@pytest.mark.parametrize("name", ["constraints.txt", "validator.txt"])
def test_pins_are_plain_versions_that_every_platform_has(name):
    assert all(re.fullmatch(r"\d+(\.\d+)*(\.post\d+|\.\d{8})?", pin) for pin in constraints(name).values())


def test_the_installed_versions_are_the_pinned_ones():
    pins = constraints()
    assert {name: version(name).partition("+")[0] for name in declared()} == {name: pins[name] for name in declared()}


def test_the_conda_environment_has_the_pinned_versions():
    environment = yaml.safe_load((ROOT / "envs" / "cpu.yaml").read_text())
    listed = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    found = {normal(name): pin for name, _, pin in (entry.partition("==") for entry in listed)}
    assert found == {name: constraints()[name] for name in found}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert found.keys() == {normal(re.split(r"[<>=]", requirement)[0]) for requirement in project["dependencies"]}
