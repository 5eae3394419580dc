from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex

from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.label_curves import label_curves
from fewlabel.reporting.statistics.summary import summary_table
from fewlabel.utils.errors import InputError
from helpers.synthetic_results import METHODS


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found


def test_a_curve_shows_the_means_at_their_n(scores, settings):
    figure = label_curves(scores, settings())
    summary = summary_table(scores, settings().intervals).set_index(["cohort", "method"])
    for axes, cohort in zip(figure.axes, ("liver", "prostate"), strict=True):
        for method in ("scratch", "regression", "contrastive"):
            drawn, cells = line(axes, method), summary.loc[(cohort, method)]
            assert drawn.get_ydata() == pytest.approx(cells["mean"].to_numpy())
            assert np.abs(np.log2(drawn.get_xdata() / cells["n"].to_numpy())).max() < 0.15


def test_methods_stand_beside_each_other_and_have_their_colours(scores, settings):
    axes = label_curves(scores, settings()).axes[0]
    lines = [line(axes, method) for method in ("scratch", "regression", "contrastive")]
    assert [to_hex(drawn.get_color()) for drawn in lines] == [style.GREY, style.BLUE, style.ORANGE]
    assert len({drawn.get_xdata()[0] for drawn in lines}) == 3
    assert lines[0].get_xdata()[0] < lines[1].get_xdata()[0] < lines[2].get_xdata()[0]


def ends_of_bars(axes):
    bars = [bars for bars in axes.collections if isinstance(bars, LineCollection)]
    return [np.array([segment[:, 1] for segment in one.get_segments()]) for one in bars]


def bands(axes):
    return [found for found in axes.collections if isinstance(found, PolyCollection)]


def test_intervals_are_those_of_the_summary_as_bands_or_as_bars(scores, settings):
    summary = summary_table(scores, settings().intervals).set_index(["cohort", "method"]).loc[("liver", "regression")]
    axes = label_curves(scores, settings(intervals="bars")).axes[0]
    assert ends_of_bars(axes)[1] == pytest.approx(summary[["low", "high"]].to_numpy())
    assert not bands(axes)
    axes = label_curves(scores, settings()).axes[0]
    (outline,) = bands(axes)[1].get_paths()
    corners = {round(float(y), 9) for y in outline.vertices[:, 1]}
    assert corners == {round(float(y), 9) for y in summary[["low", "high"]].to_numpy().ravel()}
    assert not ends_of_bars(axes)


def test_a_single_n_has_a_bar_and_no_band(table, settings):
    axes = label_curves(table(counts=(4,)), settings(counts=(4,))).axes[0]
    assert [len(ends) for ends in ends_of_bars(axes)] == [1, 1, 1] and not bands(axes)


@pytest.mark.parametrize(("number", "kind"), [(3, "bands"), (4, "bars")])
def test_more_than_three_curves_have_bars_unless_told_otherwise(table, settings, number, kind):
    methods = {f"m{i}": MethodTitle(title=f"m{i}", pretext="none", benchmark=False) for i in range(number)}
    methods["supervised"] = METHODS["supervised"]
    scores = table(methods=methods)
    axes = label_curves(scores, settings(methods=methods)).axes[0]
    assert (len(bands(axes)), len(ends_of_bars(axes))) == ((number, 0) if kind == "bands" else (0, number))
    asked = label_curves(scores, settings(methods=methods, intervals="bands")).axes[0]
    assert len(bands(asked)) == number


def test_without_intervals_none_is_drawn_or_explained(scores, settings):
    figure = label_curves(scores, settings(intervals="none"))
    for axes in figure.axes:
        assert not bands(axes) and not ends_of_bars(axes) and not axes.patches
    assert "95 % interval" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_paper_is_left_out_if_asked_for(scores, settings):
    figure = label_curves(scores, settings(show_paper=False))
    assert not [drawn for axes in figure.axes for drawn in axes.get_lines() if "paper" in str(drawn.get_label())]
    assert not [text for text in figure.legends[0].get_texts() if "paper" in text.get_text()]


def test_the_supervised_benchmark_is_a_dotted_line_across(scores, settings):
    axes = label_curves(scores, settings()).axes[1]
    drawn = line(axes, "supervised")
    ours = scores[(scores["cohort"] == "prostate") & (scores["method"] == "supervised")]["dice"].mean()
    assert drawn.get_linestyle() == ":"
    assert list(drawn.get_ydata()) == pytest.approx([ours, ours])
    assert len(axes.patches) == 1  # its interval


def test_the_numbers_of_the_paper_are_marked_where_a_cohort_stands_for_one(scores, settings):
    liver, prostate = label_curves(scores, settings()).axes
    marked = [
        (*drawn.get_xdata(), *drawn.get_ydata()) for drawn in liver.get_lines() if drawn.get_label() == paper.SHORT
    ]
    assert marked == [(4, 0.81)]
    diamonds = {
        drawn.get_xdata()[0]: (drawn.get_ydata()[0], drawn.get_markeredgecolor())
        for drawn in prostate.get_lines()
        if drawn.get_label() == paper.SHORT
    }
    assert diamonds == {4: (0.74, style.INK), 8: (0.85, style.ORANGE)}
    assert list(line(liver, "paper, supervised").get_ydata()) == [0.86]


def test_the_numbers_of_the_paper_are_absent_elsewhere(table, settings):
    cohorts = {"hip": CohortTitle(title="Hippocampus", stands_for=None)}
    figure = label_curves(table(cohorts), settings(cohorts))
    assert not [drawn for drawn in figure.axes[0].get_lines() if str(drawn.get_label()).startswith("paper")]
    assert not [text for text in figure.legends[0].get_texts() if "paper" in text.get_text()]


def test_the_n_of_the_paper_has_its_place_on_the_axis(table, settings):
    axes = label_curves(table(counts=(1, 2)), settings(counts=(1, 2))).axes[1]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8"]


def test_axes_and_panels_are_labelled(scores, settings):
    figure = label_curves(scores, settings())
    liver, prostate = figure.axes
    assert (liver.get_title("left"), prostate.get_title("left")) == ("Liver, phantom", "Prostate, phantom")
    assert [text.get_text() for text in liver.texts] == ["6 test subjects, 3 draws, all labels: N = 12"]
    assert liver.get_xlabel() == "Labelled training subjects, N"
    assert liver.get_ylabel() == "Mean test Dice (0 to 1)"
    assert liver.get_xscale() == "log"


def test_the_legend_explains_every_mark_in_the_order_of_the_experiment(scores, settings):
    texts = [text.get_text() for text in label_curves(scores, settings()).legends[0].get_texts()]
    assert texts == [
        *["scratch", "regression", "contrastive", "supervised, all labels"],
        *["95 % interval", "one draw", "paper (Umapathy 2022)", "paper, supervised"],
    ]


def test_draws_are_points_if_asked_for(scores, settings):
    def points(figure):
        return [found.get_offsets() for found in figure.axes[0].collections if isinstance(found, PathCollection)]

    shown = points(label_curves(scores, settings()))
    assert [len(offsets) for offsets in shown] == [12, 12, 12]  # four N, three draws
    one = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch")]
    assert sorted(shown[0][:, 1]) == pytest.approx(sorted(one.groupby(["n", "draw"])["dice"].mean()))
    assert not points(label_curves(scores, settings(show_draws=False)))


def test_limits_are_those_asked_for_and_otherwise_hold_all_data(scores, settings):
    assert label_curves(scores, settings(dice_limits=(0.3, 0.8))).axes[0].get_ylim() == (0.3, 0.8)
    low, high = label_curves(scores, settings()).axes[0].get_ylim()
    means = scores[scores["cohort"] == "liver"].groupby(["method", "n", "draw"])["dice"].mean()
    assert 0 <= low < means.min()
    assert max(means.max(), 0.86) < high <= 1


def test_a_number_of_the_paper_outside_the_limits_is_not_drawn_beside_the_axes(scores, settings):
    axes = label_curves(scores, settings(dice_limits=(0.3, 0.8))).axes[0]
    assert not [drawn for drawn in axes.get_lines() if drawn.get_label() == "paper, supervised"]


def test_without_an_interval_none_is_explained(table, settings):
    figure = label_curves(table(draws=1, subjects=1), settings(draws=1))
    assert "95 % interval" not in [text.get_text() for text in figure.legends[0].get_texts()]
    assert not figure.axes[0].patches


@pytest.mark.parametrize(("number", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3)])
def test_panels_have_the_size_that_was_asked_for(number, rows, columns, table, settings):
    cohorts = {f"c{index}": CohortTitle(title=f"Cohort {index}", stands_for=None) for index in range(number)}
    figure = label_curves(table(cohorts, draws=2), settings(cohorts, draws=2, panel_width_in=3, panel_height_in=2))
    assert len(figure.axes) == number
    assert figure.get_figwidth() == pytest.approx(columns * 3)
    assert rows * 2 < figure.get_figheight() < rows * 2 + 2


LONG = r"A long title & <b> of $x_1$ % that goes on, {on} and \input{on} until the end " + "W" * 40


def check_layout(figure):
    """Nothing is cut off, no panel meets another or the legend."""
    with style.applied():
        figure.draw_without_rendering()
    whole = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    legend = figure.legends[0].get_window_extent()
    for box in [*boxes, legend]:
        assert whole.x0 - 1 <= box.x0 < box.x1 <= whole.x1 + 1
        assert whole.y0 - 1 <= box.y0 < box.y1 <= whole.y1 + 1
    assert legend.y1 <= min(box.y0 for box in boxes) + 1
    for one, other in combinations(boxes, 2):
        assert min(one.x1, other.x1) <= max(one.x0, other.x0) + 1 or min(one.y1, other.y1) <= max(one.y0, other.y0) + 1


def test_nothing_is_cut_off_or_overlaps(scores, settings):
    check_layout(label_curves(scores, settings()))


@pytest.mark.parametrize("number", [1, 4])
def test_long_titles_go_over_several_lines_and_leave_the_panels_their_size(number, table, settings, methods):
    cohorts = {f"c{index}": CohortTitle(title=LONG, stands_for=None) for index in range(number)}
    long = {**methods, "scratch": methods["scratch"].model_copy(update={"title": LONG})}
    short = label_curves(
        table(cohorts, draws=2), settings(dict.fromkeys(cohorts, CohortTitle(title="t", stands_for=None)), draws=2)
    )
    figure = label_curves(table(cohorts, long, draws=2), settings(cohorts, long, draws=2))
    check_layout(figure)
    check_layout(short)
    for panel, other in zip(figure.axes, short.axes, strict=True):
        assert panel.get_window_extent().height == pytest.approx(other.get_window_extent().height, rel=0.1)
        assert "".join(panel.get_title("left").split()) == "".join(LONG.split())
    assert "".join(figure.legends[0].get_texts()[0].get_text().split()) == "".join(LONG.split())


def test_a_wide_entry_among_narrow_ones_is_not_cut_off(table, settings, methods):
    """Entries are spread evenly over the columns, whatever would fit otherwise."""
    wide = {name: methods["scratch"].model_copy(update={"title": f"Regression, {name} subjects"}) for name in "abcdef"}
    wide["supervised"] = methods["supervised"].model_copy(update={"title": "Supervised benchmark"})
    one = {"c": CohortTitle(title="Cohort", stands_for=None)}
    check_layout(label_curves(table(one, wide, draws=2), settings(one, wide, draws=2)))


def test_methods_of_one_title_are_both_explained(table, settings, methods):
    same = {name: method.model_copy(update={"title": "same"}) for name, method in methods.items()}
    texts = [
        text.get_text() for text in label_curves(table(methods=same), settings(methods=same)).legends[0].get_texts()
    ]
    assert texts.count("same") == 3


def test_panels_stand_in_as_many_columns_as_asked_for(scores, settings):
    figure = label_curves(scores, settings(columns=1, panel_width_in=3))
    assert figure.get_figwidth() == 3
    assert figure.axes[0].get_position().x0 == pytest.approx(figure.axes[1].get_position().x0)


def test_absent_cohorts_and_methods_are_named_with_what_is_there(scores, settings):
    cohorts = {"brain": CohortTitle(title="Brain", stands_for=None)}
    with pytest.raises(InputError, match="no cohort brain; found: liver, prostate"):
        label_curves(scores, settings(cohorts))
