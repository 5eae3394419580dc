"""Snakemake itself killed while its jobs run, and started again: nothing is trained twice."""

import pytest

from cluster.submission import TrainingRun, finish, hold, submit, table, wait_for

CHANGE = {
    "cohorts": {"prostate_phantom": None},
    "methods": {"regression": None, "contrastive": None},
    "labels": [1],
    "draws": 2,
    "finetuning": {"steps": 300},
}
FOLDER = "liver_phantom/finetuned/scratch/n1/draw{}"
COMMENT = "rule_finetune_wildcards_liver_phantom_scratch_1_{}"


@pytest.fixture(scope="module")
def runs(slurm, study):
    """One training that ends while no Snakemake is there, and one that still runs when the second one starts."""
    ended, running = (TrainingRun(slurm, study, FOLDER.format(draw), COMMENT.format(draw)) for draw in (1, 2))
    targets = [f"results/tiny/{FOLDER.format(draw)}/weights.safetensors" for draw in (1, 2)]
    first = submit(slurm, study, *targets, change=CHANGE)
    hold([ended, running])
    first.kill()
    first.wait()
    ended.held.resume()
    wait_for(lambda: ended.rows()[0]["State"] == "COMPLETED")
    second = submit(slurm, study, *targets, change=CHANGE)
    wait_for(lambda: len(running.rows()) == 2 and running.rows()[1]["State"] == "RUNNING")
    running.held.resume()
    finish(study, second)
    table("Snakemake killed with two trainings under way", [*ended.rows(), *running.rows()])
    return ended, running


def test_neither_is_trained_twice(runs):
    for run in runs:
        assert [row["State"] for row in run.rows()] == ["COMPLETED", "COMPLETED"]
        draw = run.folder.name
        log = run.study.results / "logs" / "liver_phantom" / f"finetune_scratch_n1_{draw}.log"
        assert "nothing was trained again" in log.read_text()
