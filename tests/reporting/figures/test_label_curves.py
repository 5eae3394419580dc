"""Figure 3: means and gains are those of the statistics, and every mark is in the legend."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.label_curves import curves_settings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.reporting import paper
from fewlabel.reporting.figures import marks, style
from fewlabel.reporting.figures.label_curves import label_curves
from fewlabel.reporting.statistics.comparisons import gains
from fewlabel.reporting.statistics.summary import DIFFERENCE, differences, summarise, summary_table
from fewlabel.utils.errors import InputError
from helpers.synthetic_results import METHODS

CURVES = ("scratch", "regression", "contrastive")


def line(axes, label):
    (found,) = [line for line in axes.get_lines() if line.get_label() == label]
    return found


def upper(figure):
    return figure.axes[::2]


def texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def points(axes):
    """Points without a line between them, by colour: places, means, filled."""
    found: dict[str, list[tuple[float, float, bool]]] = {}
    for drawn in axes.get_lines():
        if drawn.get_linestyle() == "None" and drawn.get_marker() in style.MARKERS and drawn.get_clip_on():
            filled = to_hex(drawn.get_markerfacecolor()) != "#ffffff"
            own = found.setdefault(to_hex(drawn.get_markeredgecolor()), [])
            own += [(float(x), float(y), filled) for x, y in zip(*drawn.get_data(), strict=True)]
    return {colour: sorted(own) for colour, own in found.items()}


def ends_of_bars(axes):
    bars = [bars for bars in axes.collections if isinstance(bars, LineCollection)]
    return [np.array([segment[:, 1] for segment in one.get_segments()]) for one in bars]


def test_a_curve_shows_the_means_at_their_n(scores, settings):
    figure = label_curves(scores, settings())
    summary = summary_table(scores, settings().intervals).set_index(["cohort", "method"])
    for axes, cohort in zip(upper(figure), ("liver", "prostate"), strict=True):
        for method in CURVES:
            drawn, cells = line(axes, method), summary.loc[(cohort, method)]
            assert drawn.get_ydata() == pytest.approx(cells["mean"].to_numpy())
            assert np.abs(np.log2(drawn.get_xdata() / cells["n"].to_numpy())).max() < 0.3


def test_methods_stand_beside_each_other_and_have_their_colours(scores, settings):
    axes = label_curves(scores, settings()).axes[0]
    lines = [line(axes, method) for method in CURVES]
    assert [to_hex(drawn.get_color()) for drawn in lines] == [style.GREY, style.BLUE, style.ORANGE]
    assert all(drawn.get_xdata()[0] == 1 for drawn in lines)
    first = [points(axes)[colour][0][0] for colour in (style.GREY, style.BLUE, style.ORANGE)]
    assert first == sorted(set(first))


@pytest.mark.parametrize("asked", ["auto", "bands", "bars"])
def test_intervals_are_those_of_the_summary_as_bars_which_hide_nothing(scores, settings, asked):
    summary = summary_table(scores, settings().intervals).set_index(["cohort", "method"]).loc[("liver", "regression")]
    axes = label_curves(scores, settings(intervals=asked)).axes[0]
    assert ends_of_bars(axes)[1] == pytest.approx(summary[["low", "high"]].to_numpy())
    assert not [found for found in axes.collections if isinstance(found, PolyCollection)] and not axes.patches


def test_without_intervals_none_is_drawn_or_explained(scores, settings):
    figure = label_curves(scores, settings(intervals="none"))
    assert not any(ends_of_bars(axes) for axes in figure.axes)
    assert not [text for text in texts(figure) if "interval" in text]


def test_gains_are_the_paired_differences_filled_where_their_interval_excludes_0(scores, settings):
    figure = label_curves(scores, settings())
    for axes, cohort in zip(figure.axes[1::2], ("liver", "prostate"), strict=True):
        rows = scores[scores["cohort"] == cohort]
        drawn = points(axes)
        assert set(drawn) == {style.BLUE, style.ORANGE}
        for method, colour in (("regression", style.BLUE), ("contrastive", style.ORANGE)):
            by_n = {2 ** round(np.log2(x)): (y, filled) for x, y, filled in drawn[colour]}
            low, high = axes.get_ylim()
            for n in (1, 2, 4, 8):
                ours, control = (rows[(rows["method"] == name) & (rows["n"] == n)] for name in (method, "scratch"))
                expected = summarise(differences(ours, control), settings().intervals, DIFFERENCE)
                if low <= expected.mean <= high:
                    assert by_n[n][0] == pytest.approx(expected.mean)
                    assert by_n[n][1] == (expected.low > 0 or expected.high < 0)
                else:
                    assert n not in by_n and n < marks.FEW


def test_without_a_control_there_are_no_gains(table, settings):
    methods = {name: METHODS[name] for name in ("regression", "supervised")}
    figure = label_curves(table(methods=methods), settings(methods=methods))
    assert len(figure.axes) == 2
    assert not [text for text in texts(figure) if "excludes" in text or "control" in text]


def rows_of(*cells, draws=5):
    import pandas as pd

    return pd.DataFrame(cells, columns=["n", "mean", "low", "high"]).assign(draws=draws)


def test_the_axis_of_gains_is_for_8_labels_and_more_where_there_are_such():
    few, many = (1, 0.2, -0.1, 0.5), (8, 0.01, 0.0, 0.02)
    low, high = marks.gain_limits(rows_of(few, many, (16, 0.01, -0.01, 0.02)))
    assert -0.02 < low <= -0.01 and 0.02 <= high < 0.03
    low, high = marks.gain_limits(rows_of(few, (2, 0.1, -0.2, 0.4)))
    assert low <= -0.2 and high >= 0.5


def test_of_two_draws_the_axis_follows_the_means_and_one_wide_interval_does_not_set_it():
    cells = (1, 0.1, -0.9, 1.0), (8, -0.02, -0.8, 0.7)
    low, high = marks.gain_limits(rows_of(*cells, draws=2))
    assert -0.1 < low < -0.02 and 0.1 < high < 0.2
    narrow = [(n, 0.01, 0.0, 0.02) for n in (8, 16, 32, 64)]
    assert marks.gain_limits(rows_of(*narrow, (128, 0.015, -0.5, 0.5)))[1] < 0.03


def test_what_leaves_an_axis_is_marked_at_its_edge_with_its_value_and_explained(scores, settings):
    gained = scores.copy()
    gained.loc[(gained["method"] == "contrastive") & (gained["n"] == 1), "dice"] += 0.3
    gained["dice"] = gained["dice"].clip(0, 1)
    figure = label_curves(gained, settings())
    lower = figure.axes[1]
    mean = gains(gained, "scratch", ["contrastive"], settings().intervals).iloc[0]["mean"]
    assert mean > lower.get_ylim()[1]
    assert marks.signed(mean) in [text.get_text() for text in lower.texts]
    edges = [
        drawn.get_ydata()[0] for drawn in lower.get_lines() if drawn.get_marker() == "^" and not drawn.get_clip_on()
    ]
    assert lower.get_ylim()[1] in edges
    assert "value beyond the axis" in texts(figure)


def test_the_dice_axis_of_two_draws_follows_the_means(table, settings):
    scores = table(draws=2)
    wide = scores["dice"] + np.where((scores["n"] == 1) & (scores["draw"] == 1), -0.2, 0)
    figure = label_curves(scores.assign(dice=wide.clip(0, 1)), settings(draws=2, paper=[]))
    low, high = figure.axes[0].get_ylim()
    for ends in ends_of_bars(figure.axes[0]):
        assert (ends >= low).all() and (ends <= high).all()
    assert "interval continues" in texts(figure)


def test_the_supervised_benchmark_is_a_dotted_line_across_with_its_interval(scores, settings):
    axes = upper(label_curves(scores, settings()))[1]
    drawn = line(axes, "supervised")
    ours = scores[(scores["cohort"] == "prostate") & (scores["method"] == "supervised")]["dice"]
    assert drawn.get_linestyle() == ":"
    assert list(drawn.get_ydata()) == pytest.approx([ours.mean()] * 2)
    summary = (
        summary_table(scores, settings().intervals).set_index(["cohort", "method"]).loc[("prostate", "supervised")]
    )
    ends = summary[["low", "high"]].to_numpy().ravel()
    assert [list(one.get_ydata()) for one in axes.get_lines() if list(one.get_ydata()) == pytest.approx(list(ends))]


def test_the_numbers_of_the_paper_are_marked_where_a_cohort_stands_for_one(scores, settings):
    liver, prostate = upper(label_curves(scores, settings()))
    marked = [(*one.get_xdata(), *one.get_ydata()) for one in liver.get_lines() if one.get_label() == paper.SHORT]
    assert marked == [(4, 0.81)]
    diamonds = {
        drawn.get_xdata()[0]: (drawn.get_ydata()[0], drawn.get_markeredgecolor())
        for drawn in prostate.get_lines()
        if drawn.get_label() == paper.SHORT
    }
    assert diamonds == {4: (0.74, style.INK), 8: (0.85, style.ORANGE)}
    assert list(line(liver, "paper, supervised").get_ydata()) == [0.86]


def test_the_numbers_of_the_paper_are_absent_elsewhere(scores, settings):
    figure = label_curves(scores, settings(paper=[]))
    assert not [one for axes in figure.axes for one in axes.get_lines() if str(one.get_label()).startswith("paper")]
    assert not [text for text in texts(figure) if "paper" in text]


PHANTOM = {"source": {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}, "stands_for": "liver"}
FILES = {
    "source": {"kind": "nifti", "folder": "here"},
    "stands_for": "prostate",
    "grid": {"matrix": [64, 64]},
    "test": 2,
}


@pytest.mark.parametrize(("shown", "cohorts"), [(True, ["real"]), (False, []), ("all", ["made", "real"])])
def test_phantoms_show_the_papers_numbers_only_if_asked_for(shown, cohorts):
    experiment = Experiment.model_validate(
        {
            "cohorts": {"made": PHANTOM, "real": FILES},
            "methods": {"scratch": {"pretext": "none"}},
            "figures": {"label_curves": {"show_paper": shown}},
        }
    )
    assert curves_settings(experiment).paper == cohorts


def test_of_many_methods_the_first_have_curves_and_the_rest_is_counted(table, settings):
    methods = {
        "upper": {"pretext": "none", "labels": ["all"]},
        **{f"m{i}": {"pretext": "regression"} for i in range(9)},
        "scratch": {"pretext": "none"},
    }
    base = {"cohorts": {"made": PHANTOM}, "labels": [1, 2], "methods": methods}
    found = curves_settings(Experiment.model_validate(base))
    assert (found.curves, found.left_out) == ([*(f"m{i}" for i in range(7)), "scratch"], ["m7", "m8"])
    named = {**base, "figures": {"label_curves": {"methods": ["m8", "upper"]}}}
    found = curves_settings(Experiment.model_validate(named))
    assert (found.curves, found.left_out) == (["m8", "scratch"], [])
    figure = label_curves(table(), settings(left_out=["m7", "m8"]))
    assert figure.legends[0].get_title().get_text() == "Not shown: 2 further methods."


def test_the_n_of_the_paper_has_its_place_on_the_axis(table, settings):
    axes = label_curves(table(counts=(1, 2)), settings(counts=(1, 2))).axes[3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8"]


def test_axes_and_panels_are_labelled(scores, settings):
    figure = label_curves(scores, settings())
    liver, gain, prostate, _ = figure.axes
    assert (liver.get_title("left"), prostate.get_title("left")) == ("Liver, phantom", "Prostate, phantom")
    assert [text.get_text() for text in liver.texts] == ["6 test subjects, 3 draws, all labels: N = 12"]
    assert (liver.get_xlabel(), gain.get_xlabel()) == ("", "Labelled training subjects, N")
    assert (liver.get_ylabel(), gain.get_ylabel()) == ("Mean test Dice", "Gain over\nthe control")
    assert liver.get_xscale() == gain.get_xscale() == "log"


def test_the_legend_explains_every_mark_in_the_order_of_the_experiment(scores, settings):
    assert texts(label_curves(scores, settings(dice_limits=(0, 1)))) == [
        *["scratch (control)", "regression", "contrastive", "supervised", "95 % interval"],
        *["interval excludes 0", "interval includes 0", "interval continues", "value beyond the axis", "one draw"],
        *["paper (Umapathy 2022)", "paper, supervised"],
    ]


def test_draws_are_points_if_asked_for(scores, settings):
    def of(figure):
        return [found.get_offsets() for found in figure.axes[0].collections if isinstance(found, PathCollection)]

    shown = of(label_curves(scores, settings()))
    assert [len(offsets) for offsets in shown] == [12, 12, 12]  # four N, three draws
    one = scores[(scores["cohort"] == "liver") & (scores["method"] == "scratch")]
    assert sorted(shown[0][:, 1]) == pytest.approx(sorted(one.groupby(["n", "draw"])["dice"].mean()))
    hidden = label_curves(scores, settings(show_draws=False))
    assert not any(len(offsets) for offsets in of(hidden)) and "one draw" not in texts(hidden)


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
    assert not [text for text in texts(figure) if "interval" in text]


@pytest.mark.parametrize(("number", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3)])
def test_panels_have_the_size_that_was_asked_for(number, rows, columns, table, settings):
    cohorts = {f"c{index}": CohortTitle(title=f"Cohort {index}", stands_for=None) for index in range(number)}
    scores = table(cohorts, draws=2, counts=(1, 8))
    figure = label_curves(scores, settings(cohorts, counts=(1, 8), draws=2, panel_width_in=3, panel_height_in=2))
    assert len(figure.axes) == 2 * number
    assert figure.get_figwidth() == pytest.approx(columns * 3)
    assert rows * 2 * 1.65 < figure.get_figheight() < rows * 2 * 1.65 + 2


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
    long = {**methods, "regression": methods["regression"].model_copy(update={"title": LONG})}
    few = {"counts": (1, 8), "draws": 2}
    short = dict.fromkeys(cohorts, CohortTitle(title="t", stands_for=None))
    small = label_curves(table(cohorts, **few), settings(short, **few))
    figure = label_curves(table(cohorts, long, **few), settings(cohorts, long, **few))
    check_layout(figure)
    for panel, other in zip(upper(figure), upper(small), strict=True):
        assert panel.get_window_extent().height == pytest.approx(other.get_window_extent().height, rel=0.15)
        assert "".join(panel.get_title("left").split()) == "".join(LONG.split())
    assert "".join(texts(figure)[1].split()) == "".join(LONG.split())


def test_seven_methods_at_eight_n_stay_apart(table, settings):
    counts = tuple(2**i for i in range(8))
    methods = {"scratch": METHODS["scratch"]}
    methods |= {f"m{i}": MethodTitle(title=f"Method {i}", pretext="regression", benchmark=False) for i in range(6)}
    one = {"c": CohortTitle(title="Cohort", stands_for=None)}
    figure = label_curves(table(one, methods, counts, draws=3), settings(one, methods, counts))
    check_layout(figure)
    places = np.sort([x for drawn in points(figure.axes[0]).values() for x, _, _ in drawn])
    assert len(places) == 7 * 8
    pixels = np.diff(figure.axes[0].transData.transform(np.stack([places, places], axis=1))[:, 0])
    assert pixels.min() * 72 / figure.dpi > 1.5


def test_a_wide_entry_among_narrow_ones_is_not_cut_off(table, settings, methods):
    """Entries are spread evenly over the columns, whatever would fit otherwise."""
    wide = {name: methods["scratch"].model_copy(update={"title": f"Regression, {name} subjects"}) for name in "abcdef"}
    wide["supervised"] = methods["supervised"].model_copy(update={"title": "Supervised benchmark"})
    one = {"c": CohortTitle(title="Cohort", stands_for=None)}
    check_layout(label_curves(table(one, wide, draws=2), settings(one, wide, draws=2)))


def test_methods_of_one_title_are_both_explained(table, settings, methods):
    same = {name: method.model_copy(update={"title": "same"}) for name, method in methods.items()}
    found = texts(label_curves(table(methods=same), settings(methods=same)))
    assert found.count("same") == 3 and found.count("same (control)") == 1


def test_panels_stand_in_as_many_columns_as_asked_for(scores, settings):
    figure = label_curves(scores, settings(columns=1, panel_width_in=3))
    assert figure.get_figwidth() == 3
    assert figure.axes[0].get_position().x0 == pytest.approx(figure.axes[2].get_position().x0)


def test_absent_cohorts_and_methods_are_named_with_what_is_there(scores, settings):
    cohorts = {"brain": CohortTitle(title="Brain", stands_for=None)}
    with pytest.raises(InputError, match="no cohort brain; found: liver, prostate"):
        label_curves(scores, settings(cohorts))
