"""Several finetunings in one job (`finetunes_per_job` of the profile): one after another, apart from each other."""

import pytest

from helpers.slurm_studies import TrainingRun, finish, jobs, submit, table, wait_for
from helpers.studies import ROOT, Study

CHANGE = {
    "cohorts": {"prostate_phantom": None},
    "methods": {"regression": None, "contrastive": None},
    "labels": [1],
    "draws": 4,
    "finetuning": {"steps": 20},
}
RUNS = [f"liver_phantom/finetuned/scratch/n1/draw{draw}" for draw in (1, 2, 3, 4)]
TARGETS = [f"results/tiny/{run}/weights.safetensors" for run in RUNS]
SINGLY = ("--group-components", "finetunes=1")


def four_a_job(folder, name):
    """A profile with four finetunings a job."""
    text = (ROOT / "profiles" / name / "profile.yaml").read_text()
    assert text.count("finetunes_per_job: 1\n") == 1
    (folder / "profile.yaml").write_text(text.replace("finetunes_per_job: 1\n", "finetunes_per_job: 4\n"))
    return folder


@pytest.fixture(scope="module")
def packing(tmp_path_factory):
    """GPUs asked for by number."""
    return four_a_job(tmp_path_factory.mktemp("packing"), "slurm")


@pytest.fixture(scope="module")
def one_fails(slurm, study, packing, tmp_path_factory):
    """The steps of a job in which one of four trainings is killed; then all are asked for again, singly, by gres."""
    process = submit(slurm, study, *TARGETS, "--retries", "0", change=CHANGE, profile=packing)
    second = TrainingRun(slurm, study, RUNS[1], "finetune:cohort=liver_phantom,method=scratch,n=1,draw=2")
    wait_for(second.process).kill()
    process.wait()
    (job,) = {row["JobID"] for row in second.rows()}
    lines = slurm.run("sacct", "-n", "-P", "-j", job, "-o", "JobID,State,AllocTRES").splitlines()
    print("\nfour finetunings in one job, one of which fails", *lines, sep="\n")
    steps = dict(line.split("|")[:2] for line in lines)
    by_gres = four_a_job(tmp_path_factory.mktemp("gres"), "slurm-gres")
    finish(study, submit(slurm, study, *TARGETS, *SINGLY, change=CHANGE, profile=by_gres))
    return [steps[f"{job}.{number}"] for number in range(4)]


def test_four_finetunings_share_one_job_and_one_gpu_with_the_results_of_single_ones(slurm, packing, tmp_path):
    packed, single = Study(tmp_path / "packed"), Study(tmp_path / "single")
    for study in (packed, single):
        study.folder.mkdir()
    finish(packed, submit(slurm, packed, *TARGETS, change=CHANGE, profile=packing))
    rows = [row for row in jobs(slurm, packed) if row["Partition"] == "gpu"]
    table("four finetunings in one job", rows)
    assert [(row["AllocTRES"], row["Timelimit"]) for row in rows] == [
        ("billing=1,cpu=1,gres/gpu=1,mem=3000M,node=1", "16:00:00")
    ]
    process = single.run(*TARGETS, change=CHANGE, env={"FEWLABEL_DEVICE": "cpu", "OMP_NUM_THREADS": "1"})
    assert process.returncode == 0, process.stdout + process.stderr
    for run in RUNS:
        for name in ("weights.safetensors", "history.csv"):
            assert (packed.results / run / name).read_bytes() == (single.results / run / name).read_bytes()


def test_one_that_fails_ends_no_other(one_fails):
    assert sorted(one_fails) == ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]


def test_gpus_are_given_where_they_are_asked_for_by_gres(one_fails, slurm, study):
    rows = [row for row in jobs(slurm, study) if "--gres=gpu:1" in row["SubmitLine"]]
    table("four finetunings, each in a job of its own, by gres", rows)
    assert len(rows) == 4
    assert {row["AllocTRES"] for row in rows} == {"billing=1,cpu=1,gres/gpu=1,mem=3000M,node=1"}
    assert {row["State"] for row in rows} == {"COMPLETED"}


def test_those_that_were_trained_beside_one_that_failed_are_put_back_not_trained_again(one_fails, study):
    logs = study.results / "logs" / "liver_phantom"
    again = ["not trained again" in (logs / f"finetune_scratch_n1_draw{draw}.log").read_text() for draw in (1, 2, 3, 4)]
    assert again == [True, False, True, True]
