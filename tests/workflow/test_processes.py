"""A pretraining of the workflow in several processes, as profiles ask for it."""

import json

PRETRAINED = "liver_phantom/pretrained/contrastive"


def test_a_profile_gives_a_pretraining_several_processes_and_the_command_that_starts_them(fresh):
    asked = ("--set-resources", "pretrain:processes=2", "pretrain:launcher='env FEWLABEL_CUDA_GRAPH=$((0+0))'")
    target = f"results/tiny/{PRETRAINED}/weights.safetensors"
    code, text = fresh.said(
        target, *asked, change={"cohorts": {"prostate_phantom": None}}, env={"FEWLABEL_DEVICE": "cpu"}
    )
    assert code == 0, text
    assert json.loads((fresh.results / PRETRAINED / "run.json").read_text())["processes"] == 2
    # It is no setting of the experiment: with another number, the result is not made again.
    code, text = fresh.said("--dry-run", target, change={"cohorts": {"prostate_phantom": None}})
    assert code == 0 and "Nothing to be done" in text


def test_a_batch_that_does_not_fit_the_processes_ends_the_job_with_the_remedy(fresh):
    asked = ("--set-resources", "pretrain:processes=3", "--retries", "0")
    target = f"results/tiny/{PRETRAINED}/weights.safetensors"
    code, text = fresh.said(
        target, *asked, change={"cohorts": {"prostate_phantom": None}}, env={"FEWLABEL_DEVICE": "cpu"}
    )
    assert code == 1 and "Traceback" not in text
    assert (
        "method.global_stage.batch: 8 slices cannot be shared equally by 3 processes; accepted: a multiple of 3" in text
    )
