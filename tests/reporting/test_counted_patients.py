"""Words of a study whose N counts patients, and of draws that are named."""

import pandas as pd
import pytest

from fewlabel.config.jobs.tables.cohorts import cohort_table_settings
from fewlabel.config.jobs.titles import counted_units, named_draws, titles
from fewlabel.config.jobs.training import finetune_settings
from fewlabel.config.loading.load import load
from fewlabel.reporting.captions import study_facts
from fewlabel.reporting.figures.style import n_label
from fewlabel.reporting.tables.cohorts import cohort_table
from fewlabel.reporting.tables.table import few_note
from helpers.experiments import config


def experiment(**change):
    made = config(draws=2, labels=[1, "all"])
    return load({**made, "cohorts": {"a": {**made["cohorts"]["a"], "title": "Heart", **change}}})


PATIENTS = experiment(count="patients", draws=[["p1", "p2"]])


def facts():
    rows = [("s1", "p1", "pool"), ("s2", "p1", "pool"), ("s3", "p2", "pool"), ("s4", "p3", "test")]
    table = pd.DataFrame(rows, columns=["subject", "patient", "role"])
    sizes = {"slices": 9.0, "rows": 64.0, "columns": 64.0, "slice_mm": 5.0, "row_mm": 1.0, "column_mm": 1.0}
    return {"a": table.assign(**sizes, target_ml=[10.0, 11.0, 12.0, 13.0])}


def test_captions_name_patients_and_named_draws_without_their_names():
    text = study_facts(PATIENTS)["conditions"]
    assert "2 draws of labelled patients" in text and "the patients of a smaller N" in text
    assert "N of ``a`` counts patients, each with all labelled volumes." in text
    assert "Draw 1 of ``a`` is named in the experiment; any other draw is random." in text
    assert "p1" not in text
    plain = study_facts(experiment())["conditions"]
    assert "2 draws of labelled subjects" in plain and "patients" not in plain and "named" not in plain


def test_table_1_counts_patients_of_the_pool_and_says_which_draws_are_named():
    table = cohort_table(facts(), cohort_table_settings(PATIENTS))
    body = table.sections[0].body.set_index("")["Heart"]
    assert body["labelled pool: subjects (slices)"] == "3 (27)"
    assert body["labelled pool: patients"] == "2"
    assert body["finetuning: N"] == "1, all (2) patients"
    assert "Draw 1 of Heart is named in the experiment; any other draw is random." in table.notes
    assert table.rows["pool_patients"].tolist() == [2]
    plain = cohort_table(facts(), cohort_table_settings(experiment()))
    assert "pool_patients" not in plain.rows
    assert plain.sections[0].body.set_index("")["Heart"]["finetuning: N"] == "1, all (3)"


def test_without_patients_no_record_says_what_is_counted():
    assert titles(experiment()).model_dump(mode="json")["cohorts"]["a"] == {"title": "Heart", "stands_for": None}
    assert "count" not in finetune_settings(experiment(), "a", "scratch", 1, 1).model_dump(mode="json")
    assert finetune_settings(PATIENTS, "a", "scratch", 1, 1).model_dump(mode="json")["count"] == "patients"
    assert not {"count", "draws"} & set(experiment().cohorts["a"].model_dump(mode="json"))


def test_warnings_and_axes_name_what_is_counted():
    rows = pd.DataFrame({"cohort": ["a"], "draws": [1], "test_subjects": [20]})
    (note,) = few_note(rows, titles(PATIENTS))
    assert "draws of labelled patients" in note and "other labelled patients may change" in note
    assert n_label("patients") == "Labelled training patients, N"


@pytest.mark.parametrize(
    ("counts", "words"),
    [([], "subjects"), (["patients", "patients"], "patients"), (["subjects", "patients"], "subjects or patients")],
)
def test_of_cohorts_that_differ_both_are_named(counts, words):
    assert counted_units(counts) == words


def test_published_draws_are_named_as_such():
    cohort = experiment(count="patients", draws="acdc").cohorts["a"]
    assert named_draws("Heart", cohort) == "Draw 1 of Heart is the published choice (acdc); any other draw is random."
    assert named_draws("Heart", experiment().cohorts["a"]) is None
