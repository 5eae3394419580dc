"""The label-efficiency figure: shares that can be worked out by hand, and what it says where there are none."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, LabelEfficiency
from fewlabel.config.jobs.figures.label_efficiency import EfficiencySettings, efficiency_settings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.label_efficiency import label_efficiency, share_table
from fewlabel.reporting.statistics.summary import share

INTERVALS = Intervals(resamples=400)


@pytest.fixture
def asked(settings):
    def make(*arguments, reference="supervised", **figure):
        base = settings(*arguments)
        return EfficiencySettings(
            titles=base.titles,
            runs=base.runs,
            intervals=INTERVALS,
            reference=reference,
            figure=LabelEfficiency(**figure),
        )

    return make


def cell(dice, method="a", n=2):
    rows = [
        {"cohort": "c", "method": method, "n": n, "draw": draw, "subject": subject, "dice": value}
        for draw, row in enumerate(dice, 1)
        for subject, value in zip("xyz", row, strict=False)
    ]
    return pd.DataFrame(rows)


def test_a_share_is_the_ratio_of_the_means():
    found = share(cell([[0.2, 0.4], [0.4, 0.6]]), cell([[0.8, 0.8], [0.8, 0.8]]), INTERVALS)
    assert found.mean == pytest.approx(0.4 / 0.8)
    assert (found.draws, found.subjects) == (2, 2)
    assert 0 <= found.low < 0.5 < found.high


def test_what_scores_exactly_half_everywhere_has_no_interval_to_speak_of():
    """Numerator and denominator are resampled together: their common ups and downs leave the share alone."""
    reference = cell([[0.9, 0.5, 0.7], [0.8, 0.6, 0.2]])
    found = share(reference.assign(dice=reference["dice"] / 2), reference, INTERVALS)
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_order_of_rows_and_scores_that_are_missing_on_one_side_do_no_harm():
    one, other = cell([[0.2, 0.4], [0.4, 0.6]]), cell([[0.8, 0.6], [0.7, 0.9]])
    shuffled = share(one.sample(frac=1, random_state=1), other.sample(frac=1, random_state=2), INTERVALS)
    assert shuffled == share(one, other, INTERVALS)
    less = share(one.iloc[:-1], other, INTERVALS)
    assert less.mean == pytest.approx((1 / 3) / 0.75) and np.isfinite(less.low)


@pytest.mark.parametrize(("dice", "reference"), [([[0.3]], [[0.6]]), ([[0.3, 0.2]], [[0.0, 0.0]])])
def test_what_cannot_be_estimated_is_no_number(dice, reference):
    found = share(cell(dice), cell(reference), INTERVALS)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.mean) == (not np.any(reference))


def test_every_cell_is_a_share_of_its_own_cohorts_reference_at_its_largest_n(scores):
    shares = share_table(scores, "supervised", INTERVALS).set_index(["cohort", "method", "n"])
    means = scores.groupby(["cohort", "method", "n"])["dice"].mean()
    for cohort in ("liver", "prostate"):
        expected = means[cohort] / means[cohort, "supervised", 12]
        assert shares.loc[cohort]["mean"].to_numpy() == pytest.approx(expected.to_numpy())
        assert shares.loc[cohort, "supervised", 12][["mean", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
        assert shares.loc[cohort]["reference"].unique() == pytest.approx([means[cohort, "supervised", 12]])
        assert set(shares.loc[cohort]["reference_n"]) == {12}


def labelled(axes):
    return {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}


def test_curves_levels_and_the_whole_are_drawn(scores, asked):
    axes = label_efficiency(scores, asked()).axes[1]
    shares = share_table(scores, "supervised", INTERVALS).set_index(["cohort", "method"])
    lines = labelled(axes)
    for method, colour in (("scratch", style.GREY), ("regression", style.BLUE), ("contrastive", style.ORANGE)):
        assert lines[method].get_ydata() == pytest.approx(shares.loc[("prostate", method), "mean"].to_numpy())
        assert to_hex(lines[method].get_color()) == colour
    across = [line.get_ydata()[0] for line in axes.get_lines() if str(line.get_label()).startswith("_")]
    assert across == pytest.approx([0.9, 0.95, 0.99, 1])
    texts = [text.get_text() for text in axes.texts]
    assert texts[:3] == ["90 %", "95 %", "99 %"]
    dice = scores[(scores["cohort"] == "prostate") & (scores["method"] == "supervised")]["dice"].mean()
    assert texts[3] == f"100 %: supervised, N = 12, Dice {dice:.3f}"
    assert axes.yaxis.get_major_formatter()(0.85, 0) == "85 %"


def test_levels_and_intervals_are_those_asked_for(scores, asked):
    axes = label_efficiency(scores, asked(levels=[0.8], intervals="bars")).axes[0]
    assert [text.get_text() for text in axes.texts][:1] == ["80 %"]
    assert len([bars for bars in axes.collections if isinstance(bars, LineCollection)]) == 3
    assert not label_efficiency(scores, asked(intervals="none")).axes[0].collections


def test_names_of_levels_close_to_each_other_do_not_meet(scores, asked):
    """Where a curve begins at 0, the levels lie within a tenth of the panel."""
    few = scores["method"].isin(["scratch", "regression"]) & (scores["n"] == scores["n"].min())
    figure = label_efficiency(scores.assign(dice=scores["dice"].where(~few, 0)), asked(levels=[0.99, 0.97, 0.95]))
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
        assert boxes["95 %"].y1 <= boxes["97 %"].y0 and boxes["97 %"].y1 <= boxes["99 %"].y0


def test_without_a_reference_it_says_so_and_what_would_be_one(scores, asked):
    figure = label_efficiency(scores, asked(reference=None))
    text = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert not figure.axes and "not drawn" in text and "labels: [all]" in text


def test_of_a_reference_that_scores_nothing_there_are_no_curves(scores, asked):
    nothing = scores.assign(dice=scores["dice"].where(scores["method"] != "supervised", 0))
    axes = label_efficiency(nothing, asked()).axes[0]
    assert not labelled(axes)
    assert "no share" in axes.texts[-1].get_text()


@pytest.mark.parametrize("counts", [(4,), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_many_cohorts_methods_and_long_titles_stay_within_the_figure(table, asked, counts):
    cohorts = {f"c{i}": CohortTitle(title="A cohort of a long name " * 4, stands_for=None) for i in range(5)}
    methods = {f"m{i}": MethodTitle(title=f"Method {i} $x_", pretext="regression", benchmark=False) for i in range(19)}
    methods["all"] = MethodTitle(title="Benchmark", pretext="none", benchmark=True)
    scores = table(cohorts, methods, counts, draws=1, subjects=3)
    settings = asked(cohorts, methods, counts, 1, reference="all")
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
def test_the_reference_is_the_one_named_or_the_first_that_has_all_labels_and_no_pretraining(methods, named, expected):
    figures = {"label_efficiency": {"reference": named}}
    for place in ({"figures": figures}, {"benchmark": named}):
        experiment = Experiment.model_validate({**BASE, "methods": methods, **place})
        assert efficiency_settings(experiment).reference == expected


def test_titles_stay_text(table, asked):
    cohorts = {"c": CohortTitle(title="$a_{b}$ & <i>", stands_for=None)}
    axes = label_efficiency(table(cohorts), asked(cohorts)).axes[0]
    assert axes.get_title("left") == "$a_{b}$ & <i>"
    assert isinstance(asked(cohorts).titles, Titles)
