"""`fewlabel publish` and `fewlabel compare` as a user runs them."""

import json

import pandas as pd
import pytest

from helpers import preloaded


def fewlabel(folder, *arguments):
    """Exit code, standard output, errors."""
    process = preloaded.run(*arguments, cwd=folder)
    assert "Traceback" not in process.stderr
    return process.returncode, process.stdout, process.stderr


@pytest.fixture
def folder(study, tmp_path):
    """Two finished studies."""
    study(tmp_path / "results" / "one")
    study(tmp_path / "results" / "two", seed=1)
    return tmp_path


def test_a_study_is_published_beside_the_results_and_says_that_ids_are(folder):
    code, text, _ = fewlabel(folder, "publish", "results/one")
    assert code == 0
    assert (folder / "results/published/one/runs.json").is_file()
    assert "Ids of subjects and patients are published unchanged" in text
    code, _, errors = fewlabel(folder, "publish", "results/one", "--anonymise")
    assert code == 1 and "--replace" in errors
    code, text, _ = fewlabel(folder, "publish", "results/one", "--anonymise", "--replace")
    assert code == 0 and "replaced by codes" in text


def test_a_comparison_that_worked_ends_well_unless_exactness_is_asked_for(folder):
    for other, exact in (("two", 1), ("one", 0)):
        assert fewlabel(folder, "compare", "results/one", f"results/{other}")[0] == 0
        assert fewlabel(folder, "compare", "results/one", f"results/{other}", "--exact")[0] == exact


def test_a_comparison_is_written_as_table_and_as_json(folder):
    _, text, _ = fewlabel(folder, "compare", "results/one", "results/two", "--csv", "c.csv", "--json", "c.json")
    table, facts = pd.read_csv(folder / "c.csv"), json.loads((folder / "c.json").read_text())
    assert table["n"].tolist() == [cell["n"] for cell in facts["cells"]] == [1, 2, 1, 2]
    assert text.splitlines()[3].startswith("Same within chance: ") and facts["sentence"] in text


def test_a_folder_that_is_not_there_is_named(folder):
    code, text, errors = fewlabel(folder, "compare", "results/one", "results/three")
    assert (code, text) == (1, "")
    assert errors.startswith("fewlabel: results/three: no such folder; accepted: ")


def test_published_studies_are_joined_and_a_refusal_is_one_sentence(study, tmp_path):
    for name, labels in (("low", [1]), ("high", [2])):
        study(tmp_path / "results" / name, labels=labels)
        assert fewlabel(tmp_path, "publish", f"results/{name}")[0] == 0
    parts = ["results/published/low", "results/published/high"]
    code, text, _ = fewlabel(tmp_path, "join", *parts, "--to", "results/published/both")
    assert code == 0 and "results/published/both: 9 runs" in text and "make figures STUDY=both" in text
    scores = pd.read_csv(tmp_path / "results/published/both/scores.csv")
    assert sorted(scores["n"].unique()) == [1, 2]
    code, text, errors = fewlabel(tmp_path, "join", "results/low", "results/high", "--to", "results/published/other")
    assert (code, text) == (1, "") and errors.startswith("fewlabel: results/low: not a published study")
