"""A score of an installed package: computed, tabulated and shown in a study that names it."""

import json
import re

import pandas as pd
import pytest
import yaml

from helpers import preloaded
from helpers.studies import ROOT


def test_it_is_a_column_of_the_scores_equal_to_the_volumes(study):
    scores = pd.read_csv(study.results / "scores.csv")
    expected = 100 * (scores["predicted_ml"] - scores["truth_ml"]) / scores["truth_ml"]
    assert scores["relative_volume"].to_list() == pytest.approx(expected.to_list(), abs=0.05)
    assert list(scores.columns[5:10]) == ["dice", "hd95_mm", "assd_mm", "truth_ml", "predicted_ml"]


def test_table_2_has_its_median_and_readers_see_title_and_unit(study):
    scores, table = (pd.read_csv(study.results / name) for name in ("scores.csv", "tables/table2_dice.csv"))
    medians = scores.groupby(["cohort", "method", "n"])["relative_volume"].median()
    for _, row in table.iterrows():
        assert row["relative_volume_median"] == pytest.approx(medians[row["cohort"], row["method"], row["n"]], rel=1e-5)
        assert row["relative_volume_undefined"] == 0
    assert "median volume difference, %" in (study.results / "tables" / "table2_dice.html").read_text()


def test_the_explorer_has_it(study):
    page = (study.results / "explorer.html").read_text()
    assert re.search(r'"title": ?"volume difference, %"', page)


def test_another_list_of_scores_scores_again_and_trains_nothing(study):
    jobs, _ = study.planned(change={"scores": []})
    assert jobs["evaluate"] > 0 and not jobs.keys() & {"pretrain", "finetune"}


def test_a_study_that_names_no_score_has_none_and_an_unknown_one_is_refused(toys, tmp_path):
    overlay = tmp_path / "experiment.yaml"
    for names, message in (
        (
            ["relative_volum"],
            "unknown score 'relative_volum'",
        ),
        (["dice"], "every study has 'dice'; to fix: leave it out"),
    ):
        overlay.write_text(yaml.safe_dump({"scores": names}))
        process = preloaded.run("plan", ROOT / "config.yaml", overlay, env=toys)
        assert process.returncode == 1 and "Traceback" not in process.stderr
        assert message in process.stderr, process.stderr


def test_a_table_with_its_column_is_read_without_its_package(study, tmp_path):
    code = """
import sys
from pathlib import Path
from fewlabel.reporting.statistics.scores import read_scores
print(list(read_scores(Path(sys.argv[1])).columns))
"""
    process = preloaded.run(code, study.results / "scores.csv", program="python-c")
    assert process.returncode == 0, process.stderr
    assert "relative_volume" not in process.stdout and "'predicted_ml'" in process.stdout


RETURNS = """
from fewlabel.config.scores.specification import ScoreSpecification
SCORE = ScoreSpecification(name="mine", title="Mine", implementation="third.score:mine", better="high", high=1)
def mine(predicted, truth, spacing):
    return {value}
"""


@pytest.mark.parametrize("value", ["2", "None", "float('nan')", "'text'"])
def test_a_value_that_does_not_fit_is_named_with_what_is_accepted(value, installed):
    env = installed("third", {"fewlabel.scores": {"mine": "third.score:SCORE"}}, score=RETURNS.format(value=value))
    code = """
import json, numpy
from fewlabel.inference.evaluate import score
from fewlabel.utils.errors import InputError
mask = numpy.ones((2, 2, 2), numpy.uint8)
try:
    score(mask, mask, (1, 1, 1), ["mine"])
except InputError as error:
    print(json.dumps(str(error)))
"""
    process = preloaded.run(code, program="python-c", env=env)
    assert "score mine: third.score:mine returned" in json.loads(process.stdout), process.stderr
    assert "accepted: 0 to 1" in json.loads(process.stdout)
