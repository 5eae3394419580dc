"""The profile for GPUs of this machine: on made GPUs as far as torch is not asked, and refused where there are none."""

import os

import pytest
import torch
import yte

from helpers.made_gpus import install, same
from helpers.studies import ROOT

PROFILE = ROOT / "profiles" / "gpu"
ONE_RUN = {"cohorts": {"prostate_phantom": None}, "labels": [1], "draws": 1}
WEIGHTS = "results/tiny/liver_phantom/finetuned/scratch/n1/draw1/weights.safetensors"

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def places(text):
    return yte.process_yaml(text, require_use_yte=True)["resources"]["gpu"]


@pytest.mark.parametrize(("visible", "slots", "expected"), [(None, 1, 4), (None, 3, 12), ("1,3", 2, 4), ("", 2, 0)])
def test_as_many_trainings_run_at_once_as_there_are_places(tmp_path, monkeypatch, visible, slots, expected):
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin', *same(4))}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = (PROFILE / "profile.yaml").read_text()
    assert text.count("  slots_per_gpu: 1\n") == 1
    assert places(text.replace("  slots_per_gpu: 1\n", f"  slots_per_gpu: {slots}\n")) == expected


def outcome(study, *arguments, **env):
    code, text = study.said(*arguments, change=ONE_RUN, here=(), env=env)
    assert "Traceback" not in text, text
    return code, text


@without_gpu
@pytest.mark.parametrize("made", [0, 2])
def test_without_a_gpu_that_torch_can_use_no_job_runs_and_the_next_step_is_told(fresh, made):
    env = {"PATH": f"{install(fresh.folder / 'bin', *same(made))}:{os.environ['PATH']}"}
    code, text = outcome(fresh, "--profile", PROFILE, **env)
    assert code == 1 and "Fetch and check" not in text
    assert "no GPU for trainings: torch" in text
    assert "use profiles/default (CPU)" in text and "fewlabel doctor" in text
    assert not fresh.results.exists()


def test_without_a_gpu_a_dry_run_is_allowed(fresh):
    code, text = outcome(fresh, "--profile", PROFILE, "--dry-run", CUDA_VISIBLE_DEVICES="")
    assert code == 0 and "pretrain" in text


def test_a_limit_of_no_gpus_is_refused_before_any_job(fresh):
    code, text = outcome(fresh, "--cores", "2", "--resources", "gpu=0")
    assert code == 1 and "Fetch and check" not in text
    assert "gpu=0: no training may take a GPU" in text and "profiles/default (CPU)" in text


def test_a_training_runs_under_the_profile_where_the_device_is_named(fresh):
    """On the CPU: the made GPUs are only counted."""
    env = {"PATH": f"{install(fresh.folder / 'bin', *same(2))}:{os.environ['PATH']}", "FEWLABEL_DEVICE": "cpu"}
    code, text = outcome(fresh, "--profile", PROFILE, WEIGHTS, **env)
    assert code == 0, text
    assert (fresh.folder / WEIGHTS).exists()
    assert "device: cpu" in (fresh.results / "logs/liver_phantom/finetune_scratch_n1_draw1.log").read_text()
