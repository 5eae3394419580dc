"""Profiles for clusters that are not here: read by the plugins' own parsers, planned, and run by stand-ins."""

import shlex

import pytest
from snakemake.cli import parse_args
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from helpers.programs import needs
from helpers.studies import ROOT

PROFILES = ROOT / "profiles"
OTHERS = ("cluster-generic", "kubernetes")
ONE_RUN = {"cohorts": {"prostate_phantom": None}, "labels": [1], "draws": 1}
WEIGHTS = "results/tiny/liver_phantom/finetuned/regression/n1/draw1/weights.safetensors"


def settings(name):
    """What the plugin makes of its profile."""
    _, arguments = parse_args(["--snakefile", str(ROOT / "Snakefile"), "--profile", str(PROFILES / name)])
    assert arguments.executor == name
    return ExecutorPluginRegistry().get_plugin(name).get_settings(arguments), arguments


def test_the_plugin_for_kubernetes_understands_its_profile():
    found, arguments = settings("kubernetes")
    assert (found.namespace, [volume.unparse() for volume in found.persistent_volumes]) == (
        "default",
        ["fewlabel:/mnt/fewlabel"],
    )
    assert arguments.default_storage_prefix == "/mnt/fewlabel"
    # A GPU without its make, or without a limit, would be refused: by the plugin, or by Kubernetes.
    for rule in ("pretrain", "finetune"):
        asked = {name: resource.raw for name, resource in arguments.set_resources[rule].items()}
        assert (asked["gpu_manufacturer"], asked["scale"]) == ("nvidia", 0)


def test_the_plugin_for_submit_commands_understands_its_profile():
    found, _ = settings("cluster-generic")
    assert shlex.split(found.submit_cmd)[0] == found.cancel_cmd.replace("qdel", "qsub") == "qsub"
    assert found.status_cmd is None


@pytest.mark.parametrize("name", OTHERS)
def test_the_whole_grid_is_planned_with_one_gpu_for_each_training(fresh, name):
    code, text = fresh.said("--dry-run", "--profile", PROFILES / name, change=ONE_RUN, here=())
    assert code == 0, text
    for job in text.split("\n\n"):
        rule = job.partition("rule ")[2].partition(":")[0]
        if "resources:" in job and rule:
            asks = {part.strip() for part in job.partition("resources:")[2].partition("\n")[0].split(",")}
            assert ("gpu=1" in asks) is (rule in ("pretrain", "finetune")), job


@pytest.mark.parametrize("name", [*OTHERS, "slurm", "slurm-gres"])
def test_a_missing_plugin_is_told_with_how_to_install_it(fresh, name):
    text = (PROFILES / name / "profile.yaml").read_text()
    (fresh.folder / "mine").mkdir()
    (fresh.folder / "mine" / "profile.yaml").write_text(text.replace("snakemake_executor_plugin", "absent_plugin"))
    code, said = fresh.said("--dry-run", "--profile", fresh.folder / "mine", here=())
    assert code == 1 and "usage:" not in said and "Traceback" not in said
    plugin = f"absent-plugin-{name.removesuffix('-gres')}"
    assert f"profiles/{name} needs {plugin}, not installed here" in said and "profiles/default" in said
    # The same in a checkout and where FewLabel was installed.
    assert f"pip install --constraint envs/constraints.txt {plugin}\n" in said


SUBMIT = """#!/bin/sh
# Runs the job's script at once, beside the submission, and prints an id; keeps what was asked for.
asked=$1; script=$2
echo "$asked" >> "$(dirname "$0")/asked.txt"
nohup sh "$script" > "$(dirname "$0")/output.txt" 2>&1 < /dev/null &
echo $!
"""


def test_a_study_is_trained_by_a_submit_command(fresh):
    submit = fresh.folder / "submit.sh"
    submit.write_text(SUBMIT)
    submit.chmod(0o755)
    asks = f"{submit} {{rule}}:{{threads}}:{{resources.mem_mb}}:{{resources.runtime}}:{{resources.gpu}}"
    code, text = fresh.said(
        *("--profile", PROFILES / "cluster-generic", "--cluster-generic-submit-cmd", asks, WEIGHTS),
        change=ONE_RUN,
        here=(),
        env={"FEWLABEL_DEVICE": "cpu"},
    )
    assert code == 0, text
    assert (fresh.folder / WEIGHTS).exists()
    asked = {line.partition(":")[0]: line.split(":")[1:] for line in (fresh.folder / "asked.txt").read_text().split()}
    # A finetuning is a group, with its evaluation.
    assert asked["GROUP"] == ["1", "3000", "240", "1"] and asked["prepare"][-1] == "0"
    assert set(asked) == {"fetch", "prepare", "pretrain", "GROUP"}  # what takes a second runs here


@needs("rsync")  # the storage plugin `fs` copies by it
def test_a_run_is_trained_and_scored_where_nothing_but_a_storage_is_shared(fresh):
    """As on Kubernetes, but here: what a job does not declare as its input, it does not find."""
    storage = fresh.folder / "storage"
    storage.mkdir()
    scores = WEIGHTS.replace("weights.safetensors", "scores.csv")
    where = ("--default-storage-provider", "fs", "--default-storage-prefix", storage, "--latency-wait", "3")
    process = fresh.run(*where, scores, change=ONE_RUN)
    assert process.returncode == 0, process.stdout + process.stderr
    assert (storage / scores).exists() and (storage / WEIGHTS).exists()
    assert not (fresh.folder / WEIGHTS).exists()
