import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from fewlabel.figure_settings import Intervals
from fewlabel.reporting.statistics import summarise, summary_table


def cell(values):
    """Rows of a (draw, subject) table."""
    return pd.DataFrame(
        [(draw + 1, f"s{subject}", dice) for (draw, subject), dice in np.ndenumerate(np.asarray(values, dtype=float))],
        columns=["draw", "subject", "dice"],
    )


def test_mean_and_counts_of_a_hand_made_cell():
    summary = summarise(cell([[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]), Intervals())
    assert (summary.mean, summary.draws, summary.subjects) == (pytest.approx(0.5), 2, 3)
    assert 0.2 <= summary.low < 0.5 < summary.high <= 0.8


def test_equal_scores_have_an_interval_of_no_width():
    summary = summarise(cell(np.full((3, 4), 0.7)), Intervals())
    assert (summary.low, summary.high) == (pytest.approx(0.7), pytest.approx(0.7))


def test_two_draws_of_one_subject_reach_from_one_to_the_other():
    # A replicate's mean is 0.2, 0.5 or 0.8 with probabilities 1/4, 1/2, 1/4: the 2.5th percentile is 0.2.
    summary = summarise(cell([[0.2], [0.8]]), Intervals())
    assert (summary.low, summary.high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_one_draw_of_one_subject_has_no_interval():
    summary = summarise(cell([[0.7]]), Intervals())
    assert summary.mean == 0.7
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)


@pytest.mark.parametrize("transposed", [False, True])
def test_one_draw_or_one_subject_agrees_with_scipy(transposed):
    dice = np.random.default_rng(5).beta(8, 2, 25)
    values = dice[:, None] if transposed else dice[None]
    ours = summarise(cell(values), Intervals(resamples=20_000, level=0.9))
    theirs = bootstrap((dice,), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=1)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=2e-3)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=2e-3)


def test_subjects_are_crossed_with_draws():
    # Ten equal draws say nothing more of the subjects than one draw does.
    subjects = np.linspace(0.4, 0.9, 12)
    one, ten = (summarise(cell(np.tile(subjects, (draws, 1))), Intervals(resamples=20_000)) for draws in (1, 10))
    assert ten.high - ten.low == pytest.approx(one.high - one.low, rel=0.03)


def test_the_draws_widen_the_interval():
    subjects = np.linspace(0.6, 0.8, 12)
    luck = np.array([-0.1, -0.05, 0, 0.05, 0.1])[:, None]
    alone, both = summarise(cell(subjects[None]), Intervals()), summarise(cell(subjects + luck), Intervals())
    assert both.high - both.low > 1.2 * (alone.high - alone.low)


@given(st.permutations(range(12)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter(order):
    rows = cell(np.random.default_rng(0).random((3, 4)))
    chosen = Intervals(resamples=200)
    assert summarise(rows.iloc[list(order)], chosen) == summarise(rows, chosen)


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    rows = cell(np.random.default_rng(0).random((3, 9)))
    assert summarise(rows, Intervals(seed=1)) == summarise(rows, Intervals(seed=1))
    assert summarise(rows, Intervals(seed=1)) != summarise(rows, Intervals(seed=2))


def test_a_higher_level_gives_a_wider_interval():
    rows = cell(np.random.default_rng(0).random((3, 9)))
    narrow, wide = summarise(rows, Intervals(level=0.8)), summarise(rows, Intervals(level=0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_subject_that_lacks_a_draw_is_left_out_of_it():
    rows = cell([[0.2, 0.4], [0.6, 0.8]]).iloc[:3]
    summary = summarise(rows, Intervals())
    assert summary.mean == pytest.approx(0.4)
    assert 0.2 <= summary.low < summary.high <= 0.6


def test_no_rows_and_double_rows_are_refused():
    rows = cell([[0.2, 0.4]])
    with pytest.raises(ValueError, match="no scores"):
        summarise(rows.head(0), Intervals())
    with pytest.raises(ValueError, match="two scores"):
        summarise(pd.concat([rows, rows]), Intervals())


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    studies, draws, subjects, truth = 300, 8, 20, 0.75
    hits = 0
    for _ in range(studies):
        luck, ease = random.normal(0, 0.02, (draws, 1)), random.normal(0, 0.05, subjects)
        summary = summarise(
            cell(truth + luck + ease + random.normal(0, 0.03, (draws, subjects))), Intervals(resamples=400)
        )
        hits += summary.low <= truth <= summary.high
    assert 0.90 <= hits / studies <= 0.98


def test_the_table_has_a_row_for_each_cell(scores):
    chosen = Intervals(resamples=100)
    summary = summary_table(scores.sample(frac=1, random_state=0), chosen)
    assert list(summary.columns) == ["cohort", "method", "n", "mean", "low", "high", "draws", "subjects"]
    assert len(summary) == 2 * (3 * 4 + 1)
    pd.testing.assert_frame_equal(summary, summary_table(scores, chosen))
    one = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch") & (scores["n"] == 2)]
    row = summary[(summary["cohort"] == "liver") & (summary["method"] == "scratch") & (summary["n"] == 2)].iloc[0]
    assert row["mean"] == pytest.approx(one["dice"].mean())
    assert (row["draws"], row["subjects"]) == (3, 6)
