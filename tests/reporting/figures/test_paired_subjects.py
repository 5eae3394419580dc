"""The figure of subjects in pairs: every point is a score, every difference the mean of its pairs."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Intervals, PairedSubjects
from fewlabel.config.jobs.figures.paired_subjects import PairedSettings, paired_settings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.paired_subjects import SWARM_POINT, paired_subjects, pairs
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise
from helpers.synthetic_results import COHORTS, METHODS

INTERVALS = Intervals(resamples=200)


@pytest.fixture
def asked(settings):
    def make(*arguments, control="scratch", methods=("regression", "contrastive"), left_out=(), **figure):
        base = settings(*arguments)
        return PairedSettings(
            titles=base.titles,
            runs=base.runs,
            intervals=INTERVALS,
            control=control,
            methods=list(methods),
            left_out=list(left_out),
            figure=PairedSubjects(**figure),
        )

    return make


def by_hand():
    """Two draws, two subjects: +0.1 and +0.3 for x, -0.1 and +0.1 for y."""
    ours, control = [0.5, 0.4, 0.8, 0.6], [0.4, 0.5, 0.5, 0.5]
    table = pd.DataFrame({"draw": [1, 1, 2, 2], "subject": ["x", "y", "x", "y"]})
    return table.assign(dice=ours), table.assign(dice=control)


def test_differences_are_taken_of_the_same_draw_and_subject():
    ours, control = by_hand()
    found = differences(ours.iloc[::-1], control).set_index(["draw", "subject"])["dice"]
    assert found.loc[1, "x"] == pytest.approx(0.1) and found.loc[2, "x"] == pytest.approx(0.3)
    assert found.loc[1, "y"] == pytest.approx(-0.1) and found.loc[2, "y"] == pytest.approx(0.1)
    assert summarise(differences(ours, control), INTERVALS).mean == pytest.approx(0.1)
    assert len(differences(ours, control.iloc[1:])) == 3


def pairs_by_hand(asked, draws):
    ours, control = by_hand()
    scores = pd.concat([ours.assign(method="regression"), control.assign(method="scratch")]).assign(cohort="c", n=4)
    cohorts = {"c": CohortTitle(title="C", stands_for=None)}
    (found,) = pairs(scores, asked(cohorts, methods=("regression",), draws=draws))
    return found


def test_points_are_means_over_draws_or_every_draw_and_the_difference_is_the_same(asked):
    mean, each = (pairs_by_hand(asked, draws) for draws in ("mean", "each"))
    assert mean.points[["subject", "control", "method"]].to_numpy().tolist() == [
        ["x", pytest.approx(0.45), pytest.approx(0.65)],
        ["y", pytest.approx(0.5), pytest.approx(0.5)],
    ]
    assert len(each.points) == 4
    assert mean.gains.equals(each.gains)
    assert mean.gains[["n", "mean"]].to_numpy().tolist() == [[4, pytest.approx(0.1)]]


def test_every_subject_is_a_line_from_the_control_to_the_method(scores, asked):
    figure = paired_subjects(scores, asked())
    upper, lower = figure.axes[:2]
    means = scores[scores["cohort"] == "liver"].groupby(["method", "n", "subject"])["dice"].mean()
    lines = [line.get_ydata() for line in upper.get_lines()]
    expected = np.stack([means["scratch"], means["regression"]], axis=1)
    assert np.array(lines) == pytest.approx(expected)
    left, right = (found for found in upper.collections if isinstance(found, PathCollection))
    assert [to_hex(found.get_facecolor()[0]) for found in (left, right)] == [style.GREY, style.BLUE]
    assert (left.get_offsets()[:, 0] < right.get_offsets()[:, 0]).all()
    assert [label.get_text() for label in lower.get_xticklabels()] == ["1", "2", "4", "8"]


def test_below_are_the_mean_differences_with_their_intervals_and_numbers(scores, asked):
    lower = paired_subjects(scores, asked()).axes[1]
    rows = scores[scores["cohort"] == "liver"]
    points = {
        x: (y, line.get_markerfacecolor() != "white")
        for line in lower.get_lines()
        if line.get_marker() == "s" and line.get_clip_on()
        for x, y in zip(*line.get_data(), strict=True)
    }
    (bars,) = (found for found in lower.collections if isinstance(found, LineCollection))
    ends = {segment[0, 0]: segment[:, 1] for segment in bars.get_segments()}
    limits = lower.get_ylim()
    for index, n in enumerate((1, 2, 4, 8)):
        ours, control = (rows[(rows["method"] == name) & (rows["n"] == n)] for name in ("regression", "scratch"))
        expected = summarise(differences(ours, control), INTERVALS, DIFFERENCE)
        if index in points:
            assert points[index] == (pytest.approx(expected.mean), expected.low > 0 or expected.high < 0)
            assert ends[index] == pytest.approx(np.clip([expected.low, expected.high], *limits))
        else:
            assert not limits[0] <= expected.mean <= limits[1] and n < 8
        numbers = [f"{end:+.3f}".replace("-", "\N{MINUS SIGN}") for end in (expected.mean, expected.low, expected.high)]
        assert lower.texts[index].get_text().replace(" to", "").split() == numbers


def test_of_more_than_20_subjects_each_difference_is_a_point_of_a_swarm(table, asked):
    scores = table(subjects=30, counts=(1, 8))
    figure = paired_subjects(scores, asked(COHORTS, METHODS, (1, 8)))
    upper = figure.axes[0]
    means = scores[scores["cohort"] == "liver"].groupby(["method", "n", "subject"])["dice"].mean()
    for index, n in enumerate((1, 8)):
        dots = [found for found in upper.collections if isinstance(found, PathCollection)][index].get_offsets()
        assert sorted(dots[:, 1]) == pytest.approx(sorted(means["regression", n] - means["scratch", n]))
        assert np.abs(dots[:, 0] - index).max() < 0.5
    assert len(figure.axes[1].texts) == 2  # the numbers
    assert "regression minus scratch" in [text.get_text() for text in upper.texts]


def test_points_of_a_swarm_do_not_lie_on_each_other(table, asked):
    figure = paired_subjects(table(subjects=40, counts=(1, 8)), asked(COHORTS, METHODS, (1, 8)))
    figure.canvas.draw()
    for dots in (each for each in figure.axes[0].collections if isinstance(each, PathCollection)):
        places = dots.get_offset_transform().transform(dots.get_offsets())
        distances = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        assert distances[~np.eye(len(places), dtype=bool)].min() > 0.9 * SWARM_POINT * figure.dpi / 72


def test_one_wide_interval_does_not_set_the_axis(scores, asked):
    luck = (scores["n"] == 1) & (scores["method"] == "regression") & (scores["draw"] == 1)
    scores = scores.assign(dice=scores["dice"].where(~luck, 0.0))
    figure = paired_subjects(scores, asked(methods=("regression",)))
    low, high = figure.axes[1].get_ylim()
    assert high - low < 0.3
    assert "interval continues" in words(figure) or "value beyond the axis" in words(figure)


def test_an_interval_that_ends_just_below_0_is_not_shown_as_one_that_ends_there(asked, scores):
    gains = dict(zip(sorted(scores["subject"].unique()), (-0.002, 0.0, 0.002, 0.004, 0.006, 0.008), strict=True))
    scores = scores.assign(dice=0.5)
    scores.loc[scores["method"] == "regression", "dice"] += scores["subject"].map(gains)
    lower = paired_subjects(scores, asked(methods=("regression",))).axes[1]
    mean, low, high = lower.texts[0].get_text().replace("to", " ").split()
    assert (mean, low[0], high[0]) == ("+0.003", "\N{MINUS SIGN}", "+")


@pytest.mark.parametrize(("counts", "lines"), [((4,), 2), ((1, 2, 3, 4, 8), 3), (tuple(range(1, 11)), None)])
def test_numbers_are_broken_and_then_left_out_where_they_would_meet(table, asked, counts, lines):
    figure = paired_subjects(table(counts=counts), asked(COHORTS, METHODS, counts))
    texts = figure.axes[1].texts
    assert {len(text.get_text().splitlines()) for text in texts} == ({lines} if lines else set())


def test_panels_of_one_cohort_stand_two_beside_each_other(table, asked):
    cohorts = {"c": CohortTitle(title="C", stands_for=None)}
    upper = paired_subjects(table(cohorts), asked(cohorts)).axes[::2]
    assert [axes.get_subplotspec().colspan.start for axes in upper] == [0, 1]


def test_panels_of_one_cohort_share_their_scales(scores, asked):
    axes = paired_subjects(scores, asked()).axes
    liver, prostate = axes[0::4], axes[2::4]
    for panels in (liver, prostate):
        assert len({panel.get_ylim() for panel in panels}) == 1
    assert liver[0].get_ylim() != prostate[0].get_ylim()
    titles = [panel.get_title("left") for panel in axes[0::2]]
    assert titles == ["Liver, phantom", "Prostate, phantom"] * 2


def words(figure):
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    return " ".join(" ".join(text.get_text().split()) for text in texts)


def test_it_says_what_a_line_is_and_what_is_left_out(scores, asked, table, settings):
    figure = paired_subjects(scores, asked(left_out=["a", "b"]))
    note = figure.legends[0].get_title().get_text()
    assert "Lines: one test subject, mean over 3 draws; 6 subjects." in note
    assert "Not shown: 2 further methods." in note and "95 % interval" in words(figure)
    each = paired_subjects(scores, asked(draws="each"))
    assert "one test subject in one draw;" in each.legends[0].get_title().get_text()


def test_of_one_draw_and_one_subject_there_is_no_interval(table, asked, settings):
    figure = paired_subjects(table(draws=1, subjects=1), asked(*settings_of(1)))
    lower = figure.axes[1]
    assert not [found for found in lower.collections if isinstance(found, LineCollection)]
    assert "to" not in lower.texts[0].get_text()
    assert "Lines: one test subject; 1 subject." in figure.legends[0].get_title().get_text()


def settings_of(draws):
    return COHORTS, METHODS, (1, 2, 4, 8), draws


@pytest.mark.parametrize(
    ("control", "methods", "said"),
    [
        (None, (), "No method starts at random"),
        ("scratch", (), "No other method is finetuned at an N of the control"),
        ("supervised", ("regression",), "No other method is finetuned at an N of the control"),
    ],
)
def test_where_there_is_nothing_to_compare_it_says_so(scores, asked, control, methods, said):
    figure = paired_subjects(scores, asked(control=control, methods=methods))
    assert not figure.axes and said in words(figure)


@pytest.mark.parametrize("counts", [(4,), tuple(range(1, 12))])
def test_many_cohorts_and_long_titles_stay_within_the_figure(table, asked, counts):
    cohorts = {f"c{i}": CohortTitle(title="A cohort of a long name $x_ " * 4, stands_for=None) for i in range(5)}
    methods = {f"m{i}": MethodTitle(title=f"Method {i} " * 9, pretext="none", benchmark=False) for i in range(3)}
    scores = table(cohorts, methods, counts, draws=2, subjects=3)
    figure = paired_subjects(scores, asked(cohorts, methods, counts, 2, control="m0", methods=("m1", "m2")))
    with style.applied():
        figure.draw_without_rendering()
    assert len(figure.axes) == 20
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    # Numbers are left out where they would meet.
    assert bool(figure.axes[1].texts) == (len(counts) == 1)


BASE = {"cohorts": {"c": {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}}}, "labels": [1, 2]}


def test_the_control_is_the_first_that_starts_at_random_and_others_share_an_n_with_it():
    methods = {
        "upper": {"pretext": "none", "labels": ["all"]},
        "apart": {"pretext": "regression", "labels": [5]},
        "scratch": {"pretext": "none"},
        **{f"m{i}": {"pretext": "regression"} for i in range(8)},
    }
    found = paired_settings(Experiment.model_validate({**BASE, "methods": methods}))
    assert found.control == "scratch"
    assert found.methods == [f"m{i}" for i in range(6)] and found.left_out == ["m6", "m7"]
    named = {"paired_subjects": {"methods": ["m7", "scratch"], "control": "m1"}}
    found = paired_settings(Experiment.model_validate({**BASE, "methods": methods, "figures": named}))
    assert (found.control, found.methods, found.left_out) == ("m1", ["m7", "scratch"], [])
    found = paired_settings(Experiment.model_validate({**BASE, "methods": {"m": {"pretext": "regression"}}}))
    assert (found.control, found.methods) == (None, [])
