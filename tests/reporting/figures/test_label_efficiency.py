"""The label-efficiency figure: multiples that can be worked out by hand, bounds, and what it says without a control."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelEfficiency
from fewlabel.config.jobs.comparisons import benchmark_method
from fewlabel.config.jobs.figures.label_efficiency import EfficiencySettings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.label_efficiency import label_efficiency, multiples
from fewlabel.reporting.statistics.labels_needed import equivalents

INTERVALS = Intervals(resamples=400)


@pytest.fixture
def asked(settings):
    def make(*arguments, control="scratch", methods=("regression", "contrastive"), **figure):
        base = settings(*arguments)
        return EfficiencySettings(
            titles=base.titles,
            runs=base.runs,
            intervals=INTERVALS,
            control=control,
            methods=list(methods),
            left_out=[],
            figure=LabelEfficiency(**figure),
        )

    return make


def cells(by_n):
    """Every draw and subject has the mean's Dice, so that nothing varies."""
    return {
        n: pd.DataFrame([{"draw": d, "subject": s, "dice": dice} for d in (1, 2, 3) for s in "xyz"])
        for n, dice in by_n.items()
    }


def test_the_controls_labels_are_interpolated_in_log_n():
    found = equivalents(cells({1: 0.6, 2: 0.5, 4: 0.7}), cells({1: 0.5, 4: 0.7}), INTERVALS).set_index("n")
    assert found["low"].tolist() == found["high"].tolist() == found["value"].tolist() == [2, 1, 4]


def test_dice_beyond_the_control_is_a_bound():
    found = equivalents(cells({1: 0.4, 2: 0.9}), cells({1: 0.5, 4: 0.7}), INTERVALS)
    assert found["value"].tolist() == [0, np.inf]


def test_a_method_that_equals_the_control_needs_as_many_labels_with_1_in_the_interval(scores):
    one = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch")]
    curve = {int(n): cell for n, cell in one.groupby("n")}
    found = equivalents(curve, curve, INTERVALS)
    assert found["value"].tolist() == pytest.approx(found["n"].tolist())
    assert (found["low"] <= found["n"]).all() and (found["n"] <= found["high"]).all()


def drawn(axes, colour):
    return {
        2 ** round(np.log2(x)): (y, to_hex(line.get_markerfacecolor()) != "#ffffff")
        for line in axes.get_lines()
        if line.get_linestyle() == "None" and line.get_marker() in style.MARKERS
        and to_hex(line.get_markeredgecolor()) == colour
        for x, y in zip(*line.get_data(), strict=True)
    }  # fmt: skip


def test_points_are_the_multiples_filled_where_their_interval_excludes_1(scores, asked):
    settings = asked()
    rows = multiples(scores, settings)
    figure = label_efficiency(scores, settings)
    for axes, cohort in zip(figure.axes, ("liver", "prostate"), strict=True):
        for method, colour in (("regression", style.BLUE), ("contrastive", style.ORANGE)):
            own = rows[(rows["cohort"] == cohort) & (rows["method"] == method)]
            points = drawn(axes, colour)
            for _, row in own.iterrows():
                value, filled = points[row["n"]]
                assert value == pytest.approx(np.clip(row["mean"], 1 / row["n"], 8 / row["n"]))
                assert filled == (row["low"] > 1 or row["high"] < 1)
    assert axes.yaxis.get_major_formatter()(0.25, 0) == "1/4 ×" and axes.yaxis.get_major_formatter()(2, 0) == "2 ×"


def test_a_better_method_saves_labels(scores, asked):
    rows = multiples(scores, asked())
    assert (rows.loc[rows["n"] == 2, "mean"] > 1).all()


def test_bounds_are_marked_and_explained(scores, asked):
    better = scores["dice"] + np.where(scores["method"] == "contrastive", 0.2, 0)
    figure = label_efficiency(scores.assign(dice=better.clip(0, 1)), asked())
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[-1].startswith("at least")
    up = [line for line in figure.axes[0].get_lines() if line.get_marker() == 10]
    assert sum(len(line.get_xdata()) for line in up) >= 4


def test_intervals_are_left_out_if_asked_for(scores, asked):
    figure = label_efficiency(scores, asked(intervals="none"))
    assert not [bars for axes in figure.axes for bars in axes.collections if isinstance(bars, LineCollection)]
    assert not [text for text in figure.legends[0].get_texts() if "interval" in text.get_text()]


@pytest.mark.parametrize(
    ("control", "methods", "counts", "said"),
    [
        (None, (), (1, 2), "No method starts at random"),
        ("scratch", (), (1, 2), "No other method is finetuned at an N of the control"),
        ("scratch", ("regression",), (4,), "The control has only one N"),
    ],
)
def test_where_nothing_can_be_compared_it_says_so(table, asked, methods, control, counts, said):
    from helpers.synthetic_results import COHORTS, METHODS

    figure = label_efficiency(table(counts=counts), asked(COHORTS, METHODS, counts, control=control, methods=methods))
    text = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert not figure.axes and "not drawn" in text and said in text


@pytest.mark.parametrize("counts", [(1, 2), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_many_cohorts_methods_and_long_titles_stay_within_the_figure(table, asked, counts):
    cohorts = {f"c{i}": CohortTitle(title="A cohort of a long name " * 4, stands_for=None) for i in range(5)}
    methods = {f"m{i}": MethodTitle(title=f"Method {i} $x_", pretext="regression", benchmark=False) for i in range(19)}
    methods["all"] = MethodTitle(title="Benchmark", pretext="none", benchmark=True)
    scores = table(cohorts, methods, counts, draws=1, subjects=3)
    settings = asked(cohorts, methods, counts, 1, control="m0", methods=[f"m{i}" for i in range(1, 19)])
    figure = label_efficiency(scores, settings)
    with style.applied():
        figure.draw_without_rendering()
    assert len(figure.axes) == 5
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1


BASE = {"cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}}}, "labels": [1, 2]}
SCRATCH, ALL = {"pretext": "none"}, {"pretext": "none", "labels": ["all"]}


@pytest.mark.parametrize(
    ("methods", "named", "expected"),
    [
        ({"scratch": SCRATCH, "upper": ALL}, None, "upper"),
        ({"scratch": {**SCRATCH, "labels": [1, "all"]}, "upper": ALL}, None, "upper"),
        ({"scratch": {**SCRATCH, "labels": [1, "all"]}}, None, "scratch"),
        ({"scratch": SCRATCH, "regression": {"pretext": "regression", "labels": [1, "all"]}}, None, None),
        ({"scratch": SCRATCH, "upper": ALL}, "scratch", "scratch"),
    ],
)
def test_the_benchmark_is_the_one_named_or_the_first_that_has_all_labels_and_no_pretraining(methods, named, expected):
    figures = {"label_efficiency": {"reference": named}}
    for place in ({"figures": figures}, {"benchmark": named}):
        experiment = Experiment.model_validate({**BASE, "methods": methods, **place})
        assert benchmark_method(experiment) == expected


def test_titles_stay_text(table, asked):
    cohorts = {"c": CohortTitle(title="$a_{b}$ & <i>", stands_for=None)}
    axes = label_efficiency(table(cohorts), asked(cohorts)).axes[0]
    assert axes.get_title("left") == "$a_{b}$ & <i>"
    assert isinstance(asked(cohorts).titles, Titles)
