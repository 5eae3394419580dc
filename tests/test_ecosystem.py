"""Files that other services read: valid by their schemas, and saying the same as pyproject.toml and the pins."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
SCHEMAS = {
    "github-workflows": sorted((GITHUB / "workflows").glob("*.yml")),
    "github-issue-forms": sorted(
        set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
    ),
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE/config.yml"],
    "dependabot": [GITHUB / "dependabot.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def check(schema, *files):
    """What an independent checker says, by a schema that it brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_of_github_and_the_citation_are_valid(schema):
    assert SCHEMAS[schema]
    process = check(schema, *SCHEMAS[schema])
    assert process.returncode == 0, process.stdout


def test_the_checker_sees_a_wrong_file(tmp_path):
    (tmp_path / "ci.yml").write_text("on: push\njobs: {lint: {steps: []}}\n")
    assert check("github-workflows", tmp_path / "ci.yml").returncode == 1


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


@pytest.fixture(scope="module")
def codemeta():
    return json.loads((ROOT / "codemeta.json").read_text())


@pytest.fixture(scope="module")
def pixi():
    return tomllib.loads((ROOT / "pixi.toml").read_text())


def test_citation_codemeta_and_package_describe_one_software(project, citation, codemeta):
    assert citation["version"] == codemeta["version"] == project["version"]
    assert citation["abstract"] == codemeta["description"] == project["description"]
    assert citation["keywords"] == codemeta["keywords"] == project["keywords"]
    assert citation["license"] == project["license"] == codemeta["license"].rpartition("/")[2]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in codemeta["author"]]
    assert citation["title"].startswith(f"{codemeta['name']}:") and codemeta["name"].lower() == project["name"]
    (paper,), (article,) = citation["references"], codemeta["referencePublication"]
    assert article["name"] == paper["title"] and article["id"] == f"https://doi.org/{paper['doi']}"


def test_no_identifier_is_claimed_that_the_software_does_not_have(citation, codemeta):
    assert not {"doi", "identifiers", "repository-code", "url"} & citation.keys()
    assert not {"identifier", "codeRepository", "url"} & codemeta.keys()


def test_supported_versions_of_python_are_the_same_everywhere(project, codemeta, pixi):
    supported = SpecifierSet(project["requires-python"])
    first, last = (text.strip() for text in codemeta["runtimePlatform"].removeprefix("Python ").split(" to "))
    assert supported.contains(f"{first}.99") and supported.contains(f"{last}.0")
    assert not supported.contains("3.10.99") and not supported.contains(f"3.{int(last.partition('.')[2]) + 1}.0")
    assert supported.contains(pixi["dependencies"]["python"].replace("*", "99"))
    jobs = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text())["jobs"]
    assert set(jobs["tests"]["strategy"]["matrix"]["python"]) == {first, last}


def test_pixi_has_every_declared_library_in_the_pinned_version(project, pixi):
    lines = (ROOT / "envs/constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in map(Requirement, lines)}
    declared = [canonicalize_name(Requirement(text).name) for text in project["dependencies"]]
    listed = dict(pixi["pypi-dependencies"])
    assert listed.pop("fewlabel") == {"path": ".", "editable": True}
    assert listed == {name: pins[name] for name in declared}


def test_the_image_of_the_kubernetes_profile_has_this_version(project):
    assert f"/fewlabel:{project['version']}\n" in (ROOT / "profiles/kubernetes/profile.yaml").read_text()


def test_the_catalog_finds_what_a_standardised_workflow_has():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment", "report"} == usage.keys()
    assert isinstance(usage["mandatory-flags"]["flags"], list)
    assert (ROOT / "workflow/Snakefile").is_file() and (ROOT / "config/README.md").is_file()
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme


def test_continuous_integration_calls_what_there_is():
    """Targets of make, files and folders that its commands name."""
    targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    jobs = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text())["jobs"]
    lines = [line for job in jobs.values() for step in job["steps"] for line in step.get("run", "").splitlines()]
    called = [line.split()[1].replace(".venv", "$(VENV)") for line in lines if line.startswith("make ")]
    assert len(called) >= 3 and set(called) <= targets
    named = {word for line in lines for word in line.split() if word.startswith((".github/", "envs/"))}
    assert named and all((ROOT / name).is_file() for name in named)


def test_no_file_here_names_the_host_of_a_registry():
    for file in [*GITHUB.rglob("*"), ROOT / "pixi.toml", ROOT / "codemeta.json", ROOT / "CITATION.cff"]:
        if file.is_file():
            assert not any(
                host in file.read_text() for host in ("pypi.", "pythonhosted", "download.pytorch", "docker.io")
            )
