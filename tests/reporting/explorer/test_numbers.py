"""Numbers and choices behind the page, against hands and against the house's own statistics."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.figures.explorer import explorer_settings
from fewlabel.config.jobs.tables.differences import difference_table_settings
from fewlabel.config.jobs.tables.labels_needed import labels_table_settings
from fewlabel.inference.metrics import dice
from fewlabel.reporting.explorer.cells import cells, differences
from fewlabel.reporting.explorer.facts import fact_rows
from fewlabel.reporting.explorer.selection import by_interest, shown_size, shown_slices
from fewlabel.reporting.explorer.volumes import resize_masks, slice_dice
from fewlabel.reporting.statistics.summary import summarise
from helpers.explored import METHODS, experiment

INTERVALS = Intervals(resamples=100)


def table(values):
    """Scores from {(method, n, draw): {subject: dice}}."""
    rows = [(*key, subject, dice) for key, row in values.items() for subject, dice in row.items()]
    scores = pd.DataFrame(rows, columns=["method", "n", "draw", "subject", "dice"])
    return scores.assign(hd95_mm=np.where(scores["dice"] < 0.2, np.nan, 3.0))


SCORES = table(
    {
        ("scratch", 1, 1): {"a": 0.1, "b": 0.5},
        ("scratch", 1, 2): {"a": 0.3, "b": 0.7},
        ("new", 1, 1): {"a": 0.2, "b": 0.4},
        ("new", 1, 2): {"a": 0.6, "b": 0.8},
        ("new", 2, 1): {"a": 0.9},
    }
)


def test_a_cell_holds_every_score_and_its_mean():
    runs = {("new", 1, 2): {"subjects": ["x"], "time": {"seconds": 3}}}
    found = cells(SCORES, ["new", "scratch"], ["a", "b"], runs, INTERVALS)
    assert [(cell["method"], cell["n"]) for cell in found] == [("new", 1), ("new", 2), ("scratch", 1)]
    assert [cell["undefined"] for cell in found] == [0, 0, 1]
    assert found[0]["mean"] == 0.5 and found[0]["dice"] == [[0.2, 0.4], [0.6, 0.8]]
    assert found[0]["subjects"] == [None, ["x"]] and found[0]["seconds"] == [None, 3.0]
    expected = summarise(SCORES[(SCORES["method"] == "new") & (SCORES["n"] == 1)], INTERVALS)
    assert found[0]["low"] == round(expected.low, 4) and found[0]["high"] == round(expected.high, 4)
    assert found[1]["dice"] == [[0.9, None]]
    assert found[1]["low"] is None  # one score has no interval, and JSON no NaN


def test_differences_are_paired_by_draw_and_subject_where_both_have_a_score():
    (found,) = differences(SCORES, "scratch", ["new", "scratch"], ["a", "b"], INTERVALS)
    assert (found["method"], found["n"]) == ("new", 1)
    assert found["dice"] == [0.2, 0.0] and found["mean"] == 0.1
    assert differences(SCORES, None, ["new"], ["a", "b"], INTERVALS) == []


def test_the_worst_the_best_and_the_middle_subject_come_first():
    scores = table({("m", 1, 1): {name: at / 10 for at, name in enumerate("abcdefg")}})
    assert by_interest(scores) == ["a", "g", "d", "b", "f", "c", "e"]
    assert by_interest(table({("m", 1, 1): {"only": 0.5}})) == ["only"]


@given(st.integers(1, 400), st.integers(2, 100))
def test_shown_slices_are_in_order_with_both_ends_and_never_too_many(count, most):
    found = shown_slices(count, most)
    assert len(found) == min(count, most) and found[0] == 0 and found[-1] == count - 1
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(
    ("size", "shown"),
    [((100, 80), (100, 80)), ((512, 256), (256, 128)), ((300, 400), (192, 256)), ((1, 999), (1, 256))],
)
def test_slices_become_smaller_and_keep_their_shape(size, shown):
    assert shown_size(*size, 256) == shown


@given(st.integers(0, 2**32 - 1))
def test_dice_of_slices_is_the_houses_dice_of_each_and_none_where_there_is_nothing(seed):
    random = np.random.default_rng(seed)
    predicted, truth = (random.random((2, 4, 3, 3)) < random.random((2, 4, 1, 1)) ** 3).astype(np.uint8)
    for at, found in enumerate(slice_dice(predicted, truth)):
        if predicted[at].any() or truth[at].any():
            assert found == round(dice(predicted[at], truth[at]), 3)
        else:
            assert found is None


def test_a_smaller_mask_is_inside_where_half_of_the_area_is():
    mask = np.zeros((2, 4, 4), np.uint8)
    mask[0, :2, :2], mask[0, 2, 2:], mask[0, 2, 0] = 1, 1, 1
    assert resize_masks(mask, (2, 2)).tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 0]]]


def test_facts_are_counted_and_summed_and_name_no_host_and_no_place():
    one = {
        "device": "cpu",
        "hardware": {"processor": "P", "host": "secret-host"},
        "time": {"seconds": 100.0, "started": "2026-01-02T03:04:05+00:00"},
        "command": ["/home/secret/bin"],
        "software": {"dirty": False},
        "warnings": ["all embeddings are alike"],
    }
    facts = dict(fact_rows([one], [one, {**one, "device": "cuda"}, {}]))
    assert facts["Trainings"] == "1 pretraining, 3 finetunings"
    assert facts["Finetuning time, summed"] == "3 min" and facts["Pretraining time, summed"] == "100 s"
    assert facts["Device"] == "cpu (2 trainings), cuda (1 training)"
    assert facts["Warnings"] == "all embeddings are alike" and facts["Uncommitted changes"] == "no"
    assert facts["First start"] == "2026-01-02 03:04:05+00:00" and "Last end" not in facts
    assert "secret" not in str(facts)


@pytest.mark.parametrize("named", [None, "as_long"])
@pytest.mark.parametrize("old", [False, True])
def test_the_page_compares_with_the_control_of_tables_3_and_4(named, old):
    methods = {**METHODS, "as_long": {"pretext": "none"}}
    study = experiment(methods=methods, figures={"paired_subjects": {"control": named if old else None}})
    study = study if old else study.model_copy(update={"control": named})
    controls = {
        settings(study).control for settings in (explorer_settings, difference_table_settings, labels_table_settings)
    }
    assert controls == {named or "scratch"}
