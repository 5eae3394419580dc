"""What is installed, declared and pinned agree."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

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


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
@pytest.mark.xdist_group("grouped")
def test_tests_of_a_group_are_known_as_such(request):
    """Else each process starts a Slurm of its own, and runs the whole study anew."""
    assert request.node.nodeid.endswith("@grouped")


def test_every_declared_dependency_is_pinned():
    assert declared() <= constraints().keys()


@pytest.mark.parametrize("name", ["bench.txt", "constraints.txt", "cuda.txt", "validator.txt"])
def test_pins_are_plain_versions(name):
    assert all(re.fullmatch(r"\d+(\.\d+)*(\.post\d+|\.\d{8})?", pin) for pin in constraints(name).values())


def test_the_installed_versions_are_the_pinned_ones():
    pins = constraints()
    assert {name: version(name).partition("+")[0] for name in declared()} == {name: pins[name] for name in declared()}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def conda(name):
    """An environment file of conda: what conda itself gets, and what it hands on to pip."""
    environment = yaml.safe_load((ROOT / "envs" / name).read_text())
    assert environment.keys() == {"name", "channels", "dependencies"}
    (listed,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return [entry for entry in environment["dependencies"] if isinstance(entry, str)], [Requirement(e) for e in listed]


def pinned(requirements):
    """Versions by name; each requirement is one exact version, for every machine alike."""
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator in ("==", "===") and requirement.marker is None and not requirement.extras
    found = {normal(requirement.name): next(iter(requirement.specifier)).version for requirement in requirements}
    assert len(found) == len(requirements)
    return found


@pytest.mark.parametrize(
    ("name", "further", "programs"), [("cpu.yaml", (), {"c-compiler"}), ("cuda.yaml", ("cuda.txt",), set())]
)
def test_a_conda_environment_has_every_declared_library_in_the_pinned_version(name, further, programs):
    of_conda, of_pip = conda(name)
    extra = {library: pin for file in further for library, pin in constraints(file).items()}
    of_jobs = [*project()["dependencies"], *project()["optional-dependencies"]["radial"]]
    needed = {normal(Requirement(text).name) for text in of_jobs}
    assert pinned(of_pip) == {**{library: constraints()[library] for library in needed}, **extra}
    python = next(entry for entry in of_conda if entry.startswith("python="))
    assert set(of_conda) == {python, "pip", *programs}
    assert SpecifierSet(project()["requires-python"]).contains(f"{python.removeprefix('python=')}.99")


def test_the_cuda_environment_takes_no_build_of_torch_for_cpus():
    (torch,) = (requirement for requirement in conda("cuda.yaml")[1] if requirement.name == "torch")
    assert torch.specifier.contains(constraints()["torch"])
    assert not torch.specifier.contains(f"{constraints()['torch']}+cpu")


def test_what_the_cuda_build_brings_is_pinned_beside_the_rest_and_never_twice():
    assert not constraints("cuda.txt").keys() & constraints().keys()
    assert {"cuda-toolkit", "nvidia-cudnn-cu13", "triton"} <= constraints("cuda.txt").keys()


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_a_conda_environment_gets_fewlabel_itself_from_the_checkout(name):
    script = ROOT / "envs" / f"{name}.post-deploy.sh"  # by this name Snakemake looks for it
    assert script.read_text().endswith("python -m pip install --no-deps --editable .\n")
    subprocess.run(["sh", "-n", script], check=True)
