import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, ttest_1samp

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import interval, replicates, standard_error
from fewlabel.reporting.statistics.summary import DIFFERENCE, summarise, summary_table


def cell(values):
    """Rows of a (draw, subject) table."""
    return pd.DataFrame(
        [(draw + 1, f"s{subject}", dice) for (draw, subject), dice in np.ndenumerate(np.asarray(values, dtype=float))],
        columns=["draw", "subject", "dice"],
    )


def test_mean_and_counts_of_a_hand_made_cell():
    summary = summarise(cell([[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]), Intervals())
    assert (summary.mean, summary.draws, summary.subjects) == (pytest.approx(0.5), 2, 3)
    assert 0 <= summary.low < 0.5 < summary.high <= 1


def test_equal_scores_have_an_interval_of_no_width():
    summary = summarise(cell(np.full((3, 4), 0.7)), Intervals())
    assert (summary.low, summary.high) == (pytest.approx(0.7), pytest.approx(0.7))


def test_two_draws_of_one_subject_say_nothing():
    # Student's interval is 0.5 +- 4.3 * 0.3: more than Dice can be, and less of a difference than it can be.
    summary = summarise(cell([[0.2], [0.8]]), Intervals())
    assert (summary.low, summary.high) == (0, 1)
    assert summarise(cell([[0.2], [0.8]]), Intervals(), DIFFERENCE).low < 0


def test_the_interval_of_many_equal_draws_and_subjects_is_that_of_the_bootstrap():
    values = np.random.default_rng(2).normal(0.5, 0.1, (60, 70)) + np.linspace(-0.1, 0.1, 70)
    ours = summarise(cell(values), Intervals(resamples=4000))
    plain = np.quantile(replicates(values, Intervals(resamples=4000)), [0.025, 0.975])
    assert (ours.low, ours.high) == pytest.approx(tuple(plain), abs=2e-3)


def test_the_standard_error_is_that_of_a_mixed_model_by_hand():
    """Squared errors by draw and by subject, minus half the residual's; one draw, or subject: the other's alone."""
    values = np.array([[0.1, 0.3, 0.8], [0.3, 0.5, 0.7]])
    by_draw, by_subject = np.var([0.4, 0.5], ddof=1) / 2, np.var([0.2, 0.4, 0.75], ddof=1) / 3
    rest = values - np.array([[0.4], [0.5]]) - np.array([0.2, 0.4, 0.75]) + 0.45
    residual = (rest**2).sum() / 2 / 6
    error, freedom = standard_error(values)
    assert error**2 == pytest.approx(by_draw + by_subject - residual / 2)
    unbiased = max(by_draw + by_subject - residual, by_subject)
    assert freedom == pytest.approx(max(unbiased**2 / (by_draw**2 + by_subject**2 / 2 + residual**2 / 2), 2))
    assert standard_error(values[:1]) == (pytest.approx(np.std(values[0], ddof=1) / np.sqrt(3)), 2)


def test_one_draw_of_one_subject_has_no_interval():
    summary = summarise(cell([[0.7]]), Intervals())
    assert summary.mean == 0.7
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)


@pytest.mark.parametrize("transposed", [False, True])
def test_one_draw_or_one_subject_agrees_with_scipy(transposed):
    dice = np.random.default_rng(5).beta(8, 2, 25)
    values = dice[:, None] if transposed else dice[None]
    ours = np.quantile(replicates(values, Intervals(resamples=20_000)), [0.05, 0.95])
    theirs = bootstrap((dice,), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=1)
    assert tuple(ours) == pytest.approx(tuple(theirs.confidence_interval), abs=2e-3)
    # Its ends, stretched, are as far apart as Student's interval of the units that vary.
    summary = summarise(cell(values), Intervals(resamples=20_000, level=0.9))
    student = ttest_1samp(dice, 0).confidence_interval(0.9)
    assert summary.high - summary.low == pytest.approx(student.high - student.low, rel=0.03)


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
@settings(max_examples=20)
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
    assert 0 <= summary.low < summary.high <= 1


def test_no_rows_and_double_rows_are_refused():
    rows = cell([[0.2, 0.4]])
    with pytest.raises(ValueError, match="no scores"):
        summarise(rows.head(0), Intervals())
    with pytest.raises(ValueError, match="two scores"):
        summarise(pd.concat([rows, rows]), Intervals())


@pytest.mark.parametrize(("draws", "subjects", "scatter"), [(3, 12, (0.02, 0.05, 0.03)), (5, 30, (0.03, 0.03, 0.03))])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(draws, subjects, scatter):
    """A glance at what benchmarks/coverage.py measures; plain percentiles would hold it in 84 to 90 % of cases."""
    random = np.random.default_rng(3)
    studies, truth, hits = 400, 0.6, 0
    for _ in range(studies):
        luck, ease = random.normal(0, scatter[0], (draws, 1)), random.normal(0, scatter[1], subjects)
        values = truth + luck + ease + random.normal(0, scatter[2], (draws, subjects))
        resampled = replicates(values, Intervals(resamples=300))
        low, high = interval(resampled, values.mean(), values, 0.95, (0, 1))
        hits += low <= truth <= high
    assert 0.92 <= hits / studies <= 0.98


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
