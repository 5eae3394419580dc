"""Figures of several classes: parts are those of the statistics, axes say which Dice, layouts hold long names."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.base import EACH, MEAN
from fewlabel.config.cohort import PublishedDice
from fewlabel.config.experiment import Experiment
from fewlabel.config.figure_options import Differences, LabelCurves, LabelEfficiency, PairedSubjects
from fewlabel.config.jobs.figures.differences import DifferencesSettings
from fewlabel.config.jobs.figures.label_curves import CurvesSettings, curves_settings
from fewlabel.config.jobs.figures.label_efficiency import EfficiencySettings
from fewlabel.config.jobs.figures.paired_subjects import PairedSettings
from fewlabel.config.jobs.tables.differences import DifferenceTableSettings
from fewlabel.config.jobs.titles import CohortTitle
from fewlabel.reporting.figures.classes import parts_of
from fewlabel.reporting.figures.differences import difference_figure
from fewlabel.reporting.figures.label_curves import label_curves
from fewlabel.reporting.figures.label_efficiency import label_efficiency
from fewlabel.reporting.figures.paired_subjects import paired_subjects
from fewlabel.reporting.figures.panels import grid_places
from fewlabel.reporting.statistics.classes import one_class
from fewlabel.reporting.statistics.summary import summary_table
from fewlabel.utils.errors import InputError
from helpers.class_scores import by_class

HEART = ["right_ventricle", "myocardium", "left_ventricle"]
LONG = ["left_ventricular_myocardium_and_papillar", "right_ventricle_with_outflow_tract_wall", "c" * 40]
COHORTS = {
    "prostate": CohortTitle(title="Prostate", stands_for="prostate"),
    "heart": CohortTitle(title="Heart", stands_for=None),
}


@pytest.fixture
def mixed(table):
    """A cohort of one class without a name, and one of three classes."""
    return by_class(table(COHORTS, counts=(1, 8), draws=2), {"heart": HEART})


@pytest.fixture
def asked(settings):
    """Settings of a figure: its function, and what it needs besides."""

    def make(figure, classes, cohorts=COHORTS):
        base = settings(cohorts, counts=(1, 8), draws=2)
        common = {"titles": base.titles, "runs": base.runs, "intervals": base.intervals, "control": "scratch"}
        several = {**common, "methods": ["regression", "contrastive"]}
        return {
            label_curves: lambda: CurvesSettings(
                **common, curves=base.curves, left_out=[], paper=base.paper, figure=LabelCurves(classes=classes)
            ),
            label_efficiency: lambda: EfficiencySettings(
                **several, left_out=[], figure=LabelEfficiency(classes=classes)
            ),
            paired_subjects: lambda: PairedSettings(**several, left_out=[], figure=PairedSubjects(classes=classes)),
            difference_figure: lambda: DifferencesSettings(
                compared=DifferenceTableSettings(**several), figure=Differences(classes=classes)
            ),
        }[figure]()

    return make


FIGURES = [label_curves, label_efficiency, paired_subjects, difference_figure]


def joined(text):
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def words(figure):
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return joined(" ".join(artist.get_text() for artist in found))


def titles(figure):
    return [joined(title) for axes in figure.axes if (title := axes.get_title("left"))]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (MEAN, {"prostate": ("Prostate", ""), "heart": ("Heart", "mean of 3 classes")}),
        ("myocardium", {"heart": ("Heart", "myocardium")}),
        (
            EACH,
            {
                "prostate": ("Prostate", ""),
                "heart": ("Heart: mean of 3 classes", ""),
                "heart/right_ventricle": ("Heart: right ventricle", ""),
                "heart/myocardium": ("Heart: myocardium", ""),
                "heart/left_ventricle": ("Heart: left ventricle", ""),
            },
        ),
    ],
)
def test_a_cohort_has_the_mean_one_class_or_each(classes, expected, mixed, settings):
    found = parts_of(mixed, settings(COHORTS).titles, classes)
    assert {name: (joined(part.title.title), part.label) for name, part in found.parts.items()} == expected
    assert list(found.titles.cohorts) == list(expected)
    for name, rows in found.scores.groupby("cohort"):
        cohort, _, own = str(name).partition("/")
        shown = own or (classes if classes != EACH else MEAN)
        alone = one_class(mixed[mixed["cohort"] == cohort], shown).assign(cohort=name)
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), alone.reset_index(drop=True))
    assert found.note == ("Not shown: Prostate, without myocardium." if classes == "myocardium" else "")


def test_scores_without_classes_stay_as_they_are(scores, settings):
    for classes in (MEAN, EACH):
        found = parts_of(scores, settings().titles, classes)
        assert found.scores is scores and found.titles == settings().titles
        assert {part.label for part in found.parts.values()} == {""} and found.groups == [1, 1]


def test_one_named_class_is_shown_by_its_name(table, settings):
    named = by_class(table(COHORTS), {"heart": ["heart"], "prostate": ["gland"]})
    for classes in (MEAN, EACH):
        found = parts_of(named, settings(COHORTS).titles, classes)
        assert [part.label for part in found.parts.values()] == ["gland", "heart"]
        assert all(part.whole for part in found.parts.values())


@pytest.mark.parametrize("figure", FIGURES)
def test_an_unknown_class_is_refused(figure, mixed, asked):
    with pytest.raises(InputError, match="class: 'liver' has no scores; accepted: mean, right_ventricle"):
        figure(mixed, asked(figure, "liver"))


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_say_of_which_dice_they_are(figure, mixed, asked):
    assert "mean of 3 classes" in words(figure(mixed, asked(figure, MEAN)))
    one = words(figure(mixed, asked(figure, "myocardium")))
    assert "myocardium" in one and "mean of" not in one and "Not shown: Prostate" in one
    each = words(figure(mixed, asked(figure, EACH)))
    assert all(f"Heart: {name}" in each for name in ("mean of 3 classes", "right ventricle", "left ventricle"))


def test_axes_have_a_label_where_it_changes(mixed, asked):
    labels = [joined(axes.get_ylabel()) for axes in label_curves(mixed, asked(label_curves, MEAN)).axes[::2]]
    assert labels == ["Mean test Dice", "Test Dice, mean of 3 classes"]
    figure = label_curves(mixed, asked(label_curves, EACH))
    labels = [joined(axes.get_ylabel()) for axes in figure.axes[::2]]
    assert labels == ["Mean test Dice", "Mean test Dice", "", "Mean test Dice", ""]


def test_a_panel_of_a_class_has_the_means_of_its_scores(mixed, asked):
    settings = asked(label_curves, EACH)
    figure = label_curves(mixed, settings)
    for axes, name in zip(figure.axes[4::2], HEART, strict=True):
        rows = one_class(mixed[mixed["cohort"] == "heart"], name)
        expected = summary_table(rows[rows["method"] == "regression"], settings.intervals)["mean"]
        (drawn,) = [line for line in axes.get_lines() if line.get_label() == "regression"]
        np.testing.assert_allclose(drawn.get_ydata(), expected)


def test_the_paper_stands_beside_one_target_only(table, asked):
    zones = by_class(table(COHORTS, counts=(1, 8), draws=2), {"prostate": ["peripheral", "transition"]})
    assert "paper" not in words(label_curves(zones, asked(label_curves, EACH)))
    whole = by_class(table(COHORTS, counts=(1, 8), draws=2), {"prostate": ["gland"]})
    assert "paper (Umapathy 2022)" in words(label_curves(whole, asked(label_curves, MEAN)))


@pytest.mark.parametrize(("classes", "panels"), [(MEAN, [1]), (EACH, [1]), ("myocardium", [])])
def test_what_others_published_stands_beside_the_mean(classes, panels, mixed, asked):
    others = [PublishedDice(method="UA-MT", n=n, dice=dice, source="a") for n, dice in ((4, 0.7), ("all", 0.6))]
    settings = asked(label_curves, classes).model_copy(update={"published": {"heart": others}})
    figure = label_curves(mixed, settings)
    drawn = {
        index: [
            (float(line.get_ydata()[0]), line.get_marker()) for line in axes.get_lines() if line.get_label() == "UA-MT"
        ]
        for index, axes in enumerate(figure.axes[::2])
    }
    assert [index for index, found in drawn.items() if found] == panels
    assert all(drawn[index] == [(0.7, "d"), (0.6, "<")] for index in panels)
    assert ("others, published (table 2)" in words(figure)) == ("others, all labels" in words(figure)) == bool(panels)
    if panels:
        assert 4 in figure.axes[2].get_xticks()


def test_settings_have_what_others_published_unless_figures_show_none():
    published = [{"method": "UA-MT", "n": 3, "dice": 0.61, "source": "a"}]
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}
    study = {"cohorts": {"c": {"source": source, "published": published}}, "methods": {"scratch": {"pretext": "none"}}}
    found = curves_settings(Experiment.model_validate(study))
    assert [one.dice for one in found.published["c"]] == [0.61]
    hidden = curves_settings(Experiment.model_validate({**study, "figures": {"label_curves": {"show_paper": False}}}))
    assert "published" not in hidden.model_dump()


@pytest.mark.parametrize("figure", FIGURES)
def test_classes_of_a_cohort_have_one_scale(figure, mixed, asked):
    heart = {"heart": COHORTS["heart"]}
    drawn = figure(mixed[mixed["cohort"] == "heart"], asked(figure, EACH, heart))
    shown = [axes for axes in drawn.axes if axes.axison]
    scales = [axes.get_xlim() if figure is difference_figure else axes.get_ylim() for axes in shown]
    kinds = 2 if figure in (label_curves, paired_subjects) else 1  # upper and lower axes
    assert all(len(set(scales[kind::kinds])) == 1 for kind in range(kinds))


def test_parts_of_a_cohort_start_a_row_and_fill_rows_evenly():
    assert grid_places(5, 3, [1, 4]) == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert grid_places(7, 3, [4, 3]) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert grid_places(5, 3, [1, 4], 4) == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3)]
    assert grid_places(4, 3, [1, 1, 1, 1]) == [(0, 0), (0, 1), (0, 2), (1, 0)]


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("classes", [MEAN, LONG[0], EACH])
def test_long_names_of_classes_are_not_cut_off(figure, classes, table, asked):
    scores = by_class(table(COHORTS, counts=(1, 8), draws=2), {"heart": LONG, "prostate": ["a", "b"]})
    drawn = figure(scores, asked(figure, classes))
    drawn.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in drawn.axes if axes.axison]
    legend = drawn.legends[0].get_window_extent()
    for box in [*boxes, legend]:
        assert drawn.bbox.x0 - 1 <= box.x0 < box.x1 <= drawn.bbox.x1 + 1
        assert drawn.bbox.y0 - 1 <= box.y0 < box.y1 <= drawn.bbox.y1 + 1
    for one, other in combinations(boxes, 2):
        assert min(one.x1, other.x1) <= max(one.x0, other.x0) + 1 or min(one.y1, other.y1) <= max(one.y0, other.y0) + 1
