import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.config.folds import part_of
from fewlabel.config.study_layout import LAYOUT, WILDCARDS, Run, StudyLayout

names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
numbers = st.integers(1, 10**6)
parts = st.builds(part_of, names, st.none() | numbers)
runs = st.builds(Run, parts, names) | st.builds(Run, parts, names, st.just("all") | numbers, numbers)


@given(runs)
def test_a_run_is_parsed_from_its_folder(run):
    assert Run.parse(str(run)) == run


@given(runs)
def test_the_workflow_matches_every_run_and_no_other_text(run):
    known = {"cohort": run.part, "method": run.method, "n": run.n, "draw": run.draw}
    for name, value in known.items():
        assert value is None or re.fullmatch(WILDCARDS[name], str(value))
    pattern = Run.pattern("{cohort}", "{method}", *(() if run.n is None else ("{n}", "{draw}")))
    assert str(pattern).format(**known) == str(run)


@given(names, runs)
def test_a_root_is_put_before_every_path(root, run):
    assert StudyLayout(root).record(run) == f"{root}/{LAYOUT.record(run)}"


@given(st.text(alphabet="ab/nx1", max_size=40))
def test_another_folder_is_no_run(text):
    try:
        assert str(Run.parse(text)) == text
    except ValueError as error:
        assert "is no training's folder" in str(error)


@pytest.mark.parametrize(
    "folder",
    ["", "liver", "liver/pretrained", "liver/finetuned/scratch", "liver/finetuned/scratch/n4", "liver/other/m/n4/draw1",
     "liver/finetuned/scratch/nsome/draw1", "liver/finetuned/scratch/n4/draw", "a/liver/pretrained/m",
     "liver/pretrained/m/"],
)  # fmt: skip
def test_what_is_no_run_is_refused(folder):
    with pytest.raises(ValueError, match="is no training's folder"):
        Run.parse(folder)


def test_the_study_of_a_file_is_found(tmp_path):
    run = Run("liver-fold2", "scratch", "all", 3)
    assert Run.of_file(tmp_path / LAYOUT.weights(run)) == (tmp_path, run)
    assert Run.of_file(tmp_path / "weights.safetensors") is None
    assert (run.cohort, run.fold, run.kind) == ("liver", 2, "finetuned")


def test_inputs_of_a_fold_are_its_own_and_slices_its_cohorts():
    assert LAYOUT.input("liver-fold2", "slices/store.json") == LAYOUT.store("liver")
    assert LAYOUT.input("liver-fold2", "splits/roles.csv") == LAYOUT.roles("liver-fold2")
