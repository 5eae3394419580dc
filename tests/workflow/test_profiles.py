"""Profiles differ in where a run takes place, and in nothing that decides what it makes."""

from pathlib import Path

import pytest
import yte

from fewlabel.operations.doctor.machine import Hardware
from fewlabel.operations.hooks.profiles import minutes_each

PROFILES = Path(__file__).parents[2] / "profiles"
CLUSTERS = ("slurm", "slurm-gres")
ON_GPUS = ("pretrain", "finetune", "evaluate")
SHARED = (
    "rerun-triggers",
    "max-checksum-file-size",
    "keep-going",
    "retries",
    "latency-wait",
    "show-failed-logs",
    "scheduler",
    "rerun-incomplete",
    "nolock",
)


def profile(name):
    return yte.process_yaml((PROFILES / name / "profile.yaml").read_text(), require_use_yte=True)


@pytest.mark.parametrize("name", sorted(folder.name for folder in PROFILES.iterdir()))
def test_what_makes_a_result_old_and_how_a_run_ends_is_the_same_in_all_profiles(name):
    assert {key: profile(name).get(key) for key in SHARED} == {key: profile("default")[key] for key in SHARED}


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Hardware(16, 16, total=64 * 10**9), 48_000),
        (Hardware(16, 16, free=10**9, total=64 * 10**9, limit=40 * 10**9), 30_000),  # a container or allocation
        (Hardware(8, 8, total=8 * 10**9), 16_000),
        (Hardware(8, 8), 16_000),  # no Linux
    ],
)
def test_jobs_may_ask_for_what_the_machine_has(monkeypatch, machine, expected):
    monkeypatch.setattr("fewlabel.operations.hooks.profiles.ask", lambda: machine)
    assert profile("default")["resources"] == [f"mem_mb={expected}"]
    assert profile("gpu")["resources"]["mem_mb"] == expected


def test_the_two_slurm_profiles_differ_in_how_they_ask_for_a_gpu_alone():
    gpu, gres = map(profile, CLUSTERS)
    for rule in ON_GPUS:
        asked = gres["set-resources"][rule]
        assert [asked.pop(key) for key in ("gpu", "gres")] == [0, "gpu:1"]
        # What keeps the trainings of one job apart must be a number.
        assert asked["one_by_one"] == gres["resources"]["one_by_one"] == 1
    assert gpu["set-resources"]["evaluate"].pop("gpu") == 1
    assert gpu["set-resources"]["pretrain"].pop("gpu") == gpu["resources"].pop("gpu") == 1
    assert gpu["set-resource-scopes"].pop("gpu") == "local"
    assert gpu == gres


@pytest.mark.parametrize("name", [*CLUSTERS, "gpu"])
def test_a_pretraining_takes_as_many_gpus_as_processes(name):
    text = (PROFILES / name / "profile.yaml").read_text()
    assert text.count("  gpus_per_pretraining: 1\n") == 1
    text = text.replace("  gpus_per_pretraining: 1\n", "  gpus_per_pretraining: 4\n").replace("gpu:1", "gpu:a100:1")
    several = yte.process_yaml(text, require_use_yte=True)
    asked = several["set-resources"]["pretrain"]
    assert asked["processes"] == 4
    assert asked["gres"] == "gpu:a100:4" if name == "slurm-gres" else asked["gpu"] == 4
    if name != "gpu":
        assert asked["mem_mb"] == "12000 * attempt" and asked["cpus_per_gpu"] == 1
        assert "gpu" not in several["set-resources"]["finetune"] or name == "slurm-gres"
        assert several["resources"]["one_by_one"] == 1  # finetunings of one job still follow one another
    if name == "slurm":
        assert several["resources"]["gpu"] == 4  # a lower limit of a job would lower its request


@pytest.mark.parametrize("graph", [True, False])
def test_steps_are_repeated_as_graphs_only_where_the_profile_says_so(graph):
    text = (PROFILES / "gpu" / "profile.yaml").read_text()
    assert text.count("  cuda_graph: false\n") == 1
    made = yte.process_yaml(
        text.replace("cuda_graph: false", f"cuda_graph: {str(graph).lower()}"), require_use_yte=True
    )
    assert made["resources"].get("cuda_graph") == (1 if graph else None)


@pytest.mark.parametrize("name", CLUSTERS)
def test_trainings_and_their_evaluations_alone_go_to_the_gpu_partition_and_are_warned_of_the_wall_time(name):
    rules = profile(name)["set-resources"]
    assert tuple(rules) == ON_GPUS
    assert all(rules[rule]["slurm_partition"] == "gpu" for rule in ON_GPUS)
    assert all("--signal=USR1@" in rules[rule]["slurm_extra"] for rule in ON_GPUS)


def test_an_account_is_named_to_slurm_only_where_one_is_set():
    text = (PROFILES / "slurm" / "profile.yaml").read_text()
    assert "slurm_account" not in profile("slurm")["default-resources"]
    named = yte.process_yaml(text.replace('account: ""', "account: lab"), require_use_yte=True)
    assert named["default-resources"]["slurm_account"] == "lab"


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_named_profile_is_not_overruled_by_that_of_this_machine(fresh, name):
    code, text = fresh.said("--dry-run", "--profile", PROFILES / name, here=())
    assert code == 0, text
    assert "Provided cores" not in text


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize(
    ("longest", "together", "minutes"), [(1440, 1, (1152, 288)), (1440, 50, (23, 5)), (60, 12, (4, 1))]
)
def test_finetunings_that_share_a_job_fit_into_its_time(name, longest, together, minutes):
    text = (
        (PROFILES / name / "profile.yaml")
        .read_text()
        .replace("finetunes_per_job: 1\n", f"finetunes_per_job: {together}\n")
    )
    packed = yte.process_yaml(text.replace("longest: 1440", f"longest: {longest}"), require_use_yte=True)
    finetuning, evaluation = minutes
    assert packed["set-resources"]["finetune"]["runtime"] == f"min(240 * attempt, {finetuning})"
    assert packed["set-resources"]["evaluate"]["runtime"] == f"min(60 * attempt, {evaluation})"
    assert packed["group-components"] == {"finetunes": together}
    assert together * sum(minutes) <= packed["resources"]["runtime"]


def test_finetunings_that_leave_each_other_no_time_are_refused_with_what_is_accepted():
    assert minutes_each(60, 12) == (4, 1)
    with pytest.raises(
        SystemExit, match=r"finetunes_per_job: 13 leaves each finetuning 4\.6 of the 60 minutes .* accepted: up to 12"
    ):
        minutes_each(60, 13)
