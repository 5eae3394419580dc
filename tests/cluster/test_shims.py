"""What the Slurm profiles submit, by stand-ins for the commands of Slurm: runs anywhere, in seconds."""

import json

from helpers.slurm_shims import install, submitted
from helpers.studies import ROOT

CHANGE = {"cohorts": {"prostate_phantom": None}, "labels": [1], "draws": 1}
FINETUNE, PAIR = "finetunes_finetune", "finetunes_evaluate_finetune"
TARGET = "results/tiny/liver_phantom/finetuned/{}/weights.safetensors"
SCORES = "results/tiny/liver_phantom/finetuned/{}/scores.csv"


def submit(study, profile, target, **env):
    """Run a target through a profile; what was submitted, by rule and in order."""
    commands = install(study.folder / "bin")
    code, text = study.said(
        *("--profile", profile, "--slurm-init-seconds-before-status-checks", "1", target),
        change=CHANGE,
        here=(),
        env={"PATH": f"{commands}:/usr/bin:/bin", "FEWLABEL_SHIMS": str(commands), "FEWLABEL_DEVICE": "cpu", **env},
    )
    assert code == 0, text
    jobs = {}
    for job in submitted(commands):
        jobs.setdefault(job["comment"].removeprefix("rule_").partition("_wildcards_")[0], []).append(job)
    return jobs


def test_trainings_ask_for_one_gpu_and_a_failed_one_for_more_memory_and_time(fresh):
    jobs = submit(
        fresh, ROOT / "profiles" / "slurm", TARGET.format("regression/n1/draw1"), FEWLABEL_SHIM_FAILS=f"rule_{FINETUNE}"
    )
    assert {rule: len(several) for rule, several in jobs.items()} == {
        "fetch": 1,
        "prepare": 1,
        "pretrain": 1,
        FINETUNE: 2,
    }
    for rule, several in jobs.items():
        training = rule in ("pretrain", FINETUNE)
        for job in several:
            assert (job["gpus"], job["partition"]) == (("1", "gpu") if training else (None, "cpu"))
            assert job["signal"] == ("USR1@90" if training else None)
            assert job["requeue"] and job["account"] is None and job["gres"] is None
    assert [(job["mem"], job["time"]) for job in jobs[FINETUNE]] == [("3000", "240"), ("6000", "480")]


def test_what_stands_on_top_of_the_profile_is_what_is_asked_for(fresh):
    text = (ROOT / "profiles" / "slurm-gres" / "profile.yaml").read_text()
    for old, new in {
        'account: ""': "account: lab",
        "cpu_partition: cpu": "cpu_partition: batch",
        "gpu_partition: gpu": "gpu_partition: long",
        "gres: gpu:1": "gres: gpu:a100:1",
        "most_memory: 128000": "most_memory: 2500",
        "longest: 1440": "longest: 100",
    }.items():
        assert text.count(f"  {old}\n") == 1
        text = text.replace(f"  {old}\n", f"  {new}\n")
    (fresh.folder / "mine").mkdir()
    (fresh.folder / "mine" / "profile.yaml").write_text(text)
    jobs = submit(fresh, fresh.folder / "mine", TARGET.format("scratch/n1/draw1"))
    assert {job["account"] for several in jobs.values() for job in several} == {"lab"}
    (prepare,), (finetune,) = jobs["prepare"], jobs[FINETUNE]
    assert (prepare["partition"], prepare["gres"]) == ("batch", None)
    assert (finetune["partition"], finetune["gres"], finetune["gpus"]) == ("long", "gpu:a100:1", None)
    assert (finetune["mem"], finetune["time"]) == ("2500", "80")


def test_a_finetuning_and_its_evaluation_are_one_job(fresh):
    scores = SCORES.format("scratch/n1/draw1")
    jobs = submit(fresh, ROOT / "profiles" / "slurm", scores)
    assert {rule: len(several) for rule, several in jobs.items()} == {"fetch": 1, "prepare": 1, PAIR: 1}
    (job,) = jobs[PAIR]
    assert (job["gpus"], job["partition"], job["mem"], job["time"]) == ("1", "gpu", "3000", "300")
    run = fresh.folder / scores
    log = fresh.results / "logs/liver_phantom/evaluate_scratch_n1_draw1.log"
    assert "already evaluated when the training ended" in log.read_text()
    assert not (run.parent / "training.evaluated").exists()


def test_a_pretraining_asks_for_its_gpus_and_starts_a_process_for_each(fresh):
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    (fresh.folder / "mine").mkdir()
    several = text.replace("  gpus_per_pretraining: 1\n", "  gpus_per_pretraining: 2\n")
    (fresh.folder / "mine" / "profile.yaml").write_text(several)
    jobs = submit(fresh, fresh.folder / "mine", TARGET.format("regression/n1/draw1"))
    (pretrain,), (finetune,) = jobs["pretrain"], jobs[FINETUNE]
    assert [(job["gpus"], job["mem"]) for job in (pretrain, finetune)] == [("2", "6000"), ("1", "3000")]
    record = fresh.results / "liver_phantom/pretrained/regression/run.json"
    assert json.loads(record.read_text())["processes"] == 2
