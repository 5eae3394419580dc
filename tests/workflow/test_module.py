"""The workflow at the place of the catalog, deployed to another folder, and as a module of another workflow."""

import re
import shutil
import subprocess

import pytest
import yaml

from helpers import preloaded
from helpers.studies import ROOT, TINY, merged

SNAKEFILE = ROOT / "workflow" / "Snakefile"
SMALL = merged(TINY, {"labels": [1], "draws": 1})
ORDER = "results/tiny/liver_phantom/splits/draw1.csv"

# What snakedeploy writes, with the workflow on this disk.
DEPLOYED = f"""
configfile: "config/config.yaml"

module fewlabel:
    snakefile: "{SNAKEFILE}"
    config: config

use rule * from fewlabel
"""

IMPORTING = f"""
configfile: "config.yaml"

rule mine:
    input: "{ORDER}"
    output: "mine.txt"
    shell: "wc -l < {{input}} > {{output}}"

module fewlabel:
    snakefile: "{SNAKEFILE}"
    config: config["fewlabel"]

use rule * from fewlabel as fewlabel_*

onstart:
    fewlabel.onstart()
onsuccess:
    fewlabel.onsuccess()
onerror:
    fewlabel.onerror()
"""


def workflow(folder, snakefile, text, settings):
    """Write another workflow: its Snakefile and its configuration (a file, and what it holds)."""
    name, content = settings
    for path, written in ((folder / snakefile, text), (folder / name, yaml.safe_dump(content))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written)
    return folder


def run(folder, *arguments):
    process = preloaded.run("--cores", "2", *arguments, program="snakemake", cwd=folder)
    return process.returncode, process.stdout + process.stderr


def planned(folder, *arguments):
    """The planned jobs: rules with how often."""
    code, text = run(folder, "--dry-run", *arguments)
    assert code == 0, text
    rows = [line.split() for line in text.partition("Job stats:")[2].splitlines()[3:]]
    return {row[0]: int(row[1]) for row in rows[: rows.index([])]}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The jobs of the same study in the workflow itself, with the name of its target taken out."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(SMALL))
    jobs = planned(folder, "--snakefile", ROOT / "Snakefile", "--configfile", "experiment.yaml")
    assert jobs.pop("all") == 1
    return jobs


def test_both_snakefiles_are_the_same_but_for_paths():
    here, there = (ROOT / "Snakefile").read_text(), SNAKEFILE.read_text()
    assert here[here.index("\nRESULTS") :].replace('"workflow/rules/', '"rules/') == there[there.index("\nRESULTS") :]


def test_the_snakefile_of_the_catalog_makes_the_same(own, tmp_path):
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(SMALL))
    jobs = planned(tmp_path, "--snakefile", SNAKEFILE, "--configfile", "experiment.yaml")
    assert jobs.pop("all") == 1 and jobs == own


def test_a_deployed_folder_makes_the_same_without_naming_a_target(own, tmp_path):
    folder = workflow(tmp_path, "workflow/Snakefile", DEPLOYED, ("config/config.yaml", SMALL))
    jobs = planned(folder)
    assert jobs.pop("all") == 1 and jobs == own


def test_an_importing_workflow_keeps_its_own_target_and_may_rename_rules(own, tmp_path):
    folder = workflow(tmp_path, "Snakefile", IMPORTING, ("config.yaml", {"fewlabel": SMALL, "mine": 1}))
    jobs = planned(folder, "fewlabel_all")
    assert jobs.pop("fewlabel_all") == 1
    assert jobs == {"total": own["total"]} | {f"fewlabel_{rule}": n for rule, n in own.items() if rule != "total"}
    code, text = run(folder)
    assert code == 0, text
    assert int((folder / "mine.txt").read_text()) > 1
    # Rules that are local stay so by their new names, and the hooks that it calls are those of FewLabel.
    assert "localrules directive" not in text
    assert re.search(r"jobs: (\d+) of \1 done", text) and not list(folder.glob("results/tiny/.running*.holder"))


def test_a_study_made_by_an_importing_workflow_is_finished_for_the_workflow_itself(finished, tmp_path):
    study = finished.copy_to(tmp_path)
    workflow(tmp_path, "Snakefile", DEPLOYED, ("config/config.yaml", TINY))
    jobs, text = study.planned()
    assert jobs == {}, text
    assert "Nothing to be done" in run(tmp_path)[1]


def test_two_studies_run_in_one_workflow(tmp_path):
    second = IMPORTING.replace("module fewlabel", "module other").replace(
        "from fewlabel as fewlabel_", "from other as other_"
    )
    second = second[second.index("module other") : second.index("onstart")].replace(
        'config["fewlabel"]', 'config["other"]'
    )
    settings = {"fewlabel": SMALL, "other": merged(SMALL, {"study": "second"})}
    folder = workflow(tmp_path, "Snakefile", IMPORTING + second, ("config.yaml", settings))
    jobs = planned(folder, ORDER, ORDER.replace("tiny", "second"))
    assert jobs["fewlabel_draw"] == jobs["other_draw"] == 1


def test_errors_of_the_modules_settings_are_told_without_a_traceback(tmp_path):
    folder = workflow(tmp_path, "workflow/Snakefile", DEPLOYED, ("config/config.yaml", {"studie": "x"}))
    code, text = run(folder, "--dry-run")
    assert code == 1 and "Traceback" not in text
    assert "config/config.yaml:1: studie: unknown key; did you mean 'study'?" in text


def test_another_place_for_results_is_refused(tmp_path):
    text = DEPLOYED.replace("    config: config", '    config: config\n    prefix: "elsewhere"')
    folder = workflow(tmp_path, "workflow/Snakefile", text, ("config/config.yaml", SMALL))
    code, text = run(folder, "--dry-run")
    assert code == 1 and "Traceback" not in text and "`prefix` and `replace_prefix` are not supported" in text


def test_the_workflow_is_imported_from_a_remote_repository(own, tmp_path):
    """As snakedeploy writes it: each file is fetched from a commit, and the rest comes from the installed package."""
    repository = tmp_path / "repository"
    left_out = shutil.ignore_patterns("fewlabel", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "workflow", repository / "workflow", ignore=left_out)
    author = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", "-C", repository, *words], check=True)
    source = f'gitfile("{repository}", path="workflow/Snakefile", ref="HEAD")'
    text = DEPLOYED.replace(f'"{SNAKEFILE}"', source)
    folder = workflow(tmp_path, "workflow/Snakefile", text, ("config/config.yaml", SMALL))
    jobs = planned(folder)
    assert jobs.pop("all") == 1 and jobs == own
