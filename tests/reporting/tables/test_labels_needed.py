"""Table 4: N interpolated by hand, bounds where curves end, paired replicates, and the published hippocampus."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.tables.labels_needed import LabelsTableSettings, labels_table_settings
from fewlabel.reporting.results.folder import read_experiment
from fewlabel.reporting.statistics.labels_needed import crossing, labels_needed, labels_saved
from fewlabel.reporting.statistics.scores import read_scores
from fewlabel.reporting.tables.formats import as_markdown
from fewlabel.reporting.tables.labels_needed import labels_table

PUBLISHED = Path(__file__).parents[3] / "results/published/hippocampus"
INTERVALS = Intervals(resamples=300)
EQUAL = {"scratch": 9, "supervised": 9}


def cell(dice, scatter=0.0, seed=0, draws=4, subjects=6):
    """Scores of one cell with exactly this mean."""
    noise = (
        np.random.default_rng(seed).normal(0, scatter, (draws, subjects)) if scatter else np.zeros((draws, subjects))
    )
    values = dice + noise - noise.mean()
    return pd.DataFrame(
        [(draw + 1, f"s{subject}", values[draw, subject]) for draw, subject in np.ndindex(draws, subjects)],
        columns=["draw", "subject", "dice"],
    )


def curve(by_n, scatter=0.0):
    return {n: cell(dice, scatter, seed=n) for n, dice in by_n.items()}


# ------------------------------------------------------------------------------------------------------ by hand
@pytest.mark.parametrize(
    ("dice", "target", "n"),
    [
        ([0.4, 0.6, 0.8], 0.6, 2.0),
        ([0.4, 0.6, 0.8], 0.7, 2 * 2**0.5),  # half-way between 2 and 4 in log N
        ([0.4, 0.6, 0.8], 0.45, 2**0.25),
        ([0.4, 0.6, 0.8], 0.4, 1.0),
        ([0.4, 0.6, 0.8], 0.3, 1.0),
        ([0.4, 0.6, 0.8], 0.81, np.inf),
        ([0.4, 0.7, 0.5], 0.55, 2**0.5),  # the first time counts
        ([0.5, 0.5, 0.5], 0.5, 1.0),
    ],
)
def test_the_crossing_by_hand(dice, target, n):
    assert crossing([1, 2, 4], [dice], [target])[0] == pytest.approx(n)


def test_a_curve_without_scatter_needs_the_same_in_every_replicate():
    # The benchmark scores 0.9: 90 % is 0.81, between N = 2 (0.72) and N = 4 (0.9) at a half of the way in log N.
    needed = labels_needed({"m": curve({1: 0.5, 2: 0.72, 4: 0.9})}, cell(0.9), [0.9], INTERVALS)["m"][0]
    assert needed.value == pytest.approx(2 * 2**0.5)
    assert (needed.low, needed.high) == pytest.approx((needed.value, needed.value))
    assert (needed.smallest, needed.largest) == (1, 4)


def test_labels_saved_by_hand_and_of_itself_none():
    curves = {"control": curve({1: 0.4, 4: 0.8}), "better": curve({1: 0.6, 4: 0.8}), "same": curve({1: 0.4, 4: 0.8})}
    needed = labels_needed(curves, cell(0.8), [0.75], INTERVALS)  # 0.6: N = 2 of the control, 1 of the better
    saved = labels_saved(needed["better"][0], needed["control"][0], INTERVALS)
    assert (saved.value, saved.bound) == (pytest.approx(1.0), "")
    assert (saved.low, saved.high) == pytest.approx((1.0, 1.0))
    none = labels_saved(needed["same"][0], needed["control"][0], INTERVALS)
    assert (none.value, none.low, none.high) == (0, 0, 0)


def test_equal_scatter_of_two_methods_cancels_since_replicates_are_paired():
    by_n = {1: 0.4, 2: 0.6, 4: 0.8}
    curves = {"control": curve(by_n, 0.05), "twin": curve(by_n, 0.05)}
    needed = labels_needed(curves, cell(0.85, 0.05), [0.8], INTERVALS)
    assert needed["twin"][0].low < needed["twin"][0].value < needed["twin"][0].high
    saved = labels_saved(needed["twin"][0], needed["control"][0], INTERVALS)
    assert (saved.low, saved.high) == (0, 0)


@pytest.mark.parametrize(
    ("control", "method", "value", "bound"),
    [
        ({2: 0.4, 8: 0.5}, {2: 0.4, 8: 0.8}, 8 - 2 * 2**1.0, "at least"),  # the control never gets there
        ({2: 0.4, 8: 0.8}, {2: 0.4, 8: 0.5}, 2 * 2**1.0 - 8, "at most"),
        ({2: 0.4, 8: 0.8}, {2: 0.7, 8: 0.8}, 2 * 2**1.0 - 2, "at least"),  # the method may need fewer than two
        ({2: 0.4, 8: 0.5}, {2: 0.4, 8: 0.5}, np.nan, ""),
        ({2: 0.7, 8: 0.8}, {2: 0.7, 8: 0.8}, np.nan, ""),
    ],
)
def test_beyond_what_was_tried_there_are_bounds_or_nothing(control, method, value, bound):
    needed = labels_needed({"c": curve(control), "m": curve(method)}, cell(0.8), [0.75], INTERVALS)
    saved = labels_saved(needed["m"][0], needed["c"][0], INTERVALS)
    assert (saved.value, saved.bound) == (pytest.approx(value, nan_ok=True), bound)


# ------------------------------------------------------------------------------------------------------- the table
def settings(**changes):
    own = labels_table_settings(read_experiment(PUBLISHED))
    return LabelsTableSettings.model_validate({**own.model_dump(), **changes})


def test_the_published_hippocampus_by_numpys_own_interpolation():
    scores = read_scores(PUBLISHED / "scores.csv")
    rows = labels_table(scores, settings()).rows.set_index(["method", "share"])
    means = scores.groupby(["method", "n"])["dice"].mean()
    for method in ("scratch", "regression", "contrastive"):
        own = means[method].loc[:16]
        for share in (0.9, 0.95):
            # Each of these curves rises up to 16, beyond both shares, so its inverse is a function.
            n = np.exp(np.interp(share * means["supervised", 200], own, np.log(own.index)))
            assert rows.loc[(method, share), "n"] == pytest.approx(n)
    control = rows.loc["scratch"]
    assert control["saved"].isna().all()
    for share in (0.9, 0.95):
        assert rows.loc[("contrastive", share), "saved"] == pytest.approx(
            control.loc[share, "n"] - rows.loc[("contrastive", share), "n"]
        )
    assert (rows["n_low"] <= rows["n"]).all() and (rows["n"] <= rows["n_high"]).all()


def test_what_readers_see():
    scores = read_scores(PUBLISHED / "scores.csv")
    text = as_markdown(labels_table(scores, settings()))
    assert " 90 % (0.809) |" in text and "25.1 to > 128 |" in text and "Labels saved" in text
    assert '- "> 128": the share is not reached with 128 labelled subjects' in text
    assert "inf" not in text.replace("interval", "") and "nan" not in text


def test_unequal_steps_of_finetuning_are_told_with_who_had_how_many():
    scores = read_scores(PUBLISHED / "scores.csv")
    (note,) = (note for note in labels_table(scores, settings()).notes if "teps" in note)
    assert "differ: 4000 for Supervised benchmark; 2000 for Scratch, Regression, Contrastive." in note
    assert not any("teps" in note for note in labels_table(scores, settings(steps=EQUAL)).notes)


def test_a_method_of_one_n_has_no_row_beside_curves():
    scores = read_scores(PUBLISHED / "scores.csv")
    one = scores[(scores["method"] != "regression") | (scores["n"] == 8)]
    runs = settings().runs
    few = settings(runs={**runs.model_dump(), "labels": {**runs.labels, "regression": [8]}})
    table = labels_table(one, few)
    assert set(table.rows["method"]) == {"scratch", "contrastive"}
    assert "Left out, since one N makes no curve: Regression." in table.notes
    # Where nobody has more, all of them say at least on which side of their N the share lies.
    only = scores[(scores["n"] == 8) | (scores["method"] == "supervised")]
    labels = {name: ["all"] if name == "supervised" else [8] for name in runs.labels}
    alone = settings(runs={**runs.model_dump(), "labels": labels})
    table = labels_table(only, alone)
    assert set(table.rows["method"]) == {"scratch", "regression", "contrastive"}
    assert not any("Left out" in note for note in table.notes)


def test_without_a_benchmark_or_a_control_the_table_says_so():
    scores = read_scores(PUBLISHED / "scores.csv")
    none = labels_table(scores, settings(reference=None))
    assert none.rows.empty and "no method is trained on all labels" in none.notes[0]
    alone = labels_table(scores, settings(control=None, steps=EQUAL))
    assert alone.rows["saved"].isna().all() and not any("Labels saved" in note for note in alone.notes)
