import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.publishing.compare import DIFFERENT, IDENTICAL, SAME, TOO_FEW, as_text, compare
from fewlabel.reporting.publishing.compare_scores import (
    KEY,
    SCORED,
    Paired,
    beyond_chance,
    by_method,
    cells,
    pair,
    too_few,
)
from fewlabel.reporting.publishing.publish import publish
from fewlabel.reporting.results.folder import read_results
from fewlabel.reporting.statistics.summary import exclusion_by_sign
from fewlabel.utils.errors import InputError

SCORES = "scores.csv"


def sides(differences, a=0.5):
    """Paired scores whose differences in Dice are an array of (cell, draw, subject)."""
    rows = [
        ("knee", f"m{cell}", 1, draw + 1, f"s{subject:02d}", a, a + value)
        for (cell, draw, subject), value in np.ndenumerate(np.asarray(differences, dtype=float))
    ]
    table = pd.DataFrame(rows, columns=[*KEY, "dice_a", "dice_b"])
    others = {f"{name}_{side}": 1.0 for name in SCORED[1:] for side in "ab"}
    return Paired(table.assign(**others), table.head(0)[KEY], table.head(0)[KEY])


def noise(seed, shift=0.0, cells=20, draws=2, subjects=10):
    random = np.random.default_rng(seed)
    return random.normal(shift, 0.02, (cells, draws, 1)) + random.normal(0, 0.03, (cells, draws, subjects))


# ------------------------------------------------------------------------------------------------------ scores
def test_a_cell_by_hand():
    row = cells(sides([[[0.1, 0.2, 0.0], [0.0, 0.1, -0.1]]])).iloc[0]
    assert row["mean_a"] == 0.5 and row["mean_b"] == pytest.approx(0.55) and row["difference"] == pytest.approx(0.05)
    assert (row["scores"], row["identical"]) == (6, 2)
    assert row["largest"] == pytest.approx(0.2)
    assert row["low"] < 0.05 < row["high"]


def test_the_interval_of_one_draw_agrees_with_scipys_paired_bootstrap():
    random = np.random.default_rng(1)
    a, b = random.uniform(0.4, 0.6, 25), random.uniform(0.4, 0.7, 25)
    paired = sides([[b - a]])
    paired = paired._replace(both=paired.both.assign(dice_a=a, dice_b=b))
    row = cells(paired).iloc[0]
    theirs = bootstrap(
        (a, b), lambda a, b: np.mean(b) - np.mean(a), paired=True, vectorized=False, n_resamples=5000,
        method="percentile", rng=2,
    ).confidence_interval  # fmt: skip
    assert (row["low"], row["high"]) == (pytest.approx(theirs.low, abs=4e-3), pytest.approx(theirs.high, abs=4e-3))


def test_scores_are_paired_by_run_and_subject_whatever_their_order(study, tmp_path):
    a, b = study(tmp_path / "a"), study(tmp_path / "b", seed=1)
    expected = cells(pair(read_results(a), read_results(b)))
    table = pd.read_csv(b / SCORES, dtype=str, keep_default_na=False)
    table.sample(frac=1, random_state=0).to_csv(b / SCORES, index=False)
    pd.testing.assert_frame_equal(cells(pair(read_results(a), read_results(b))), expected)
    ours, theirs = (pd.read_csv(folder / SCORES)["dice"].mean() for folder in (a, b))
    assert expected["difference"].mean() == pytest.approx(theirs - ours)


def test_undefined_distances_are_equal_and_others_are_not():
    paired = sides([[[0.0, 0.0, 0.0]]])
    both = paired.both.assign(hd95_mm_a=[np.nan, np.nan, 1.0], hd95_mm_b=[np.nan, 2.0, 1.0])
    assert cells(paired._replace(both=both)).iloc[0]["identical"] == 2


# ------------------------------------------------------------------------------------------------------ chance
def test_signs_by_hand():
    def rows(values):
        return sides([values]).both.assign(dice=lambda table: table["dice_b"] - table["dice_a"])

    # Two draws far from 0: of the two ways to choose their signs, one leaves them on one side.
    assert exclusion_by_sign(rows([[0.1, 0.11], [0.1, 0.12]]), Intervals()) == 0.5
    # Four: of the eight ways, only equal signs keep all replicates of the draws off 0 in 97.5 %.
    assert exclusion_by_sign(rows([[0.1, 0.11]] * 8), Intervals()) < 0.1
    assert exclusion_by_sign(rows([[0.1, -0.11]]), Intervals()) == 0
    assert exclusion_by_sign(rows([[0.1]]), Intervals()) == 0
    assert 0 <= exclusion_by_sign(rows(np.full((12, 3), 0.1)), Intervals(resamples=200)) < 0.1


def test_two_runs_of_the_same_are_seldom_called_different():
    called = [beyond_chance(cells(sides(noise(seed)))) for seed in range(40)]
    assert sum(called) <= 5  # of 40, at 5 %: more with a probability below 2 %


@pytest.mark.parametrize("draws", [1, 2, 5])
def test_a_shift_of_all_is_called_different(draws):
    assert beyond_chance(cells(sides(noise(0, shift=0.05, draws=draws))))


def test_methods_that_part_to_both_sides_are_called_different():
    moved = noise(0, draws=5) + np.where(np.arange(20) % 2, 0.1, -0.1)[:, None, None]
    assert beyond_chance(cells(sides(moved)))


@pytest.mark.parametrize(("cells_of", "draws", "few"), [(2, 1, True), (20, 1, False), (2, 2, True), (2, 5, False)])
def test_runs_are_too_few_where_a_shift_of_all_would_not_be_told(cells_of, draws, few):
    moved = cells(sides(np.full((cells_of, draws, 10), 0.1)))
    assert too_few(moved) == few == (not beyond_chance(moved))


# ------------------------------------------------------------------------------------------------------ verdicts
@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        (
            [[[0.1, 0.2]], [[0.0, 0.0]]],
            "m0 differs in every score (largest difference in Dice: 0.2); all other methods are identical",
        ),
        (
            [[[0.0, 0.0]], [[0.0, -0.4]], [[0.0, 0.0]]],
            "m1 differs in 1 of 2 scores (largest difference in Dice: 0.4); all other methods are identical",
        ),
        (
            [[[0.1, 0.1]], [[0.0, 0.2]]],
            "m0 differs in every score (largest difference in Dice: 0.1); "
            "m1 differs in 1 of 2 scores (largest difference in Dice: 0.2)",
        ),
        ([[[0.0, 0.0]], [[0.0, 0.0]]], ""),
    ],
)
def test_the_methods_that_differ_are_named(differences, expected):
    assert by_method(cells(sides(differences))) == expected


def test_the_verdict_is_by_method(study, tmp_path):
    a, b = study(tmp_path / "a"), study(tmp_path / "b", seed=1)
    assert "By method: " in compare(a, b).sentence and "By method" not in compare(a, a).sentence


def test_a_study_is_identical_to_itself_and_to_its_published_tables(study, tmp_path):
    folder, to = study(tmp_path / "results" / "mine"), tmp_path / "results" / "published" / "mine"
    publish(folder, to)
    for other in (folder, to):
        found = compare(folder, other)
        assert (found.verdict, found.exact) == (IDENTICAL, True)
        assert (found.cells["difference"] == 0).all() and not found.cells["excludes_0"].any()
        assert not any(found.only.values()) and not any(found.differences.values())
    assert "Identical: all 32 scores" in as_text(found)


def test_swapping_the_sides_turns_every_sign(study, tmp_path):
    a, b = study(tmp_path / "a"), study(tmp_path / "b", seed=1, shift=0.05)
    there, back = compare(a, b), compare(b, a)
    assert there.verdict == back.verdict
    for one, other in (("difference", "difference"), ("low", "high"), ("high", "low")):
        np.testing.assert_allclose(there.cells[one], -back.cells[other], atol=1e-12)
    assert there.cells["mean_a"].equals(back.cells["mean_b"])


def test_another_seed_is_the_same_within_chance_and_a_shift_is_not(study, tmp_path):
    cohorts = {
        name: {"source": {"kind": "nifti", "folder": "m"}, "grid": {"matrix": [64, 64]}, "test": 4} for name in "klm"
    }
    a = study(tmp_path / "a", cohorts=cohorts)
    assert compare(a, study(tmp_path / "b", cohorts=cohorts, seed=1)).verdict == SAME
    shifted = compare(a, study(tmp_path / "c", cohorts=cohorts, seed=1, shift=0.3))
    assert shifted.verdict == DIFFERENT and not shifted.exact
    assert "Different: 12 of 12 intervals of B - A exclude 0" in as_text(shifted)


@pytest.mark.parametrize(("draws", "reported"), [(1, True), (6, False)])
def test_it_is_told_where_no_difference_could_be(study, tmp_path, draws, reported):
    one = study(tmp_path / "one", draws=draws, labels=[1])
    found = compare(one, study(tmp_path / "moved", draws=draws, labels=[1], shift=0.2))
    assert found.verdict == (SAME if reported else DIFFERENT) and found.cells["excludes_0"].all()
    assert (TOO_FEW in found.notes) == (TOO_FEW in as_text(found)) == reported


def test_scores_of_one_side_alone_are_told_and_are_not_exact(study, tmp_path):
    a, b = study(tmp_path / "a"), study(tmp_path / "b")
    table = pd.read_csv(a / SCORES, dtype=str, keep_default_na=False)
    keep = (table["draw"] == "1") & (table["subject"] != "NA")
    table[keep | (table["method"] == "scratch") & (table["subject"] != "NA")].to_csv(a / SCORES, index=False)
    found = compare(a, b)
    assert (found.verdict, found.exact) == (IDENTICAL, False)
    runs = ["regression on knee, N = 1: draw 2", "regression on knee, N = 2: draw 2"]
    assert found.only == {"a": [], "b": [*runs, "knee: NA"]}
    assert "14 scores are in B only" in found.sentence


# ------------------------------------------------------------------------------------------------------ facts
def reported(found, heading):
    return [(one.what, one.a, one.b) for one in found.differences[heading]]


def test_one_change_of_the_experiment_is_told_once(study, tmp_path):
    a = study(tmp_path / "a")
    found = compare(a, study(tmp_path / "b", finetuning={"steps": 77}, draws=3))
    assert reported(found, "Settings") == [("draws", "2", "3"), ("finetuning.steps", "10000", "77")]


def test_where_the_data_lie_is_no_difference(study, tmp_path):
    def at(folder):
        return {"knee": {"source": {"kind": "nifti", "folder": folder}, "grid": {"matrix": [64, 64]}, "test": 4}}

    a, b = study(tmp_path / "a", cohorts=at("/data/knees")), study(tmp_path / "b", cohorts=at("/home/ann/knees"))
    assert reported(compare(a, b), "Settings") == []


def test_where_the_experiment_is_not_recorded_a_change_of_all_runs_is_told_once(study, tmp_path):
    a, b = study(tmp_path / "a"), study(tmp_path / "b", finetuning={"steps": 77})
    (a / "experiment.yaml").unlink()
    (one,) = compare(a, b).differences["Settings"]
    assert (one.what, one.a, one.b, one.where) == ("finetuning.steps", "10000", "77", "8 of 9 runs")


def test_versions_and_machines_are_told_once_and_times_are_not(study, tmp_path):
    facts = {"software": {"packages": {"torch": "2.13.0"}, "commit": "ab"}, "recipe": 1, "kind": "finetune"}
    other = {"software": {"packages": {"torch": "2.14.0"}, "commit": "ab"}, "recipe": 2, "kind": "finetune"}
    a, b = study(tmp_path / "a", facts=facts), study(tmp_path / "b", seed=1, facts=other)
    mixed = json.loads((b / "knee/pretrained/regression/run.json").read_text())
    mixed["software"]["packages"]["torch"] = "2.13.0"
    (b / "knee/pretrained/regression/run.json").write_text(json.dumps(mixed))
    found = compare(a, b)
    torch = ("software.packages.torch", "2.13.0", "2.14.0 (8 runs), 2.13.0 (1 run)")
    assert sorted(reported(found, "Versions and machine")) == [("recipe (finetune)", "1", "2"), torch]


def test_subjects_splits_slices_and_files_that_differ_are_told(study, tmp_path):
    a, b = (study(tmp_path / name, facts={"outputs": {"weights": name}, "inputs": {"initial": "x"}}) for name in "ab")
    roles, draw, store = b / "knee/splits/roles.csv", b / "knee/splits/draw1.csv", b / "knee/slices/store.json"
    roles.write_text(roles.read_text().replace("bob,patient of bob", "ben,patient of ben"))
    draw.write_text("rank,subject,patient\n1,bob,x\n2,ann,x\n3,007,x\n".replace("x", "patient of y"))
    store.write_text(store.read_text().replace("abab", "cdab"))
    found = compare(a, b)
    inputs = reported(found, "Inputs")
    assert ("knee/splits/roles.csv: subjects that the other lacks", "bob", "ben") in inputs
    assert ("knee/splits/draw1.csv: rank", "1", "2") in inputs
    assert any(what.startswith("knee/slices/images.npy") for what, *_ in inputs)
    assert [one.where for one in found.differences["Files that the trainings wrote"]] == ["differs in 9 of 9 runs"]


def test_what_is_not_recorded_is_not_called_equal(study, tmp_path):
    text = as_text(compare(study(tmp_path / "a"), study(tmp_path / "b")))
    assert "Files that the trainings wrote: not recorded in both" in text


def test_an_anonymised_study_is_compared_with_its_origin(study, tmp_path):
    folder, to = study(tmp_path / "results" / "mine"), tmp_path / "results" / "published" / "mine"
    publish(folder, to, anonymise=True)
    found = compare(folder, to)
    assert found.exact and not found.differences["Inputs"]
    assert "matched by the order of their ids" in as_text(found)
    roles = folder / "knee/splits/roles.csv"
    roles.write_text(roles.read_text() + "new,patient of new,1,pool\n")
    with pytest.raises(InputError, match="codes of subjects cannot be matched"):
        compare(folder, to)


def test_studies_of_unlike_cohorts_are_refused_with_what_each_has(study, tmp_path):
    other = {"hip": {"source": {"kind": "nifti", "folder": "mine"}, "grid": {"matrix": [64, 64]}, "test": 4}}
    a, b = study(tmp_path / "a"), study(tmp_path / "b", cohorts=other)
    with pytest.raises(InputError, match=r"(?s)no common scores.*cohorts: A has knee; B has hip"):
        compare(a, b)


def test_everything_is_told_as_json_too(study, tmp_path):
    found = compare(study(tmp_path / "a"), study(tmp_path / "b", seed=1))
    facts = json.loads(json.dumps(found.facts(), allow_nan=False))
    assert facts["verdict"] == found.verdict and len(facts["cells"]) == 4
    assert facts["differences"]["Files that the trainings wrote"] is None
