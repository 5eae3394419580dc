"""The recipes of images: what they parse to, and what their script of installation asks of pip."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from spython.main.parse.parsers import get_parser

ROOT = Path(__file__).parents[1]
ENVS = ROOT / "envs"
INSTALL = "sh envs/install.sh"


@pytest.fixture(scope="module")
def dockerfile():
    with (ENVS / "Dockerfile").open("rb") as file:
        return [(entry["instruction"], entry["value"]) for entry in DockerfileParser(fileobj=file).structure]


@pytest.fixture(scope="module")
def definition():
    (recipe,) = get_parser("singularity")(str(ENVS / "fewlabel.def")).recipe.values()
    return recipe


def copied(dockerfile):
    """The files of the checkout that an image of Docker holds, by their place in it."""
    places = {}
    for instruction, value in dockerfile:
        if instruction == "COPY":
            *sources, target = value.split()
            for source in sources:
                place = target + Path(source).name if target.endswith("/") else target
                places[source] = f"/opt/fewlabel/{place.removeprefix('./')}"
    return places


def test_both_recipes_start_from_the_same_public_image(dockerfile, definition):
    base = next(value for instruction, value in dockerfile if instruction == "FROM")
    assert base == definition.fromHeader == "python:3.11-slim-bookworm"


def test_both_recipes_hold_the_same_files_at_the_same_places(dockerfile, definition):
    assert copied(dockerfile) == dict(line.split() for line in definition.files)


def test_what_the_recipes_copy_is_there_and_reaches_the_build(dockerfile):
    names = {
        name.lstrip("!") for name in (ENVS / "Dockerfile.dockerignore").read_text().splitlines() if name[:1] == "!"
    }
    for source in copied(dockerfile):
        assert (ROOT / source).exists()
        assert any(Path(source).is_relative_to(name) for name in names)


def test_both_recipes_install_by_the_same_script_for_cpus_unless_asked(dockerfile, definition):
    assert ("RUN", f'{INSTALL} "$BUILD"') in dockerfile and ("ARG", "BUILD=cpu") in dockerfile
    assert definition.install[0] == 'sh /opt/fewlabel/envs/install.sh "{{ BUILD }}"'
    arguments = (ENVS / "fewlabel.def").read_text().partition("%arguments\n")[2]
    assert arguments.split()[0] == "BUILD=cpu"


def test_the_image_that_rules_look_for_is_the_one_that_the_recipe_tells_to_build():
    assert 'container: "fewlabel.sif"' in (ROOT / "workflow" / "rules" / "common.smk").read_text()
    assert "apptainer build fewlabel.sif envs/fewlabel.def" in (ENVS / "fewlabel.def").read_text()


@pytest.fixture
def installed(tmp_path):
    """A function that runs the script with a Python that only writes down what it was asked: outcome and calls."""
    shutil.copytree(ENVS, tmp_path / "envs")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$PWD $*" >> {tmp_path}/calls\n')
    python.chmod(0o755)
    path = {"PATH": f"{python.parent}:{os.environ['PATH']}"}

    def run(*arguments):
        process = subprocess.run(
            ["sh", tmp_path / "envs" / "install.sh", *arguments], env=path, capture_output=True, text=True, check=False
        )
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        return process, [call.removeprefix(f"{tmp_path} -m pip install ") for call in calls]

    return run


def test_the_script_installs_torch_first_and_everything_under_the_pins(installed):
    process, (torch, everything) = installed("cpu")
    assert process.returncode == 0
    assert torch.endswith("--constraint envs/constraints.txt torch")
    assert everything.endswith("--constraint envs/constraints.txt .[radial]")


def test_for_gpus_the_script_takes_no_build_for_cpus_and_pins_its_libraries(installed):
    _, (torch, everything) = installed("cuda")
    assert torch.endswith("--constraint envs/constraints.txt --constraint envs/cuda.txt torch===2.13.0")
    assert everything.endswith("--constraint envs/constraints.txt .[radial]")


@pytest.mark.parametrize("arguments", [(), ("gpu",)])
def test_the_script_refuses_another_kind_before_it_installs_anything(installed, arguments):
    process, calls = installed(*arguments)
    assert process.returncode == 2 and "accepted: cpu, cuda" in process.stderr and calls == []


def test_no_recipe_names_a_registry_or_an_index():
    for file in ENVS.iterdir():
        if file.suffix in ("", ".def", ".sh", ".yaml", ".txt"):
            assert "://" not in file.read_text()
