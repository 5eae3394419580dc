"""Budgets of labels: simulated curves whose larger N are hidden, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fewlabel.config.figure_options import Intervals
from fewlabel.config.jobs.titles import CohortTitle, MethodTitle, Titles
from fewlabel.reporting.figures.annotation_budget import annotation_budget
from fewlabel.reporting.figures.classes import parts_of
from fewlabel.reporting.statistics.annotation_budget import REACH, labels_for_target, learning_curve
from fewlabel.reporting.statistics.annotation_budget_text import as_text
from fewlabel.reporting.statistics.power_law import Laws
from fewlabel.reporting.statistics.scores import read_scores
from helpers import preloaded
from helpers.class_scores import by_class

FEW = Intervals(resamples=200)


def simulated(means, seed=0, draws=4, subjects=20, luck=0.02, method="scratch"):
    """Scores of one method whose true mean Dice at each N is known."""
    random = np.random.default_rng(seed)
    easy = random.normal(0, 0.03, subjects)
    easy -= easy.mean()
    rows = [
        ("c", method, n, draw + 1, f"s{subject}", dice, 5.0, 1.0, 9.0, 9.0)
        for n, mean in means.items()
        for draw, shift in enumerate(random.normal(0, luck * n**-0.5, draws))
        for subject, dice in enumerate(np.clip(mean + shift + easy + random.normal(0, 0.02, subjects), 0, 1))
    ]
    columns = ["cohort", "method", "n", "draw", "subject", "dice", "hd95_mm", "assd_mm", "truth_ml", "predicted_ml"]
    return pd.DataFrame(rows, columns=columns)


def by_law(counts, first=0.6, ceiling=0.88, exponent=0.8):
    law = Laws(*(np.array([value]) for value in (first, ceiling - first, exponent, 0.0)))
    return dict(zip(counts, law.dice(counts)[0], strict=True))


def test_hidden_larger_counts_are_foretold():
    """One doubling ahead, of curves that differ: the median error is below 0.01 Dice, and intervals hold the truth."""
    random = np.random.default_rng(1)
    errors, held = [], []
    for seed in range(20):
        ceiling = random.uniform(0.82, 0.92)
        truth = by_law([1, 2, 4, 8, 16], ceiling - random.uniform(0.1, 0.3), ceiling, random.uniform(0.5, 1.4))
        curve = learning_curve(simulated({n: truth[n] for n in (1, 2, 4, 8)}, seed), FEW)
        found = curve.dice_at(16)
        errors.append(abs(found.value - truth[16]))
        held.append(found.low <= truth[16] <= found.high)
    assert np.median(errors) < 0.01
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize("hidden", [16, 32, 64, 128])
def test_hidden_larger_counts_of_the_published_hippocampus_are_foretold(hidden):
    scores = read_scores(Path(__file__).parents[3] / "results/published/hippocampus/scores.csv")
    errors = []
    for method in ("scratch", "regression", "contrastive"):
        own = scores[scores["method"] == method]
        found = learning_curve(own[own["n"] < hidden], FEW).dice_at(hidden)
        measured = own.loc[own["n"] == hidden, "dice"].mean()
        errors.append(abs(found.value - measured))
        assert found.low <= measured <= found.high
    assert np.median(errors) < 0.01


def test_the_number_for_a_target_is_that_of_the_law():
    truth = by_law([1, 2, 4, 8, 16])
    found = labels_for_target(
        learning_curve(simulated({n: truth[n] for n in (1, 2, 4, 8)}, luck=0.005), FEW), truth[16]
    )
    assert found.refused == ""
    assert found.needed.low <= 16 <= found.needed.high
    assert found.needed.value == pytest.approx(16, abs=4)
    assert all(value == np.ceil(value) for value in vars(found.needed).values())
    gain = found.gains[5]
    assert gain.low <= by_law([13])[13] - truth[8] <= gain.high


def test_what_is_there_already_changes_what_the_next_ones_bring():
    curve = learning_curve(simulated(by_law([1, 2, 4, 8])), FEW)
    few, many = labels_for_target(curve, 0.85, have=2), labels_for_target(curve, 0.85, have=8)
    assert few.needed == many.needed
    assert few.gains[1].value > many.gains[1].value > 0


@pytest.mark.parametrize(
    ("scores", "target", "why"),
    [
        (simulated(by_law([1, 2, 4])), 0.87, "needs 4 or more"),
        (simulated(by_law([8])), 0.95, "one number of labels"),
        (simulated(by_law([1, 2, 4, 8]), draws=1), 0.87, "one draw"),
        (simulated({1: 0.5, 2: 0.8, 4: 0.6, 8: 0.85}, luck=0.005), 0.9, "no such law fits"),
        (simulated({1: 0.7, 2: 0.7, 4: 0.7, 8: 0.7}), 0.8, "does not rise significantly"),
        (simulated(by_law([1, 2, 4, 8], ceiling=0.8, exponent=1.5), luck=0.005), 0.95, "ceiling"),
        (simulated(by_law([1, 2, 4, 8], 0.4, 0.95, 0.3), luck=0.005), 0.84, "beyond N = 32"),
    ],
)
def test_it_refuses_where_the_fit_does_not_carry_it(scores, target, why):
    found = labels_for_target(learning_curve(scores, FEW), target)
    assert found.needed is None
    assert why in found.refused
    assert "no estimate" in as_text([found]) and why in as_text([found])


def test_gains_beyond_the_reach_are_not_told_and_others_are():
    found = labels_for_target(learning_curve(simulated(by_law([1, 2, 3, 4])), FEW), 0.7, have=10)
    assert REACH == 4
    assert "N = 20 is beyond 4 times" in found.gains[10]
    assert found.gains[5].value > 0


def test_a_target_that_the_smallest_count_reaches_needs_no_law():
    found = labels_for_target(learning_curve(simulated(by_law([2]), draws=1), FEW), 0.5)
    assert (found.needed.value, found.needed.low) == (2, 1)


def test_the_figure_dashes_what_was_not_tried_and_draws_no_law_that_is_doubted():
    good = learning_curve(simulated(by_law([1, 2, 4, 8])), FEW)
    doubted = learning_curve(simulated(by_law([1, 2, 4]), method="regression"), FEW)
    titles = Titles(
        cohorts={"c": CohortTitle(title="C", stands_for=None)},
        methods={
            "scratch": MethodTitle(title="S", pretext="none", benchmark=False),
            "regression": MethodTitle(title="R", pretext="regression", benchmark=False),
        },
    )
    parts = parts_of(simulated(by_law([1])), titles, "mean")
    figure = annotation_budget([labels_for_target(good, 0.8), labels_for_target(doubted, 0.8)], parts)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 20]
    low, high, tried, beyond = lines
    assert (low.get_ydata() <= np.concatenate([tried.get_ydata(), beyond.get_ydata()])).all()
    assert (high.get_ydata() >= np.concatenate([tried.get_ydata(), beyond.get_ydata()])).all()
    assert (tried.get_linestyle(), beyond.get_linestyle()) == ("-", "--")
    assert max(tried.get_xdata()) <= 8 < max(beyond.get_xdata()) <= 32 + 1e-6
    points = [tuple(line.get_xdata()) for line in figure.axes[0].lines if line.get_linestyle() == "None"]
    assert (1, 2, 4) in points and (1, 2, 4, 8) in points
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [
        *["S", "R", "fitted law", "law beyond the tried N", "its 95 % interval", "target, Dice 0.8"],
        "N for the target, with interval",
    ]
    looks = [handle.get_linestyle() for handle in figure.legends[0].legend_handles[2:4]]
    assert looks == [tried.get_linestyle(), beyond.get_linestyle()]


def fewlabel(*arguments):
    """Exit code, standard output, errors."""
    process = preloaded.run("annotation-budget", *arguments)
    assert "Traceback" not in process.stderr
    return process.returncode, process.stdout, process.stderr


def test_the_command_tells_draws_and_writes_it_down(tmp_path):
    path = tmp_path / "scores.csv"
    pd.concat([simulated(by_law([1, 2, 4, 8])), simulated(by_law([8], 0.5, 0.8), method="supervised")]).to_csv(
        path, index=False
    )
    code, text, _ = fewlabel(tmp_path, "--target", 0.82, "--json", tmp_path / "budget.json", "--resamples", 200)
    assert code == 0
    assert "c, scratch (N = 1, 2, 4, 8; 4 draws, 20 test subjects)" in text
    assert (tmp_path / "figures/budget.png").stat().st_size and (tmp_path / "figures/budget.pdf").stat().st_size
    one, other = json.loads((tmp_path / "budget.json").read_text())["curves"]
    assert f"N = {one['needed']['value']:g} (" in text
    assert other["needed"] is None and "one number of labels" in other["refused"]


def test_the_command_answers_for_one_class_and_for_the_mean(tmp_path):
    plain = simulated(by_law([1, 2, 4, 8]))
    by_class(plain, {"c": ["lobe", "vessel"]}).to_csv(tmp_path / "scores.csv", index=False)
    (tmp_path / "plain").mkdir()
    plain.to_csv(tmp_path / "plain/scores.csv", index=False)
    found = {}
    for name, place in (("lobe", "."), ("mean", "."), ("", "plain")):
        chosen = ["--class", name] if name == "lobe" else []
        json_file = tmp_path / f"{name}.json"
        code, text, errors = fewlabel(
            tmp_path / place, "--target", 0.7, "--json", json_file, "--resamples", 200, *chosen
        )
        assert code == 0, errors
        found[name] = json.loads(json_file.read_text())
        if name:
            assert f"mean Dice of 0.7 ({'mean of the classes' if name == 'mean' else name})" in text
    assert found["lobe"].pop("class") == "lobe" and found["mean"]["class"] == "mean"
    assert found["lobe"] == found[""]  # its scores are those of the one class
    assert found["mean"]["curves"][0]["dice"] == pytest.approx(
        np.array(found["lobe"]["curves"][0]["dice"]) * (1 + 6 / 7) / 2, abs=2e-6
    )
    each = tmp_path / "each.json"
    code, _, errors = fewlabel(tmp_path, "--target", 0.7, "--json", each, "--resamples", 200, "--class", "each")
    curves = json.loads(each.read_text())["curves"]
    assert [curve["cohort"] for curve in curves] == ["c", "c/lobe", "c/vessel"], errors
    assert [curve["dice"] for curve in curves[:2]] == [found[name]["curves"][0]["dice"] for name in ("mean", "lobe")]
    code, _, errors = fewlabel(tmp_path, "--target", 0.8, "--class", "heart")
    assert code == 1 and "--class heart: accepted: mean, each, lobe, vessel" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", 1.2], "--target 1.2: accepted: more than 0, less than 1"),
        (["--target", 0.8, "--method", "nobody"], "--method nobody: accepted: scratch"),
        (["--target", 0.8, "--cohort", "nowhere"], "--cohort nowhere: accepted: c"),
        (["--target", 0.8, "--class", "heart"], "--class heart: accepted: mean, each"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(tmp_path, arguments, said):
    path = tmp_path / "scores.csv"
    simulated(by_law([1, 2, 4, 8])).to_csv(path, index=False)
    code, _, errors = fewlabel(path, *arguments)
    assert code == 1 and said in errors
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_is_none_of_scores_is_refused(tmp_path):
    (tmp_path / "scores.csv").write_text("a,b\n1,2\n")
    code, _, errors = fewlabel(tmp_path / "scores.csv", "--target", 0.8)
    assert code == 1 and "no column cohort" in errors
    code, _, errors = fewlabel(tmp_path / "none.csv", "--target", 0.8)
    assert code == 1 and "no such file" in errors
