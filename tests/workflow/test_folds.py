"""A whole study in test folds: trained fold by fold, shown as one cohort."""

import json
from itertools import combinations

import pandas as pd
import pytest

from fewlabel.reporting.provenance.jobs import StudyFiles, study_jobs
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_experiment
from helpers.studies import Study

FOLDS = {
    "cohorts": {
        "liver_phantom": {"source": {"labelled": 5, "unlabelled": 1}, "test": None, "folds": 2},
        "prostate_phantom": None,
    },
    "methods": {"scratch": {"labels": [1, "all"]}, "contrastive": None, "supervised": None},
    "labels": [1],
    "draws": 1,
}
COHORT = "liver_phantom"
pytestmark = pytest.mark.xdist_group("folded")  # one process runs the study once
SHOWN = ("experiment.yaml", "explorer.html", "figures/figure1_pretexts.png", "figures/figure4_liver.png")


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("folds"))
    process = study.run("--", "tables", *(f"results/tiny/{name}" for name in SHOWN), change=FOLDS)
    assert process.returncode == 0, process.stdout + process.stderr
    return study.results


def subjects_of(folder, name):
    table = pd.read_csv(folder / name)
    return {role: set(rows["subject"]) for role, rows in table.groupby("role")}


def test_no_fold_sees_whom_it_tests_and_together_they_test_everyone(folded):
    whole = pd.read_csv(folded / COHORT / "splits/roles.csv")
    labelled = set(whole.loc[whole["labelled"] == 1, "subject"])
    tested = []
    for fold in (1, 2):
        place = folded / f"{COHORT}-fold{fold}"
        roles = subjects_of(place, "splits/roles.csv")
        assert set(whole.loc[whole["fold"] == fold, "subject"]) == roles["test"]
        seen = roles["pool"] | roles["unlabelled"]
        runs = {
            path.parent.relative_to(place).as_posix(): json.loads(path.read_text())
            for path in place.glob("**/run.json")
        }
        assert set(runs["pretrained/regression"]["subjects"]) == seen and not seen & roles["test"]
        assert set(runs["finetuned/scratch/nall/draw1"]["subjects"]) == roles["pool"]
        assert len(runs) == 4
        tested.append(roles["test"])
    assert set.union(*tested) == labelled and not any(one & other for one, other in combinations(tested, 2))
    assert [path.name for path in folded.glob("*/slices")] == ["slices"]


def test_scores_are_of_one_cohort_with_every_subject_once_in_every_run(folded):
    scores = pd.read_csv(folded / "scores.csv")
    assert set(scores["cohort"]) == {COHORT}
    # Folds of 3 and 2 leave pools of 2 and 3: all labels are 3.
    assert set(zip(scores["method"], scores["n"], strict=True)) == {("scratch", 1), ("scratch", 3), ("regression", 1)}
    roles = pd.read_csv(folded / COHORT / "splits/roles.csv").dropna().set_index("subject")["fold"]
    for _, run in scores.groupby(["method", "n", "draw"]):
        assert run.set_index("subject")["fold"].to_dict() == roles.to_dict()


def test_tables_and_pictures_show_one_cohort_and_say_that_it_is_in_folds(folded):
    first = pd.read_csv(folded / "tables/table1_cohorts.csv").iloc[0]
    assert (first["subjects"], first["test_subjects"], first["folds"]) == (6, 5, 2)
    assert (first["pool_subjects"], first["pool_subjects_max"]) == (2, 3)
    text = (folded / "tables/table1_cohorts.md").read_text()
    assert "in 2 folds of 2 to 3" in text and "2 to 3 (" in text
    dice = pd.read_csv(folded / "tables/table2_dice.csv")
    assert set(dice["cohort"]) == {COHORT} and set(dice["test_subjects"]) == {5} and dice["dice_low"].notna().all()
    for table in ("table2_dice", "table3_differences", "table4_labels"):
        assert "Joined from 2 test folds" in (folded / f"tables/{table}.md").read_text()
    differences = pd.read_csv(folded / "tables/table3_differences.csv")
    assert differences[["method", "n", "test_subjects"]].to_numpy().tolist() == [["regression", 1, 5]]
    assert "one of 2 test folds" in (folded / "explorer.html").read_text()
    for figure in SHOWN[-2:]:
        assert (folded / figure).stat().st_size > 1000


def test_its_record_leads_from_scores_to_every_fold_and_it_can_be_published(folded, tmp_path):
    jobs = study_jobs(StudyFiles(folded), read_experiment(folded))
    places = {job.place: job for job in jobs if job.command == "finetune"}
    runs = ("scratch/n1", "scratch/nall", "regression/n1")
    assert set(places) == {f"{COHORT}-fold{fold}/finetuned/{run}/draw1" for fold in (1, 2) for run in runs}
    of_second = places[f"{COHORT}-fold2/finetuned/regression/n1/draw1"]
    assert {file.path for file in of_second.inputs} == {
        f"{COHORT}/slices/store.json",
        f"{COHORT}-fold2/splits/draw1.csv",
        f"{COHORT}-fold2/pretrained/regression/weights.safetensors",
    }
    done = publish(folded, tmp_path / "shown", anonymise=True)
    assert done.runs == 8
    shown = pd.read_csv(tmp_path / "shown/scores.csv")
    assert sorted(shown.loc[shown["n"] == 3, "subject"]) == sorted(shown.loc[shown["n"] == 3, "subject"].unique())
    assert (tmp_path / f"shown/{COHORT}-fold2/splits/draw1.csv").is_file()
