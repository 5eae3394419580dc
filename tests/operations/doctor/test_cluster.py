"""Programs, plugins, partitions and accounts that a profile names."""

from dataclasses import replace

import pytest

from fewlabel.operations.doctor import programs as commands
from fewlabel.operations.doctor import slurm
from fewlabel.operations.doctor.profile import Profile
from fewlabel.operations.doctor.slurm import Partition, Slurm

ALL = frozenset({"sbatch", "scontrol", "scancel", "squeue", "srun", "conda", "apptainer"})
PROFILE = Profile(
    "profiles/slurm",
    "slurm",
    frozenset({"cpu", "gpu"}),
    frozenset({"gpu"}),
    frozenset({"lab"}),
    status_command="squeue",
)
CLUSTER = Slurm((Partition("cpu", True, False), Partition("gpu", True, True)), frozenset({"lab"}), True, True)


def programs(profile, present, on_node=False):
    (finding,) = commands.findings(profile, present, on_node)
    return finding


def test_the_programs_of_a_profile_are_asked_for_and_no_others():
    assert programs(PROFILE, ALL).status == "ok"
    missing = programs(PROFILE, ALL - {"sbatch", "squeue"})
    assert missing.status == "problem" and missing.text.startswith("sbatch, squeue: not in PATH")
    assert "login node" in missing.todo
    assert programs(replace(PROFILE, status_command="sacct"), ALL).status == "problem"
    assert programs(Profile("profiles/default"), frozenset()).status == "ok"


def test_a_node_needs_none_of_the_programs_that_submit():
    assert programs(PROFILE, {"srun"}, on_node=True).status == "ok"


def test_the_ways_to_software_need_their_programs():
    both = commands.findings(Profile("mine", software=frozenset({"conda", "apptainer"})), frozenset(), False)
    assert [finding.status for finding in both] == ["problem", "problem"]
    assert "--sdm apptainer" in both[0].todo and "--sdm conda" in both[1].todo


def test_a_storage_and_a_submit_command_need_their_programs():
    finding = programs(Profile("profiles/kubernetes", "kubernetes", storage="fs"), {"kubectl"})
    assert finding.status == "problem" and finding.text.startswith("rsync: not in PATH")
    assert "apt-get install rsync" in finding.todo and "image" in finding.todo
    of_pbs = Profile("profiles/cluster-generic", "cluster-generic", programs=("qsub", "qdel"))
    assert programs(of_pbs, {"qsub"}).text.startswith("qdel: not in PATH")
    assert programs(of_pbs, {"qsub", "qdel"}).status == "ok"


def test_programs_are_looked_for_in_path(tmp_path, monkeypatch):
    (tmp_path / "singularity").write_text("#!/bin/sh\n")
    (tmp_path / "singularity").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands.available(["apptainer", "sbatch"]) == {"apptainer"}  # by its old name


def test_an_image_is_asked_for_where_a_profile_runs_jobs_in_one(tmp_path):
    profile, image = Profile("mine", software=frozenset({"apptainer"})), tmp_path / "fewlabel.sif"
    assert commands.image_findings(Profile("mine"), image) == []
    assert "apptainer build" in commands.image_findings(profile, image)[0].todo
    image.touch()
    assert commands.image_findings(profile, image)[0].status == "ok"


def test_a_missing_plugin_is_told_with_the_command_that_brings_it():
    profiles = [Profile("profiles/default"), Profile("mine", "no-such-executor")]
    pins = {"snakemake-executor-plugin-no-such-executor": "1.2"}
    (chosen,) = commands.plugin_findings(profiles, True, pins)
    assert chosen.status == "problem" and "snakemake-executor-plugin-no-such-executor==1.2" in chosen.todo
    (other,) = commands.plugin_findings(profiles, False, {})
    assert other.status == "note" and "==" not in other.todo
    assert commands.plugin_findings(profiles[:1], True, {})[0].status == "ok"
    (stored,) = commands.plugin_findings([Profile("mine", storage="no-such-storage")], True, {})
    assert stored.status == "problem" and "snakemake-storage-plugin-no-such-storage" in stored.todo


def findings(cluster, profile=PROFILE):
    return {finding.check: finding for finding in slurm.findings(cluster, profile)}


def test_a_fitting_cluster_is_fine():
    assert {finding.status for finding in findings(CLUSTER).values()} == {"ok"}


def test_an_unknown_partition_is_told_with_those_that_exist():
    finding = findings(CLUSTER, replace(PROFILE, partitions=frozenset({"gpus"})))["partitions"]
    assert finding.status == "problem"
    assert (
        "no partition 'gpus'; accepted: cpu, gpu; did you mean gpu?" in finding.text
        and "profiles/slurm" in finding.todo
    )


def test_trainings_in_a_partition_without_gpus_are_told_where_gpus_are():
    finding = findings(CLUSTER, replace(PROFILE, gpu_partitions=frozenset({"cpu"})))["partitions"]
    assert finding.status == "problem" and "with GPUs: gpu" in finding.text


def test_a_partition_that_is_down_is_a_note():
    down = replace(CLUSTER, partitions=(Partition("cpu", False, False), Partition("gpu", True, True)))
    assert findings(down)["partitions"].status == "note"


@pytest.mark.parametrize(
    ("asked", "yours", "enforced", "status", "words"),
    [
        ({"other"}, {"lab"}, True, "problem", "other: not one of your accounts; accepted: lab"),
        ({"other"}, set(), True, "problem", "accepted: none"),
        ({"other"}, set(), False, "ok", "other"),  # a cluster that keeps no accounts takes any
        (set(), set(), True, "problem", "requires an account, and you have none"),
        (set(), {"a", "b"}, True, "note", "your default, one of: a, b"),
        (set(), {"a"}, True, "ok", "your default (a)"),
        (set(), set(), False, "ok", "none needed"),
        (set(), None, True, "note", "does not answer"),
    ],
)
def test_accounts(asked, yours, enforced, status, words):
    accounts = None if yours is None else frozenset(yours)
    cluster = replace(CLUSTER, accounts=accounts, enforced=enforced)
    finding = findings(cluster, replace(PROFILE, accounts=frozenset(asked)))["account"]
    assert finding.status == status and words in finding.text


def test_states_by_sacct_need_an_accounting():
    profile = replace(PROFILE, status_command="sacct")
    assert findings(replace(CLUSTER, accounting=False), profile)["job states"].status == "problem"
    assert "job states" not in findings(CLUSTER, profile)


def test_a_cluster_that_does_not_answer_is_a_problem():
    assert findings(Slurm(None, None))["partitions"].status == "problem"


def test_the_words_of_slurm_are_read():
    text = "cpu|up|(null)\ngpu|up|gpu:a100:2(S:0-1)\ngpu|up|(null)\nold|inact|(null)\n"
    assert slurm.partitions_of(text) == (
        Partition("cpu", True, False), Partition("gpu", True, True), Partition("old", False, False)
    )  # fmt: skip
    config = slurm.config_of(
        "AccountingStorageEnforce = associations,limits\nAccountingStorageType   = accounting_storage/none\n"
    )
    assert config == {
        "AccountingStorageEnforce": "associations,limits", "AccountingStorageType": "accounting_storage/none"
    }  # fmt: skip


def test_stand_ins_for_slurms_commands_are_asked(tmp_path, monkeypatch):
    for name, answer in {
        "sinfo": "gpu|up|gpu:2", "sacctmgr": "lab", "scontrol": "AccountingStorageEnforce = associations"
    }.items():  # fmt: skip
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert slurm.ask() == Slurm((Partition("gpu", True, True),), frozenset({"lab"}), True, None)
