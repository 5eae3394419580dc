"""An installed wheel runs studies in a folder without the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from fewlabel.config.loading.workflow_files import WORKFLOW_FILES
from helpers import preloaded
from helpers.studies import ROOT

BUILT_FROM = (*WORKFLOW_FILES, "pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".snakemake")
ORDER = "results/tiny/liver_phantom/splits/draw1.csv"
pytestmark = pytest.mark.xdist_group("installed")


def call(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built from a copy."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    process = call(*pip, "--wheel-dir", source / "dist", source)
    assert process.returncode == 0, process.stdout + process.stderr
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """A function that runs a command of an environment that has the wheel, and the libraries of this one."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    # Libraries alone: a `.pth` that lies in their folder, as that of the checkout, is not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python, "install")
    process = call(*pip, "--no-index", "--no-deps", wheel)
    assert process.returncode == 0, process.stdout + process.stderr

    def run(folder, *command):
        program = {"snakemake": (python, "-m", "snakemake"), "python": (python,)}.get(command[0])
        found = program or (place / "bin" / command[0],)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FEWLABEL"))}
        variables["PATH"] = f"{place / 'bin'}:{variables['PATH']}"
        return call(*found, *command[1:], cwd=folder, env=variables)

    return run


@pytest.fixture
def started(installed, tmp_path):
    """A folder, with a space in its name, in which `fewlabel init` was called."""
    folder = tmp_path / "my study"
    process = installed(tmp_path, "fewlabel", "init", "my study")
    assert process.returncode == 0, process.stderr
    assert f"cd '{folder}'" in process.stdout
    return folder


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def of_checkout():
    """The files of the workflow without the package, as in the checkout."""
    listed = [path for name in WORKFLOW_FILES for path in [ROOT / name, *(ROOT / name).rglob("*")] if path.is_file()]
    names = {path.relative_to(ROOT).as_posix(): path for path in listed}
    ours = {name: path for name, path in names.items() if "__pycache__" not in name and ".egg-info" not in name}
    return {name: path.read_bytes() for name, path in ours.items() if not name.startswith("workflow/fewlabel/")}


def test_the_wheel_holds_the_whole_package_and_the_whole_workflow(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT / "workflow") for path in (ROOT / "workflow" / "fewlabel").rglob("*")}
    assert {path.as_posix() for path in package if path.suffix and path.suffix != ".pyc"} <= held
    shared = {name.partition("/share/fewlabel/")[2] for name in held if "/share/fewlabel/" in name}
    assert shared == of_checkout().keys()
    assert not [name for name in held if name.startswith(("tests", "docs", "results"))]


def test_a_new_folder_holds_the_workflow_of_the_installed_package(started):
    assert files(started) == of_checkout()


def test_nothing_in_a_folder_is_replaced(installed, started, tmp_path):
    (started / "config.yaml").write_text("study: mine\n")
    before = files(started)
    process = installed(started, "fewlabel", "init")
    assert process.returncode == 1 and "already holds Snakefile, config.yaml, config" in process.stderr
    other = tmp_path / "other"
    other.mkdir()
    (other / "profiles").symlink_to("nowhere")
    process = installed(tmp_path, "fewlabel", "init", "other")
    assert process.returncode == 1 and "already holds profiles;" in process.stderr
    assert files(started) == before and [path.name for path in other.iterdir()] == ["profiles"]


def test_a_checkout_copies_itself_without_its_package(tmp_path):
    process = preloaded.run("init", tmp_path / "new", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert files(tmp_path / "new") == of_checkout()


def test_commands_read_the_config_of_the_folder_and_then_that_of_the_package(installed, started, tmp_path):
    (tmp_path / "overlay.yaml").write_text("draws: 7\n")
    text = (started / "config.yaml").read_text().replace("study: demo", "study: own")
    (started / "config.yaml").write_text(text)
    process = installed(started, "fewlabel", "validate", "../overlay.yaml")
    assert "study: own" in process.stdout and "draws: 7" in process.stdout
    process = installed(tmp_path, "fewlabel", "validate", "overlay.yaml")
    assert "study: demo" in process.stdout and "draws: 7" in process.stdout


def test_a_study_runs_there_and_its_pages_are_made_from_the_wheel(installed, started, finished):
    assert (
        ROOT not in Path(installed(started, "python", "-c", "import fewlabel; print(fewlabel.__file__)").stdout).parents
    )
    finished.copy_to(started)
    options = ("--cores", "2", "--rerun-triggers", "mtime", "--configfile", "experiment.yaml")
    process = installed(started, "snakemake", *options, "--dry-run")
    assert process.returncode == 0 and "Nothing to be done" in process.stdout + process.stderr
    results = started / "results" / "tiny"
    pages = [results / name for name in ("index.html", "report.html", "explorer.html")]
    for page in pages:
        page.unlink()
    targets = [page.relative_to(started) for page in pages]
    process = installed(started, "snakemake", *targets, *options)
    assert process.returncode == 0, process.stdout + process.stderr
    assert all(page.stat().st_size > 0 for page in pages)
    # Another study begins there: volumes, split and draw.
    process = installed(started, "snakemake", ORDER.replace("tiny", "other"), *options, "--config", "study=other")
    assert process.returncode == 0, process.stdout + process.stderr
    assert (started / ORDER.replace("tiny", "other")).read_bytes() == (started / ORDER).read_bytes()


def test_an_installed_package_has_no_commit_and_makes_a_snapshot(installed, started):
    code = "from fewlabel.utils.environment import commit; from fewlabel.config.loading.workflow_files import PACKAGE"
    process = installed(started, "python", "-c", f"{code}; print(commit(PACKAGE))")
    assert process.stdout == "{}\n", process.stderr
    assert installed(started, "fewlabel", "--version").stdout.count("\n") == 1
    process = installed(started, "fewlabel", "snapshot", "../copy")
    assert process.returncode == 0, process.stderr
    copy = started.parent / "copy"
    assert of_checkout().items() <= files(copy).items()
    assert (copy / "workflow" / "fewlabel" / "cli" / "main.py").is_file()
