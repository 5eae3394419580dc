"""What a profile names, written in any of the ways that Snakemake reads."""

from pathlib import Path

import pytest

from fewlabel.operations.doctor import profile
from fewlabel.utils.errors import InputError

ROOT = Path(__file__).parents[3]

TEMPLATE = """
__use_yte__: true
__variables__:
  account: "{account}"
  gpu_partition: fast
executor: slurm
slurm-status-command: squeue
default-resources:
  slurm_partition: slow
  ?if account:
    slurm_account: ?account
set-resources:
  pretrain:
    slurm_partition: ?gpu_partition
  finetune:
    slurm_partition: ?gpu_partition
    gpu: 0
    gres: gpu:1
resources: {{gpu: 1}}
"""


def written(folder, text, name="profile.yaml"):
    (folder / name).write_text(text)
    return profile.read(folder)


def test_templates_are_filled_in_as_snakemake_does(tmp_path):
    found = written(tmp_path, TEMPLATE.format(account="lab"))
    assert found.executor == "slurm" and found.status_command == "squeue"
    assert found.partitions == {"slow", "fast"} and found.gpu_partitions == {"fast"}
    assert found.accounts == {"lab"}
    assert written(tmp_path, TEMPLATE.format(account="")).accounts == frozenset()


def test_lists_say_the_same_as_mappings(tmp_path):
    text = """
executor: slurm
default-resources: ["slurm_partition=slow", "slurm_account=lab"]
set-resources: ["pretrain:slurm_partition=fast", "pretrain:mem_mb=5000", "finetune:slurm_partition=fast"]
"""
    found = written(tmp_path, text, "config.yaml")
    assert found.partitions == {"slow", "fast"} and found.gpu_partitions == {"fast"} and found.accounts == {"lab"}


def test_trainings_without_a_gpu_need_no_partition_with_gpus(tmp_path):
    text = "executor: slurm\ndefault-resources: {slurm_partition: slow}\nset-resources:\n"
    text += "  pretrain: {gpu: 0}\n  finetune: {gpu: 0}\n"
    assert written(tmp_path, text).gpu_partitions == frozenset()


def test_gpus_and_software_of_a_local_profile(tmp_path):
    found = written(tmp_path, "resources: [gpu=2, mem_mb=100]\nsoftware-deployment-method: [conda, apptainer]\n")
    assert (found.executor, found.gpus, found.software) == ("local", 2, {"conda", "apptainer"})
    assert written(tmp_path, "sdm: apptainer\n").software == {"apptainer"}


def test_the_profile_of_this_machine_needs_nothing():
    found = profile.read(ROOT / "profiles" / "default")
    assert (found.executor, found.gpus, found.partitions, found.software) == ("local", None, frozenset(), frozenset())


def test_what_a_profile_needs_is_read_where_it_is_not_installed(tmp_path):
    text = (ROOT / "profiles" / "kubernetes" / "profile.yaml").read_text()
    found = written(tmp_path, text.replace("snakemake_executor_plugin_kubernetes", "absent_plugin"))
    assert (found.executor, found.storage) == ("kubernetes", "fs")
    assert profile.read(ROOT / "profiles" / "cluster-generic").programs == ("qsub", "qdel")


def test_gpus_that_a_profile_counts_are_wanted_even_where_there_are_none(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert profile.read(ROOT / "profiles" / "gpu").gpus == 0


def test_a_folder_without_a_profile_is_refused_with_what_is_accepted(tmp_path):
    with pytest.raises(InputError, match="no profile; accepted: a folder with"):
        profile.read(tmp_path)
    with pytest.raises(InputError, match="cannot be read as a profile"):
        written(tmp_path, "executor: [")
    with pytest.raises(InputError, match="cannot be read as a profile"):
        written(tmp_path, "__use_yte__: true\nexecutor: ?unknown_variable\n")
