"""A whole study through `--profile profiles/slurm`, as accounting tells of it."""

import re

import pandas as pd
import pytest

from helpers import preloaded
from helpers.slurm_studies import finish, jobs, submit, table

PAIR = "finetunes_evaluate_finetune"
"""What a job of a finetuning and its evaluation is called."""
SMALL = {"cohorts": {"prostate_phantom": None}, "methods": {"contrastive": None}, "labels": [1], "draws": 1}
TRAININGS = {"pretrain", PAIR}
LOCAL = {"record", "admit", "split", "draw", "collect", "collect_histories", "report", "results_page"}
# MB and minutes of the rules; the profile's own for the others.
ASKED = {
    "fetch": (2000, 120),
    "prepare": (4000, 120),
    "pretrain": (3000, 720),
    PAIR: (3000, 300),
    "quality": (4000, 60),
    "explorer": (3000, 60),
}


@pytest.fixture(scope="module")
def submitted(slurm, study):
    """The finished study's jobs, by rule."""
    text = finish(study, submit(slurm, study, change=SMALL, commands=preloaded.commands()))
    rows = jobs(slurm, study)
    table("the whole study", rows)
    for row in rows:
        row["rule"] = row["Comment"].removeprefix("rule_").partition("_wildcards_")[0]
    return pd.DataFrame(rows), text


def test_all_jobs_complete_at_their_first_attempt(submitted, study):
    rows, _ = submitted
    assert set(rows["State"]) == {"COMPLETED"}
    assert rows["rule"].value_counts().to_dict() == {
        "fetch": 1,
        "prepare": 1,
        "pretrain": 1,
        PAIR: 3,
        "figure_differences": 1,
        "figure_pretexts": 1,
        "figure_method_diagram": 1,
        "figure_label_curves": 1,
        "figure_gallery_liver_phantom": 1,
        "figure_label_efficiency": 1,
        "figure_learning_curves": 1,
        "figure_paired_subjects": 1,
        "quality": 1,
        "contact_sheet": 1,
        "table_cohorts": 1,
        "table_dice": 1,
        "table_differences": 1,
        "table_labels_needed": 1,
        "explorer": 1,
        "provenance": 1,
    }
    assert (study.results / "figures" / "figure3_label_curves.png").exists()


def test_each_training_has_one_gpu_and_no_other_job_has_any(submitted):
    rows, _ = submitted
    training = rows["rule"].isin(TRAININGS)
    assert rows.loc[training, "AllocTRES"].str.split(",").map(lambda tres: "gres/gpu=1" in tres).all()
    assert not rows.loc[~training, "AllocTRES"].str.contains("gpu").any()
    assert set(rows.loc[training, "Partition"]) == {"gpu"} and set(rows.loc[~training, "Partition"]) == {"cpu"}


def test_memory_and_time_are_those_that_rules_and_profile_ask_for(submitted):
    for row in submitted[0].to_dict("records"):
        megabytes, minutes = ASKED.get(row["rule"], (2000, 30))
        assert f"mem={megabytes}M" in row["AllocTRES"].split(",")
        assert row["Timelimit"] == f"{minutes // 60:02}:{minutes % 60:02}:00"


def test_trainings_are_warned_of_the_wall_time_and_a_lost_node_starts_a_job_again(submitted):
    rows, _ = submitted
    training = rows["rule"].isin(TRAININGS)
    assert rows.loc[training, "SubmitLine"].str.contains("--signal=USR1@90").all()
    assert not rows.loc[~training, "SubmitLine"].str.contains("--signal").any()
    assert rows["SubmitLine"].str.contains("--requeue").all()


def test_what_takes_a_second_runs_where_snakemake_runs(submitted):
    rows, text = submitted
    assert not LOCAL & set(rows["rule"])
    assert all(f"(Rule: {rule})" in text for rule in LOCAL)


def test_every_job_is_seen_to_end_and_what_the_cluster_added_is_shown(submitted):
    rows, text = submitted
    times = rows[["Submit", "Start", "End"]].apply(pd.to_datetime)
    numbers = {slurm: own for own, slurm in re.findall(r"Job (\d+) has been submitted with SLURM jobid (\d+)", text)}
    ends = {own: when for when, own in re.findall(r"\[(.+)\]\nFinished jobid: (\d+)", text)}
    seen = pd.to_datetime(rows["JobID"].map(numbers).map(ends), format="%a %b %d %H:%M:%S %Y")
    spent = {"submitted to running": times["Start"] - times["Submit"], "running": times["End"] - times["Start"]}
    spent["ended to seen"] = seen - times["End"]
    seconds = pd.DataFrame({name: values.dt.total_seconds() for name, values in spent.items()})
    print("\nmedian seconds of a job", seconds.groupby(rows["rule"]).median().to_string(), sep="\n")
    # Snakemake gives a group, a finetuning with its evaluation, no number: its jobs are counted instead.
    groups = ~rows["JobID"].isin(list(numbers))
    assert seen[~groups].notna().all() and (seconds[~groups] > -2).all(axis=None)  # of two clocks of whole seconds
    for rule in ("finetune", "evaluate"):
        assert len(re.findall(rf"Finished jobid: \d+ \(Rule: {rule}\)", text)) == groups.sum()
