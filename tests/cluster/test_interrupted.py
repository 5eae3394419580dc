"""Trainings that are cut off on the cluster: retried, taken up from their saved state, with the same weights."""

import json

import pytest

from helpers.slurm_studies import TrainingRun, finish, hold, resources, submit, table
from helpers.studies import Study

# Long enough to be hit, on a fast machine too (they are held before and after); the second stage of pretraining needs
# much more memory than the first.
CHANGE = {
    "cohorts": {"prostate_phantom": None},
    "methods": {
        "regression": None,
        "contrastive": {
            "global_stage": {"steps": 150},
            "local_stage": {"steps": 6, "batch": 3000},
        },
    },
    "labels": [1],
    "draws": 4,
    "finetuning": {"steps": 200},
}
FINETUNED = "finetuned/scratch/n1/draw{}"
FOLDERS = {
    "node": FINETUNED.format(1),
    "kill": FINETUNED.format(2),
    "time": FINETUNED.format(3),
    "preempted": FINETUNED.format(4),
    "memory": "pretrained/contrastive",
}
TARGETS = [f"results/tiny/liver_phantom/{folder}/weights.safetensors" for folder in FOLDERS.values()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same trainings, on this machine; `runs` makes them while it waits for the cluster."""
    return Study(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def runs(slurm, study, undisturbed):
    """Five trainings at the same time, each of which meets something else."""
    finetunings = [f"finetune:cohort=liver_phantom,method=scratch,n=1,draw={draw}" for draw in (1, 2, 3, 4)]
    targets = [*finetunings, "pretrain:cohort=liver_phantom,method=contrastive"]
    runs = {
        name: TrainingRun(slurm, study, f"liver_phantom/{folder}", target)
        for (name, folder), target in zip(FOLDERS.items(), targets, strict=True)
    }
    # Slurm may warn a minute early.
    finetune = {"runtime": "20 * attempt", "slurm_extra": "'--signal=USR1@30'"}
    asked = resources(finetune=finetune, pretrain={"mem_mb": "1000 * attempt"})
    snakemake = submit(slurm, study, *TARGETS, *asked, change=CHANGE)
    try:
        hold(runs.values())
        runs["time"].shorten()
        runs["memory"].warn_first()
        for name in ("kill", "preempted", "node"):
            runs[name].warn()
        runs["memory"].save()
        for name in ("kill", "preempted", "node"):
            runs[name].save()
            runs[name].held.suspend()
        slurm.run("scancel", "--signal=KILL", runs["kill"].running()[0][0])
        ((_, taken),) = runs["preempted"].running()
        slurm.run("sbatch", "-p", "urgent", "-w", taken, "--gpus=1", "--wrap", "sleep 5", "--output=/dev/null")
        ((_, node),) = runs["node"].running()
        slurm.kill_node(node)
        # Slurm warns this one by itself; it saves its state, and then it hangs until its time is over.
        runs["time"].save()
        runs["time"].held.suspend()
        env = {"FEWLABEL_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
        beside = undisturbed.start(*TARGETS, change=CHANGE, env=env)
        finish(study, snakemake)
        finish(undisturbed, beside)
    finally:
        snakemake.kill()
    slurm.start_node(node)
    for name, run in runs.items():
        table(f"cut off by {name}", run.rows())
    return runs


def check(run, undisturbed):
    """It was taken up again where it was, and its weights are those of the undisturbed run."""
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["time"]["resumed"] >= 1
    other = undisturbed.results / run.folder.relative_to(run.study.results)
    for name in ("weights.safetensors", "history.csv"):
        assert (run.folder / name).read_bytes() == (other / name).read_bytes()


def test_a_training_that_is_killed_is_submitted_again_and_goes_on(runs, undisturbed):
    rows = runs["kill"].rows()
    # Which of its processes dies first decides between the two; sacct says "CANCELLED by", and who did it.
    assert rows[0]["State"].startswith(("FAILED", "CANCELLED")) and rows[1]["State"] == "COMPLETED"
    assert rows[0]["JobID"] != rows[1]["JobID"]
    check(runs["kill"], undisturbed)


def test_a_training_whose_node_is_lost_is_started_again_by_slurm_and_goes_on(runs, undisturbed):
    rows = runs["node"].rows()
    assert [row["State"] for row in rows] == ["NODE_FAIL", "COMPLETED"]
    assert rows[0]["JobID"] == rows[1]["JobID"] and rows[0]["NodeList"] != rows[1]["NodeList"]
    check(runs["node"], undisturbed)


def test_a_training_that_is_preempted_is_started_again_by_slurm_and_goes_on(runs, undisturbed):
    rows = runs["preempted"].rows()
    assert [row["State"] for row in rows] == ["PREEMPTED", "COMPLETED"]
    assert rows[0]["JobID"] == rows[1]["JobID"]
    check(runs["preempted"], undisturbed)


def test_a_training_that_meets_its_time_limit_is_submitted_again_with_more_and_goes_on(runs, undisturbed):
    rows = runs["time"].rows()
    assert [row["State"] for row in rows] == ["TIMEOUT", "COMPLETED"]
    # Twenty minutes were asked for at first, of which most were taken back.
    assert " -t 20 " in rows[0]["SubmitLine"] and rows[1]["Timelimit"] == "00:40:00"
    check(runs["time"], undisturbed)


def test_a_training_that_exceeds_its_memory_is_submitted_again_with_more_and_goes_on(runs, undisturbed):
    rows = runs["memory"].rows()
    assert rows[0]["State"] in ("FAILED", "OUT_OF_MEMORY") and rows[-1]["State"] == "COMPLETED"
    assert [f"mem={1000 * attempt}M" in row["AllocTRES"] for attempt, row in enumerate(rows, 1)] == [True, True]
    log = next((runs["memory"].study.folder / ".snakemake").rglob(f"slurm_logs/**/{rows[0]['JobID']}.log"))
    assert "exceeded memory limit" in log.read_text()
    check(runs["memory"], undisturbed)
