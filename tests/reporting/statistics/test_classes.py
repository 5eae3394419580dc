import numpy as np
import pandas as pd
import pytest

from fewlabel.config.base import MEAN
from fewlabel.config.jobs.grid import CollectSettings
from fewlabel.config.jobs.titles import Titles
from fewlabel.reporting.statistics.classes import classes_of, one_class, views
from fewlabel.reporting.statistics.scores import COLUMNS, collect, read_class_scores, read_scores, select
from fewlabel.utils.errors import InputError
from helpers.class_scores import by_class
from helpers.synthetic_results import COHORTS, METHODS, make_runs


def written(frame, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def classed(scores):
    """Liver with two classes, prostate with one class without a name."""
    return by_class(scores, {"liver": ["lobe", "vessel"]})


def test_classes_are_read_in_their_order_and_cohorts_without_names_stay_empty(classed, tmp_path):
    read = read_class_scores(written(classed, tmp_path / "scores.csv"))
    pd.testing.assert_frame_equal(read, classed)
    liver, prostate = (read[read["cohort"] == name] for name in ("liver", "prostate"))
    assert (classes_of(liver), classes_of(prostate)) == (["lobe", "vessel"], [])
    assert (views(liver), views(prostate)) == ([MEAN, "lobe", "vessel"], [""])


def test_readers_that_ask_for_no_classes_get_the_mean(classed, tmp_path):
    path = written(classed, tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(read_scores(path), one_class(read_class_scores(path)), check_exact=True)


def test_the_mean_and_one_class_have_the_form_of_one_class(classed, scores):
    for name in (MEAN, "lobe"):
        one = one_class(classed, name)
        assert tuple(one.columns) == COLUMNS and one.dtypes.equals(scores.dtypes)
    liver = scores[scores["cohort"] == "liver"]
    pd.testing.assert_frame_equal(one_class(classed, "lobe"), liver.reset_index(drop=True))
    mean = one_class(classed, MEAN)
    pd.testing.assert_frame_equal(mean[["cohort", "method", "n", "draw", "subject"]], scores.iloc[:, :5])
    pd.testing.assert_frame_equal(mean[mean["cohort"] == "prostate"], scores[scores["cohort"] == "prostate"])


def test_scores_of_one_class_are_their_own_mean(scores):
    assert one_class(scores) is scores
    named = by_class(scores, {name: ["target"] for name in COHORTS})
    pd.testing.assert_frame_equal(one_class(named, MEAN), scores, check_exact=True)
    pd.testing.assert_frame_equal(one_class(named, "target"), scores, check_exact=True)
    assert views(named) == ["target"]


def test_the_mean_by_hand():
    """Present in both; predicted though absent; absent in both; missed."""
    rows = [
        ("a", "one", 0.8, 2.0, 1.0, 10.0, 12.0),
        ("a", "two", 0.4, 6.0, 3.0, 2.0, 1.0),
        ("b", "one", 0.5, 4.0, 2.0, 8.0, 8.0),
        ("b", "two", 0.0, np.nan, np.nan, 0.0, 0.5),
        ("c", "one", 0.7, 3.0, 1.0, 5.0, 5.0),
        ("c", "two", 1.0, 0.0, 0.0, 0.0, 0.0),
        ("d", "one", 0.9, 1.0, 0.5, 4.0, 4.0),
        ("d", "two", 0.0, np.nan, np.nan, 3.0, 0.0),
    ]
    table = pd.DataFrame(rows, columns=["subject", "class", *COLUMNS[5:]])
    table = pd.DataFrame({"cohort": "heart", "method": "scratch", "n": 1, "draw": 1}, index=table.index).join(table)
    mean = one_class(table.assign(absent=[False, False, False, True, False, False, False, False])).set_index("subject")
    assert mean["dice"].tolist() == pytest.approx([0.6, 0.25, 0.85, 0.45])
    np.testing.assert_allclose(mean["hd95_mm"], [4.0, np.nan, 1.5, np.nan])
    np.testing.assert_allclose(mean["assd_mm"], [2.0, np.nan, 0.5, np.nan])
    assert mean["truth_ml"].tolist() == [12.0, 8.0, 5.0, 7.0]
    assert mean["predicted_ml"].tolist() == [13.0, 8.5, 5.0, 4.0]
    assert mean["absent"].tolist() == [False, True, False, False]


def test_scores_that_a_table_lacks_are_undefined_in_the_mean(classed, tmp_path):
    read = read_class_scores(written(classed.drop(columns=["hd95_mm", "truth_ml"]), tmp_path / "scores.csv"))
    assert one_class(read)[["hd95_mm", "truth_ml"]].isna().all(axis=None)


def test_the_order_of_classes_changes_no_bit_of_the_mean(scores):
    names = ["a", "b", "c", "d", "e"]
    forth, back = (by_class(scores, dict.fromkeys(COHORTS, order)) for order in (names, names[::-1]))
    pd.testing.assert_frame_equal(one_class(forth), one_class(back), check_exact=True)


def test_an_unknown_class_is_refused(classed, scores):
    with pytest.raises(InputError, match=r"class: 'heart' has no scores; accepted: mean, lobe, vessel"):
        one_class(classed, "heart")
    with pytest.raises(InputError, match=r"accepted: mean$"):
        one_class(scores, "heart")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(index=table.index[1]), r"1 subject of runs without all classes, .*liver.*vessel"),
        (lambda table: pd.concat([table, table.head(1)]), r"draw, subject, class: 1 rows are repeated"),
        (lambda table: table.assign(**{"class": "mean"}), r"'mean' in cohort liver"),
        (lambda table: table.replace({"class": {"lobe": "../x"}}), r"'\.\./x' in cohort liver"),
        (lambda table: table.replace({"class": {"lobe": ""}}), r"'' in cohort liver.*or all empty"),
    ],
)
def test_bad_classes_are_refused(change, message, classed, tmp_path):
    with pytest.raises(InputError, match=message):
        read_class_scores(written(change(classed), tmp_path / "scores.csv"))


def test_runs_with_and_without_classes_are_collected(classed, tmp_path):
    paths = [
        written(rows if cohort == "liver" else rows.drop(columns="class"), tmp_path / f"{cohort}{method}{n}{draw}.csv")
        for (cohort, method, n, draw), rows in classed.groupby(["cohort", "method", "n", "draw"])
    ]
    joined = collect(paths[::-1])
    assert list(joined.columns[:6]) == ["cohort", "method", "n", "draw", "subject", "class"]
    assert joined.loc[joined["cohort"] == "liver", "class"].tolist()[:4] == ["lobe", "vessel"] * 2
    pd.testing.assert_frame_equal(read_class_scores(written(joined, tmp_path / "scores.csv")), joined)


def test_runs_of_a_cohort_with_other_classes_are_not_collected(classed, tmp_path):
    paths = [
        written(rows[rows["class"] != "vessel"] if method == "scratch" else rows, tmp_path / f"{method}.csv")
        for method, rows in classed[classed["cohort"] == "liver"].groupby("method")
    ]
    with pytest.raises(InputError, match=r"(?s)different classes; to fix: evaluate.*no vessel"):
        collect(paths)


def test_a_selection_keeps_classes(classed):
    titles = Titles(cohorts=dict(COHORTS), methods=dict(METHODS))
    runs: CollectSettings = make_runs()
    pd.testing.assert_frame_equal(select(classed, titles, runs), classed)
