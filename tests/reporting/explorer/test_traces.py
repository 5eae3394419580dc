"""Traces of the explorer's plots against numbers by hand."""

import pytest

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.explorer import traces

LOOK = traces.TraceStyle(name="m", title="M &lt; 1", colour="#ff8000", symbol="circle", dash="solid", shift=1.1)


def cell(n, mean, low=None, high=None, dice=((0.4, 0.6),), undefined=0):
    return {
        "method": "m", "n": n, "mean": mean, "low": low, "high": high, "draws": list(range(1, len(dice) + 1)),
        "dice": [list(draw) for draw in dice], "subjects": [None] * len(dice), "seconds": [None] * len(dice),
        "undefined": undefined, "further": [],
    }  # fmt: skip


def test_methods_are_dodged_around_their_n_but_for_the_benchmark():
    titles = {
        name: MethodTitle(title=f"<{name}>", pretext="none", benchmark=name == "all") for name in ("a", "b", "c", "all")
    }
    looks = traces.trace_styles(titles)
    assert [looks[name].shift for name in ("a", "b", "c")] == pytest.approx([2**-0.05, 1, 2**0.05])
    assert looks["all"].shift == 1 and looks["all"].dash != "solid" and looks["a"].dash == "solid"
    assert looks["a"].title == "&lt;a&gt;"


def test_draws_without_a_score_have_no_mean():
    assert traces.draw_means(cell(1, 0.5, dice=[(0.4, None), (None, None), (0.2, 0.6)])) == pytest.approx([0.4, 0.4])


def test_a_curve_has_bars_at_its_means_and_a_point_for_each_draw():
    own = [cell(1, 0.5, 0.4, 0.7, dice=[(0.4, 0.6), (0.5, 0.5)]), cell(4, 0.8, 0.75, 0.85)]
    draws, means = traces.curve(LOOK, own, 0.95)
    assert list(means.x) == pytest.approx([1.1, 4.4]) and list(means.error_y.array) == pytest.approx([0.2, 0.05])
    assert list(means.error_y.arrayminus) == pytest.approx([0.1, 0.05])
    assert list(draws.x) == pytest.approx([1.1, 1.1]) and list(draws.y) == pytest.approx([0.5, 0.5])
    assert list(means.y) == [0.5, 0.8] and [list(point) for point in means.customdata] == [[1], [4]]
    assert "95 % interval 0.400 to 0.700" in means.hovertext[0] and "2 draws: 0.500, 0.500" in means.hovertext[0]
    assert "M &lt; 1" in means.hovertext[1] and "its 2 test subjects" in means.hovertext[1]


def test_a_cell_without_an_interval_has_no_bar():
    *_, means = traces.curve(LOOK, [cell(1, 0.5, undefined=1)], 0.95)
    assert (list(means.error_y.array), list(means.error_y.arrayminus)) == ([0], [0])
    assert "interval" not in means.hovertext[0] and "HD95 undefined in 1 of 2 scores" in means.hovertext[0]


def test_the_benchmark_spans_all_n():
    band, line = traces.benchmark(LOOK, cell(9, 0.9, 0.85, 0.95), [1, 2, 8], 0.95)
    assert line.x[0] < 1 and line.x[-1] > 8 and set(line.y) == {0.9}
    assert list(band.y) == [0.85, 0.85, 0.95, 0.95]
    assert [list(point) for point in line.customdata] == [[9]] * 5


def test_a_difference_has_a_point_for_each_subject_that_opens_its_volume():
    own = [{"method": "m", "n": 2, "mean": 0.1, "low": None, "high": None, "dice": [0.2, None, 0.0]}]
    points, means = traces.difference(LOOK, own, ["ann", "bob", "<eve>"], "scratch", 0.9)
    assert list(points.y) == [0.2, 0.0] and [list(point) for point in points.customdata] == [[2, 0], [2, 2]]
    assert "&lt;eve&gt;" in points.hovertext[1] and "+0.200" in points.hovertext[0]
    assert "minus scratch, N = 2<br>mean difference +0.100<br>click" in means.hovertext[0]


def test_a_number_of_the_paper_for_all_labels_lies_right_of_the_largest_n():
    everything = next(point for point in paper.PUBLISHED if point.n is None)
    counted = next(point for point in paper.PUBLISHED if point.n is not None)
    assert traces.published(everything, [1, 8]).x[0] > 8
    assert traces.published(counted, [1, 8]).x[0] == counted.n
