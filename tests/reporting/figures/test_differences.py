"""Gains by method: points and intervals are those of table 3, each beside its method's name."""

import pytest
from matplotlib.collections import LineCollection

from fewlabel.config.figure_options import Differences, Intervals
from fewlabel.config.jobs.figures.differences import DifferencesSettings
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.differences import difference_figure
from fewlabel.reporting.statistics.comparisons import comparisons
from helpers.synthetic_results import COHORTS, METHODS


@pytest.fixture
def asked(settings):
    def make(*arguments, control="scratch", methods=("regression", "contrastive"), **figure):
        base = settings(*arguments)
        compared = DifferenceTableSettings(
            titles=base.titles,
            runs=base.runs,
            intervals=Intervals(resamples=200),
            control=control,
            methods=list(methods),
        )
        return DifferencesSettings(compared=compared, figure=Differences(**figure))

    return make


def panels(figure):
    """Without the rows of titles."""
    return [axes for axes in figure.axes if axes.axison]


def heads(figure):
    return [axes.texts[0].get_text() for axes in figure.axes if not axes.axison]


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))).split()


def points(axes):
    """Means by row, with whether they are filled; those beyond the axis are not among them."""
    return {
        float(y): (float(x), drawn.get_markerfacecolor() != "white")
        for drawn in axes.get_lines()
        if drawn.get_marker() == "o"
        for x, y in zip(*drawn.get_data(), strict=True)
    }


def test_every_row_of_table_3_is_a_point_with_its_interval_beside_its_methods_name(scores, asked):
    settings = asked()
    table = comparisons(scores, settings.compared)
    figure = difference_figure(scores, settings)
    assert heads(figure) == ["Liver, phantom", "Prostate, phantom"]
    found = panels(figure)
    assert [axes.get_title("left") for axes in found] == [f"N = {n}" for n in (1, 2, 4, 8)] * 2
    keys = [(cohort, n) for cohort in COHORTS for n in (1, 2, 4, 8)]
    for axes, (cohort, n) in zip(found, keys, strict=True):
        if n == 1:  # only the first of a cohort has names
            names = dict(zip(axes.get_yticks(), [label.get_text() for label in axes.get_yticklabels()], strict=True))
            assert list(names.values()) == ["regression", "contrastive"]
        rows = table[(table["cohort"] == cohort) & (table["n"] == n)].set_index("method")
        low, high = axes.get_xlim()
        drawn = {names[y]: point for y, point in points(axes).items()}
        inside = rows[rows["difference"].between(low, high)]
        assert set(drawn) == set(inside.index) and (n < 8 or len(inside) == 2)
        spans = [c.get_segments()[0][:, 0] for c in axes.collections if isinstance(c, LineCollection)]
        for span in spans:
            assert (span == pytest.approx(inside[["low", "high"]].clip(low, high).to_numpy()[0])) or len(inside) > 1
        for method, row in inside.iterrows():
            assert drawn[method] == (pytest.approx(row["difference"]), row["low"] > 0 or row["high"] < 0)


def test_all_methods_have_one_colour_and_the_axis_says_what_it_shows(scores, asked):
    figure = difference_figure(scores, asked())
    assert {line.get_color() for axes in panels(figure) for line in axes.get_lines()[1:]} == {style.BLUE}
    assert all("Gain in Dice over scratch" in " ".join(axes.get_xlabel().split()) for axes in panels(figure))
    assert {"95", "excludes", "includes"} <= set(words(figure))


def test_methods_of_one_pretext_stand_together_below_its_name(table, asked):
    methods = {**METHODS, "half": MethodTitle(title="half", pretext="regression", benchmark=False)}
    figure = difference_figure(
        table(methods=methods), asked(COHORTS, methods, methods=("regression", "contrastive", "half"))
    )
    names = [label.get_text() for label in panels(figure)[0].get_yticklabels()]
    assert names == ["Regression", "regression", "half", "Contrastive", "contrastive"]


def test_a_cohorts_panels_share_a_scale_unless_told_otherwise(scores, asked):
    def limits(figure):
        return [axes.get_xlim() for axes in panels(figure)]

    one = limits(difference_figure(scores, asked()))
    assert len(set(one[:4])) == 1 and len(set(one[4:])) == 1 and one[0] != one[4]
    assert len(set(limits(difference_figure(scores, asked(one_scale=False))))) == 8


def test_of_one_draw_and_one_subject_there_is_no_interval(table, asked):
    figure = difference_figure(table(draws=1, subjects=1), asked(COHORTS, METHODS, (1, 2, 4, 8), 1))
    assert not [c for axes in panels(figure) for c in axes.collections]
    assert not any(filled for axes in panels(figure) for _, filled in points(axes).values())


@pytest.mark.parametrize(
    ("control", "methods", "said"),
    [(None, (), "No method starts at random"), ("scratch", (), "No other method is finetuned at an N of the control")],
)
def test_where_there_is_nothing_to_compare_it_says_so_and_what_to_do(scores, asked, control, methods, said):
    figure = difference_figure(scores, asked(control=control, methods=methods))
    text = " ".join(words(figure))
    assert not figure.axes and said in text and "`control` in the experiment file" in text


@pytest.mark.parametrize("columns", [None, 2])
def test_many_methods_counts_and_long_names_stay_apart_and_within_the_figure(table, asked, columns):
    counts = (1, 2, 3, 4, 5, 6, 7)
    cohorts = {f"c{i}": CohortTitle(title="A cohort of a long name $x_ " * 5, stands_for=None) for i in range(2)}
    methods = {f"m{i}": MethodTitle(title=f"Method {i} " * (1 + 9 * (i == 3)), pretext="none", benchmark=False)
               for i in range(24)}  # fmt: skip
    scores = table(cohorts, methods, counts, draws=2, subjects=3)
    settings = asked(cohorts, methods, counts, 2, control="m0", methods=list(methods)[1:], columns=columns)
    figure = difference_figure(scores, settings)
    with style.applied():
        figure.draw_without_rendering()
    found = panels(figure)
    assert [axes.get_title("left") for axes in found] == [f"N = {n}" for n in counts] * 2
    assert max(axes.get_subplotspec().colspan.start for axes in found) + 1 == (columns or 3)
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    for axes in found:
        rows = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_visible()]
        assert all(above.y0 >= below.y1 - 1 for above, below in zip(rows, rows[1:]))  # noqa: B905, RUF007
