"""Snakemake itself killed while its jobs run, and started again: nothing is trained twice."""

import pytest

from helpers.slurm_studies import TrainingRun, finish, hold, submit, table, wait_for

CHANGE = {
    "cohorts": {"prostate_phantom": None},
    "methods": {"regression": None, "contrastive": None},
    "labels": [1],
    "draws": 2,
    "finetuning": {"steps": 60},
}
FOLDER = "liver_phantom/finetuned/scratch/n1/draw{}"
JOB = "finetune:cohort=liver_phantom,method=scratch,n=1,draw={}"


@pytest.fixture(scope="module")
def runs(slurm, study):
    """One training that ends while no Snakemake is there, and one that still runs when the second one starts."""
    ended, running = (TrainingRun(slurm, study, FOLDER.format(draw), JOB.format(draw)) for draw in (1, 2))
    targets = [f"results/tiny/{FOLDER.format(draw)}/weights.safetensors" for draw in (1, 2)]
    first = submit(slurm, study, *targets, change=CHANGE)
    hold([ended, running])
    first.kill()
    first.wait()
    ended.held.resume()
    wait_for(lambda: [row["State"] for row in ended.rows()] == ["COMPLETED"])
    second = submit(slurm, study, *targets, change=CHANGE)
    wait_for(lambda: len(running.running()) == 2)
    running.held.resume()
    finish(study, second)
    table("Snakemake killed with two trainings under way", [*ended.rows(), *running.rows()])
    return ended, running


def test_a_training_that_ended_without_snakemake_is_taken_as_it_is(runs):
    ended, _ = runs
    assert [row["State"] for row in ended.rows()] == ["COMPLETED"]
    assert (ended.folder / "weights.safetensors").exists()


def test_a_training_that_still_runs_is_waited_for_and_not_made_twice(runs):
    _, running = runs
    assert [row["State"] for row in running.rows()] == ["COMPLETED", "COMPLETED"]
    log = running.study.results / "logs" / "liver_phantom" / "finetune_scratch_n1_draw2.log"
    assert "not trained again" in log.read_text()
