"""The sentences of the results page against scores whose differences a hand can check."""

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.titles import titles
from fewlabel.reporting.results_page.answers import answers, headline
from fewlabel.reporting.results_page.grids import cohort_grids, means_text
from fewlabel.reporting.statistics.classes import by_view
from fewlabel.reporting.statistics.summary import summary_table
from helpers.class_scores import by_class

METHODS = {
    "scratch": {"pretext": "none"},
    "regression": {"pretext": "regression"},
    "supervised": {"pretext": "none", "labels": ["all"]},
}


def experiment(cohorts=("knee",), methods=METHODS, draws=4):
    source = {"kind": "nifti", "folder": "mine"}
    return Experiment.model_validate(
        {
            "cohorts": {name: {"source": source, "test": 8, "title": name.title()} for name in cohorts},
            "methods": methods,
            "labels": [1, 2],
            "draws": draws,
            "intervals": {"resamples": 200},
        }
    )


def scores(study, gains, subjects=8, noise=0.004):
    """Scratch scores 0.5 at N = 1 and 0.6 at N = 2; regression as much more as `gains` say, by cohort and N."""
    random, rows = np.random.default_rng(1), []
    for cohort in study.cohorts:
        for method in study.methods:
            for n in (9,) if method == "supervised" else (1, 2):
                for draw in range(1, study.draws + 1):
                    for subject in range(subjects):
                        mean = 0.8 if n == 9 else 0.4 + 0.1 * n
                        mean += gains[cohort, n] if method == "regression" else 0
                        rows.append((cohort, method, n, draw, f"s{subject}", mean + random.normal(0, noise)))
    columns = ["cohort", "method", "n", "draw", "subject", "dice"]
    return pd.DataFrame(rows, columns=columns).assign(hd95_mm=1.0)


def answered(table, study):
    return answers(table, summary_table(table, study.intervals), study)


@pytest.mark.parametrize(
    ("gains", "verdict", "said"),
    [
        ((0.1, 0.2), "gain", "regression had 0.20"),
        ((-0.1, 0.0), "loss", "regression had 0.10"),
        ((0.1, -0.2), "mixed", "Significant gains in 1 and losses in 1 of 2 comparisons."),
        ((0.0, 0.0), "none", "no method differed significantly from scratch in 2 comparisons."),
    ],
)
def test_the_largest_significant_difference_is_told_with_its_n_and_interval(gains, verdict, said):
    study = experiment()
    wide = 0.05 if verdict == "none" else 0.004
    (found,), compared = answered(scores(study, {("knee", 1): gains[0], ("knee", 2): gains[1]}, noise=wide), study)
    assert found.verdict == verdict and said in found.sentence, found.sentence
    row = compared.loc[(compared["difference"] - found.value).abs().idxmin()]
    assert f"N = {row['n']}; 95 % interval " in found.place
    assert f"{abs(row['low']):.3f}" in found.sentence and f"{abs(row['high']):.3f}" in found.sentence
    assert headline([found]) == f"{found.needed.sentence()} {found.sentence}"


def test_several_classes_are_answered_by_their_mean_and_one_by_one():
    study = experiment()
    plain = scores(study, {("knee", 1): 0.1, ("knee", 2): 0.2})
    table = by_class(plain, {"knee": ["inner_part", "outer"]})
    shown = by_view(table, ["knee"])
    summary = pd.concat([summary_table(view.scores, study.intervals).assign(**view.columns) for view in shown])
    (found,), compared = answers(table, summary, study)
    assert found.title == "Knee, mean of the classes" and found.sentence.startswith("On Knee, mean of the classes, ")
    assert [each.title for each in found.classes] == ["inner part", "outer"]
    (one,), _ = answered(plain, study)
    assert [found.classes[0].value, found.value] == pytest.approx([one.value, one.value * (1 + 6 / 7) / 2])
    assert compared["class"].unique().tolist() == ["mean", "inner_part", "outer"]


@pytest.mark.parametrize(("draws", "subjects"), [(2, 8), (4, 5)])
def test_few_draws_or_subjects_allow_no_conclusion_however_large_the_difference(draws, subjects):
    study = experiment(draws=draws)
    (found,), compared = answered(scores(study, {("knee", 1): 0.1, ("knee", 2): 0.3}, subjects), study)
    assert found.verdict == "few" and compared["low"].min() > 0
    assert "Dice" not in headline([found]) and "Dice" not in headline([found, found])
    assert f"{draws} draws and {subjects} test subjects are too few for a conclusion" in found.sentence
    assert "gained" not in found.sentence and found.value == pytest.approx(0.3, abs=0.01)


def test_labels_that_a_share_of_the_benchmark_needs_are_interpolated_or_bounds():
    study = experiment()
    (found,), _ = answered(scores(study, {("knee", 1): 0.05, ("knee", 2): 0.15}, noise=1e-6), study)
    # 90 % of 0.8 is 0.72: regression has 0.55 and 0.75, so N = 2 ** (0.17 / 0.20) = 1.8; scratch ends at 0.6.
    assert found.needed.benchmark == "supervised" and found.needed.shares == ["90 %", "95 %", "99 %"]
    assert found.needed.rows == [("scratch", ["> 2", "> 2", "> 2"]), ("regression", ["1.8", "> 2", "> 2"])]
    needs = "For 95 % of the Dice of supervised, scratch needs > 2 labelled subjects, regression > 2."
    assert headline([found]).startswith(needs)


def test_cohorts_with_one_verdict_share_a_sentence():
    study = experiment(("knee", "hip", "liver"))
    gains = {("knee", 1): 0.1, ("hip", 1): 0.3, ("liver", 1): -0.1}
    found, _ = answered(scores(study, {**dict.fromkeys([(name, 2) for name in study.cohorts], 0.0), **gains}), study)
    text = headline(found)
    assert text.startswith("On Knee and Hip, a method had significantly more Dice than the control.")
    assert "+0.3" in text and "on Hip" in text and "On Liver, regression had 0.1" in text


def test_a_study_of_one_method_has_nothing_to_compare():
    study = experiment(methods={"scratch": METHODS["scratch"]})
    (found,), compared = answered(scores(study, {}), study)
    assert found.verdict == "alone" and found.difference == "" and compared.empty and found.needed is None
    assert "The highest mean Dice is 0.600 (scratch at N = 2; 95 % interval 0." in headline([found])
    assert headline([found, found]).count("Knee 0.600 (scratch at N = 2") == 2


def test_the_grid_has_every_mean_and_marks_what_is_significant():
    study = experiment()
    table = scores(study, {("knee", 1): 0.1, ("knee", 2): 0.0}, noise=0.01)
    _, compared = answered(table, study)
    (grid,) = cohort_grids(summary_table(table, study.intervals), compared, titles(study), {"scratch": "control"})
    assert grid.counts == [1, 2] and [row[:2] for row in grid.rows] == [("scratch", "control"), ("regression", "")]
    means = table.groupby(["method", "n"])["dice"].mean()
    for _, _, cells in grid.rows[1:]:
        assert [cell.dice for cell in cells] == [f"{means['regression', n]:.3f}" for n in (1, 2)]
        assert [cell.kind for cell in cells] == ["gain", "none"]
    ((title, n, cell),) = grid.benchmarks
    assert (title, n, cell.dice) == ("supervised", 9, f"{means['supervised', 9]:.3f}")
    assert f"scratch: {means['scratch', 1]:.3f} at N = 1" in means_text([grid])
