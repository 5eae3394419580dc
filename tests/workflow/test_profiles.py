"""Profiles differ in where a run takes place, and in nothing that decides what it makes."""

from pathlib import Path

import pytest
import yte

from fewlabel.operations.doctor.machine import Hardware
from fewlabel.operations.hooks.profiles import minutes_each

PROFILES = Path(__file__).parents[2] / "profiles"
CLUSTERS = ("slurm", "slurm-gres")
TRAININGS = ("pretrain", "finetune")
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
    for rule in TRAININGS:
        asked = gres["set-resources"][rule]
        assert [asked.pop(key) for key in ("gpu", "gres", "one_by_one")] == [0, "gpu:1", 1]
    # What keeps the trainings of one job apart must be a number.
    assert gpu["resources"].pop("gpu") == gres["resources"].pop("one_by_one") == 1
    assert (gpu.pop("set-resource-scopes"), gres.pop("set-resource-scopes")) == (
        {"gpu": "local"},
        {"one_by_one": "local"},
    )
    assert gpu == gres


@pytest.mark.parametrize("name", CLUSTERS)
def test_trainings_alone_go_to_the_gpu_partition_and_are_warned_of_the_wall_time(name):
    rules = profile(name)["set-resources"]
    assert tuple(rules) == TRAININGS
    assert all(rules[rule]["slurm_partition"] == "gpu" for rule in TRAININGS)
    assert all("--signal=USR1@" in rules[rule]["slurm_extra"] for rule in TRAININGS)


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
@pytest.mark.parametrize(("longest", "together", "minutes"), [(1440, 4, 360), (1440, 50, 28), (60, 12, 5)])
def test_finetunings_that_share_a_job_fit_into_its_time(name, longest, together, minutes):
    text = (
        (PROFILES / name / "profile.yaml")
        .read_text()
        .replace("finetunes_per_job: 1\n", f"finetunes_per_job: {together}\n")
    )
    packed = yte.process_yaml(text.replace("longest: 1440", f"longest: {longest}"), require_use_yte=True)
    assert packed["set-resources"]["finetune"]["runtime"] == f"min(240 * attempt, {minutes})"
    assert packed["group-components"] == {"finetunes": together}
    assert together * minutes <= packed["resources"]["runtime"]


def test_finetunings_that_leave_each_other_no_time_are_refused_with_what_is_accepted():
    assert minutes_each(60, 12) == 5
    with pytest.raises(
        SystemExit, match=r"finetunes_per_job: 13 leaves each finetuning 4\.6 of the 60 minutes .* accepted: up to 12"
    ):
        minutes_each(60, 13)
