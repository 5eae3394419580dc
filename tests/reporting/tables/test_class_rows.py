"""Tables 2 to 4 of cohorts with several classes."""

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.base import MEAN
from fewlabel.config.cohort import PublishedDice
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.tables.dice import DiceTableSettings, dice_table_settings
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.config.jobs.tables.labels_needed import LabelsTableSettings
from fewlabel.reporting.statistics.classes import one_class
from fewlabel.reporting.tables.dice import dice_table
from fewlabel.reporting.tables.differences import difference_table
from fewlabel.reporting.tables.formats import as_latex, as_markdown
from fewlabel.reporting.tables.labels_needed import labels_table
from helpers.class_scores import by_class
from helpers.synthetic_results import COHORTS

CLASSES = {"liver": ["lobe", "vessel"]}
"""Prostate has one class without a name."""


@pytest.fixture(params=["dice", "differences", "labels"])
def tabulate(request, settings):
    """A function that makes one of the tables from scores."""
    of = settings()
    shared = {"titles": of.titles, "runs": of.runs, "intervals": Intervals(resamples=100)}
    methods = ["scratch", "regression", "contrastive"]
    compared = {"control": "scratch", "methods": methods[1:]}
    needed = {"reference": "supervised", "shares": [0.9], "control": "scratch", "methods": methods, "steps": {}}
    made = {
        "dice": lambda scores: dice_table(scores, DiceTableSettings(**shared)),
        "differences": lambda scores: difference_table(scores, DifferenceTableSettings(**shared, **compared)),
        "labels": lambda scores: labels_table(scores, LabelsTableSettings(**shared, **needed)),
    }
    return made[request.param]


def numbers(rows, cohort, name):
    """Rows of a class of a cohort without the column of the class."""
    own = rows[(rows["cohort"] == cohort) & (rows["class"] == name)]
    return own.drop(columns="class").reset_index(drop=True)


def of_cohort(rows, cohort):
    return rows[rows["cohort"] == cohort].reset_index(drop=True)


def test_the_mean_comes_first_and_each_part_is_that_of_its_own_scores(tabulate, scores):
    classed = by_class(scores, CLASSES)
    table, plain = tabulate(classed), tabulate(scores)
    assert list(table.rows.columns[:3]) == ["cohort", "class", "method"]
    assert table.rows["class"].unique().tolist() == [MEAN, "lobe", "vessel", ""]
    pd.testing.assert_frame_equal(numbers(table.rows, "liver", "lobe"), of_cohort(plain.rows, "liver"))
    pd.testing.assert_frame_equal(numbers(table.rows, "prostate", ""), of_cohort(plain.rows, "prostate"))
    mean = tabulate(one_class(classed))
    pd.testing.assert_frame_equal(numbers(table.rows, "liver", MEAN), of_cohort(mean.rows, "liver"))
    heads = [section.title.partition(", minus")[0] for section in table.sections]
    assert heads == [f"Liver, phantom: {name}" for name in ("mean of the classes", "lobe", "vessel")] + [
        "Prostate, phantom"
    ]
    text = as_markdown(table)
    assert text.count("Mean of the classes: for each subject") == 1 and "Liver, phantom: vessel" in as_latex(table)


def test_one_named_class_has_the_numbers_of_one_without_a_name(tabulate, scores):
    table, plain = tabulate(by_class(scores, {name: ["target"] for name in COHORTS})), tabulate(scores)
    assert set(table.rows["class"]) == {"target"}
    pd.testing.assert_frame_equal(table.rows.drop(columns="class"), plain.rows, check_exact=True)
    assert [section.body.to_csv() for section in table.sections] == [s.body.to_csv() for s in plain.sections]
    assert "Mean of the classes" not in as_markdown(table)


def test_the_order_of_classes_permutes_rows_and_changes_nothing_else(tabulate, scores):
    forth, back = (tabulate(by_class(scores, {"liver": order})) for order in (["a", "b", "c"], ["c", "a", "b"]))
    assert back.rows["class"].unique().tolist() == [MEAN, "c", "a", "b", ""]
    for name in (MEAN, "a", "b", "c"):
        pd.testing.assert_frame_equal(
            numbers(forth.rows, "liver", name), numbers(back.rows, "liver", name), check_exact=True
        )
    assert forth.notes == back.notes


def test_tables_of_one_class_without_a_name_have_no_such_column(tabulate, scores):
    assert "class" not in tabulate(scores).rows


def missed(scores):
    """Two classes; of the first cell, one subject lacks a class that is predicted, and one misses a class."""
    classed = by_class(scores[scores["cohort"] == "liver"], CLASSES)
    vessels = classed.index[classed["class"] == "vessel"][:2]
    classed.loc[vessels, ["dice", "hd95_mm"]] = [0, np.nan]
    classed.loc[vessels[0], "truth_ml"] = 0
    return classed


@pytest.mark.parametrize("diagonal", [False, True])
def test_misses_and_undefined_distances_are_counted_by_class(diagonal, scores, settings):
    of, classed = settings({"liver": COHORTS["liver"]}), missed(scores)
    given = DiceTableSettings(titles=of.titles, runs=of.runs, intervals=Intervals(resamples=100))
    given = given.model_copy(update={"hd95_missing": "diagonal"}) if diagonal else given
    known = {("liver", subject): 500.0 for subject in classed["subject"]}
    table = dice_table(classed, given, known)
    first = table.rows.groupby("class", sort=False).first()
    assert first["misses"].to_dict() == {MEAN: 1, "lobe": 0, "vessel": 1}
    assert first["hd95_undefined"].to_dict() == {MEAN: 2, "lobe": 0, "vessel": 2}
    cell = classed[(classed["method"] == "scratch") & (classed["n"] == 1)]
    filled = cell.assign(hd95_mm=cell["hd95_mm"].fillna(500.0)) if diagonal else cell
    by_hand = filled.groupby(["draw", "subject"])["hd95_mm"].agg(lambda mm: mm.mean(skipna=False)).median()
    assert first.loc[MEAN, "hd95_mm_median"] == pytest.approx(by_hand)
    assert "also undefined in 1 scores of subjects without the target" in as_markdown(table)


PUBLISHED = [
    PublishedDice(method="Others", n=1, dice=0.854, source="Their page"),
    PublishedDice(method="Yet others", n=1, dice=0.5, source="Another page"),
    PublishedDice(method="Others", n="all", dice=0.9, source="Their page"),
]


def test_published_dice_stand_below_the_mean_of_their_cohort(scores, settings):
    of = settings()
    given = DiceTableSettings(titles=of.titles, runs=of.runs, intervals=Intervals(resamples=100))
    classed = by_class(scores, CLASSES)
    plain = dice_table(classed, given)
    table = dice_table(classed, given.model_copy(update={"published": {"liver": PUBLISHED}}))
    theirs = table.rows[table.rows["published"] != ""]
    assert theirs[["cohort", "class", "method", "dice_mean"]].to_numpy().tolist() == [
        ["liver", MEAN, "Others", 0.854],
        ["liver", MEAN, "Yet others", 0.5],
        ["liver", MEAN, "Others", 0.9],
    ]
    ours = table.rows[table.rows["published"] == ""].drop(columns="published")
    pd.testing.assert_frame_equal(ours, plain.rows, check_dtype=False)
    first, *others = (section.body for section in table.sections)
    assert first.iloc[-3:, :4].to_numpy().tolist() == [
        ["Others (published)", "1", "0.854", "-"],
        ["Others (published)", "all", "0.900", "-"],
        ["Yet others (published)", "1", "0.500", "-"],
    ]
    for body, section in zip(others, plain.sections[1:], strict=True):
        pd.testing.assert_frame_equal(body, section.body)
    text = as_markdown(table)
    assert "Sources: Others: Their page; Yet others: Another page." in text
    assert table.rows["misses"].dtype == "Int64" and ",1.0," not in table.rows.to_csv(index=False).split("Others")[1]


def test_published_dice_are_settings_of_a_cohort():
    rows = [one.model_dump(mode="json") for one in PUBLISHED]
    cohort = {"source": {"kind": "nifti", "folder": "mine"}, "published": rows}
    experiment = Experiment.model_validate({"cohorts": {"c": cohort}, "methods": {"s": {"pretext": "none"}}})
    assert dice_table_settings(experiment).published == {"c": PUBLISHED}
    del cohort["published"]
    plain = Experiment.model_validate({"cohorts": {"c": cohort}, "methods": {"s": {"pretext": "none"}}})
    assert "published" not in plain.model_dump_json() + dice_table_settings(plain).model_dump_json()
