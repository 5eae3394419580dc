"""What the cluster would refuse is told before anything is submitted, with what to do."""

import shutil

import pytest

from helpers.slurm_shims import install, submitted
from helpers.slurm_studies import PROFILE, jobs
from helpers.studies import ROOT

SLURM_PROFILES = ("slurm", "slurm-gres")


def changed(folder, old, new, name="slurm"):
    """A copy of a profile with another entry."""
    text = (ROOT / "profiles" / name / "profile.yaml").read_text()
    assert text.count(f"  {old}\n") == 1
    (folder / "mine").mkdir()
    (folder / "mine" / "profile.yaml").write_text(text.replace(f"  {old}\n", f"  {new}\n"))
    return folder / "mine"


def refused(study, profile, env):
    """What Snakemake says; nothing may have been made."""
    code, text = study.said("--profile", profile, here=(), env=env)
    assert code == 1 and not any(study.results.rglob("subjects.csv"))
    return text


@pytest.mark.parametrize("name", SLURM_PROFILES)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gpu_partition: gpu", "gpu_partition: gpus", "no partition 'gpus'; accepted: cpu, gpu, urgent; did you mean"),
        ("gpu_partition: gpu", "gpu_partition: cpu", "whose nodes declare none; partitions with GPUs: gpu, urgent"),
    ],
)  # fmt: skip
def test_a_partition_that_does_not_fit_is_told_with_those_that_do(slurm, fresh, name, old, new, said):
    output = refused(fresh, changed(fresh.folder, old, new, name), slurm.env)
    assert said in output and "set it at the top of" in output and "Traceback" not in output
    assert not jobs(slurm, fresh)


CLUSTER = {"sinfo": "cpu|up|(null)\ngpu|up|gpu:1", "scontrol": "AccountingStorageEnforce = associations"}


def answering(folder, **answers):
    """Variables of a run that finds stand-ins for Slurm's commands, which answer so; and their folder."""
    commands = install(folder / "bin")
    for name, answer in answers.items():
        (commands / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
    return {"PATH": f"{commands}:/usr/bin:/bin", "FEWLABEL_SHIMS": str(commands)}, commands


def test_no_account_where_one_is_needed_is_told_before_anything_is_submitted(fresh):
    env, commands = answering(fresh.folder, **CLUSTER, sacctmgr="")
    assert "the cluster requires an account, and you have none; to fix: request one" in refused(fresh, PROFILE, env)
    assert not (commands / "submitted.jsonl").exists() or not submitted(commands)


def test_an_account_that_is_not_yours_is_told_with_those_that_are(fresh):
    env, _ = answering(fresh.folder, **CLUSTER, sacctmgr="lab")
    text = refused(fresh, changed(fresh.folder, 'account: ""', "account: other"), env)
    assert "other: not one of your accounts; accepted: lab; to fix: set `account` at the top of" in text


def test_a_machine_without_slurm_is_told_where_to_start(fresh):
    tools = fresh.folder / "bin"
    tools.mkdir()
    for name in ("sh", "env", "git", "which"):
        (tools / name).symlink_to(shutil.which(name))
    text = refused(fresh, PROFILE, {"PATH": str(tools)})
    assert "`sbatch` is not in PATH; to fix: run Snakemake on a login node" in text
