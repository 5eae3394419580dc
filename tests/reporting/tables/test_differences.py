"""Signed-rank tests, Holm's correction and table 3, against hand numbers and independent computations."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings, difference_table_settings
from fewlabel.reporting.statistics.significance import holm, rank_biserial, signed_rank
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise
from fewlabel.reporting.tables.differences import difference_table, probability
from fewlabel.reporting.tables.formats import as_html, as_latex, as_markdown


def pairs(values):
    """Rows of a (draw, subject) table of differences."""
    return pd.DataFrame(
        [(draw + 1, f"s{subject}", dice) for (draw, subject), dice in np.ndenumerate(np.asarray(values, dtype=float))],
        columns=["draw", "subject", "dice"],
    )


def exact(differences):
    """Two-sided p of the signed-rank test by trying all signs: of distinct sizes, none zero."""
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    observed = (ranks * np.sign(differences)).sum()
    sums = [(ranks * signs).sum() for signs in itertools.product([-1, 1], repeat=len(ranks))]
    return np.mean(np.abs(sums) >= abs(observed) - 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_that_of_all_ways_to_choose_the_signs(seed):
    values = np.random.default_rng(seed).normal(0.02, 0.03, 9)
    assert signed_rank(pairs(values[None])).p == pytest.approx(exact(values))


def test_draws_of_a_subject_are_averaged_before_anything_is_counted():
    values = np.random.default_rng(0).normal(0.01, 0.03, (4, 8))
    found = signed_rank(pairs(values))
    assert found == signed_rank(pairs(values.mean(axis=0)[None]))
    assert (found.pairs, found.better) == (8, int((values.mean(axis=0) > 0).sum()))


def test_the_effect_by_hand():
    # Ranks 1, 2, 3, 4; the second largest is negative: (1 + 2 + 4 - 3) / 10.
    assert rank_biserial([0.1, 0.2, -0.3, 0.4]) == pytest.approx(0.4)
    assert rank_biserial([0.1, 0.2]) == 1 and rank_biserial([-0.1, -0.2]) == -1
    assert rank_biserial([0.1, -0.1, 0.0]) == 0
    assert np.isnan(rank_biserial([0.0, 0.0]))
    assert signed_rank(pairs([[0.0, 0.0]])).p == 1


def test_holm_by_hand():
    # Ascending 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1, and never falling.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert len(holm([])) == 0


def test_chance_alone_seldom_passes_holm(monkeypatch):
    """Families of 4 tests of nothing: at most 5 % of them hold a p below 0.05 once corrected."""
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels calls it for each family: 0.2 s among other tests
    random = np.random.default_rng(1)
    families = [holm([signed_rank(pairs(random.normal(0, 1, (1, 12)))).p for _ in range(4)]).min() for _ in range(100)]
    assert np.mean(np.array(families) < 0.05) <= 0.08


def test_p_is_printed_as_readers_know_it():
    assert [probability(p) for p in (0.0004, 0.0312, 1.0)] == ["< 0.001", "0.031", "1.000"]


@pytest.fixture
def asked(settings):
    def make(*arguments, control="scratch", methods=("regression", "contrastive")):
        base = settings(*arguments)
        return DifferenceTableSettings(
            titles=base.titles,
            runs=base.runs,
            intervals=Intervals(resamples=200),
            control=control,
            methods=list(methods),
        )

    return make


def test_the_table_holds_each_comparison_with_what_it_rests_on(scores, asked):
    table = difference_table(scores, asked())
    assert len(table.rows) == 2 * 2 * 4
    row = table.rows[(table.rows["cohort"] == "liver") & (table.rows["method"] == "contrastive")].iloc[1]
    one = scores[(scores["cohort"] == "liver") & (scores["n"] == 2)]
    cell = differences(one[one["method"] == "contrastive"], one[one["method"] == "scratch"])
    expected = summarise(cell, Intervals(resamples=200), DIFFERENCE)
    assert (row["n"], row["difference"], row["low"], row["high"]) == (2, expected.mean, expected.low, expected.high)
    assert row["p"] == signed_rank(cell).p
    for _, family in table.rows.groupby("cohort"):
        assert family["p_holm"].to_numpy() == pytest.approx(holm(family["p"]))
    assert [section.title for section in table.sections] == [
        "Liver, phantom, minus scratch",
        "Prostate, phantom, minus scratch",
    ]
    for form in (as_markdown, as_latex, as_html):
        assert f"{row['difference']:+.3f}" in form(table)


def test_nothing_to_compare_is_said(scores, asked):
    table = difference_table(scores, asked(control=None, methods=()))
    assert table.rows.empty
    assert "Nothing to compare" in table.notes[0]
    assert "| -" in as_markdown(table)


def test_the_control_and_its_methods_come_from_the_experiment():
    cohorts = {"c": {"source": {"kind": "phantom", "anatomy": "pelvis", "labelled": 4}, "test": 1}}
    methods = {
        "scratch": {"pretext": "none"},
        "regression": {"pretext": "regression"},
        "supervised": {"pretext": "none", "labels": ["all"]},
    }
    experiment = Experiment.model_validate({"study": "s", "cohorts": cohorts, "methods": methods, "labels": [1, 2]})
    found = difference_table_settings(experiment)
    assert (found.control, found.methods) == ("scratch", ["regression"])
