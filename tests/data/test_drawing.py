"""Subjects that are added leave the others where they are; studies of before are drawn as they were."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fewlabel.config.folds import cohort_of
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import SplitSettings, draw_settings, split_settings
from fewlabel.config.jobs.grid import split_parts
from fewlabel.config.jobs.training import pretrain_settings, pretrainings
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.drawing import in_random_order
from fewlabel.data.existing_split import ExistingSplit, comparable_settings
from fewlabel.data.labelled_pool import order_pool
from fewlabel.data.splits import pretraining_subjects, split_roles
from fewlabel.utils.errors import InputError
from fewlabel.utils.seeds import generator

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "results" / "published").glob("*/experiment.yaml"))


# ------------------------------------------------------------------------------------------------------- orders
def test_the_smallest_hash_of_seed_purpose_and_name_comes_first():
    names = [f"s{i}" for i in range(20)]
    texts = {name: f'[7, "draw", "liver", 2, "{name}"]'.encode() for name in names}
    expected = sorted(names, key=lambda name: hashlib.sha256(texts[name]).hexdigest())
    assert in_random_order(reversed(names), "hash", 7, "draw", "liver", 2) == expected
    others = [in_random_order(names, "hash", *key) for key in ((8, "draw", "liver", 2), (7, "draw", "liver", 3))]
    assert expected != others[0] != others[1] != expected


def test_the_former_order_is_numpys_permutation_of_the_sorted_names():
    names = [f"s{i}" for i in range(20)]
    expected = generator(7, "pretraining").permutation(np.array(sorted(names))).tolist()
    assert in_random_order(reversed(names), "permutation", 7, "pretraining") == expected


@given(names=st.sets(st.text(max_size=3), max_size=12), further=st.sets(st.text(max_size=3), max_size=4))
def test_further_names_move_no_other(names, further):
    before, after = (in_random_order(some, "hash", 1, "x") for some in (names, names | further))
    assert [name for name in after if name in names] == before


# ----------------------------------------------------------------------------------------- studies that are there
def table(rows):
    names = ("patient", "labelled", "use")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return pd.DataFrame({"subject": [f"s{i:02d}" for i in range(len(rows))], **columns})


row = st.tuples(
    st.integers(0, 14).map("p{}".format), st.sampled_from([1, 1, 1, 0]), st.sampled_from(["auto", "auto", "train"])
)
splits = st.builds(
    SplitSettings,
    cohort=st.just("c"),
    test=st.integers(1, 4),
    seed=st.integers(0, 20),
    drawing=st.just("hash"),
    validation=st.sampled_from([None, None, 1, 2]),
)
folded = st.builds(
    SplitSettings,
    cohort=st.just("c"),
    test=st.just([]),
    folds=st.integers(2, 3),
    seed=st.integers(0, 20),
    drawing=st.just("hash"),
)


ONE = SplitSettings(cohort="c", test=1, seed=1, drawing="hash")


def as_former(roles, split):
    return ExistingSplit(roles if "fold" in roles else roles.assign(fold=float("nan")), comparable_settings(split))


@settings(max_examples=100)
@given(
    rows=st.lists(row, min_size=8, max_size=24), further=st.lists(row, min_size=1, max_size=6), split=splits | folded
)
def test_a_study_keeps_whom_it_tests_and_its_orders_when_subjects_are_added(rows, further, split):
    few, more = table(rows), table(rows + further)
    try:
        before = split_roles(few, split)
        fresh = split_roles(more, split)
    except InputError:
        assume(False)
    former = as_former(before, split)
    after = split_roles(more, split, former)

    # Whoever was there is what it was.
    columns = [name for name in ("role", "fold") if name in before]
    known = before.set_index("subject")[columns]
    # With `train`, a new volume takes its patient out of all folds: then nothing is kept, and results refuse it.
    if split.folds is None or set(fresh.loc[fresh["role"] == "test", "subject"]) >= set(
        known.index[known["role"] == "test"]
    ):
        kept = after.set_index("subject").loc[known.index, columns]
        assert kept.astype(str).equals(known.astype(str))
    if split.folds is None:
        assert (after.loc[~after["subject"].isin(known.index), "role"] != "test").all()
    assert not set(after.loc[after["role"] == "test", "patient"]) & set(after.loc[after["role"] == "pool", "patient"])

    # What was made once comes out again, and of the same subjects nothing else than in a new study.
    assert split_roles(more, split, as_former(after, split)).equals(after)
    assert split_roles(few, split, former).equals(before)
    for draw in (1, 2):
        old, new = (order_pool(roles, "c", split.seed, draw, "hash")["subject"].tolist() for roles in (before, after))
        assert [name for name in new if name in old] == [name for name in old if name in new]


def test_subjects_to_pretrain_on_stay_but_for_those_that_come_before_them():
    roles = split_roles(table([(f"p{i}", 0, "auto") for i in range(20)] + [("a", 1, "auto"), ("b", 1, "auto")]), ONE)
    old = pretraining_subjects(roles[roles["subject"] < "s15"], 1, 5, "hash")
    new = pretraining_subjects(roles, 1, 5, "hash")
    assert {name for name in new if name < "s15"} <= set(old)
    assert set(pretraining_subjects(roles, 1, 3, "hash")) < set(new)
    assert set(pretraining_subjects(roles, 1, 5, "permutation")) != set(new)


def test_a_newly_labelled_subject_joins_the_smallest_fold_and_stays_where_it_is_in_each_of_them():
    rows = [(f"p{i}", 1, "auto") for i in range(5)]
    split = SplitSettings(cohort="c", test=[], folds=2, seed=1, drawing="hash")
    before = split_roles(table(rows), split)
    more = table([*rows, ("new", 1, "auto")])
    former = as_former(before, split)
    after = split_roles(more, split, former).set_index("subject")["fold"]
    smallest = before["fold"].value_counts().idxmin()
    assert after["s05"] == smallest and after.value_counts().tolist() == [3, 3]
    for fold in (1, 2):
        roles = split_roles(more, split.model_copy(update={"fold": fold}), former).set_index("subject")["role"]
        assert set(roles.index[roles == "test"]) == set(after.index[after == fold])


def test_further_volumes_of_whom_a_study_tests_are_seen_by_nobody():
    rows = [(f"p{i}", 1, "auto") for i in range(6)]
    split = SplitSettings(cohort="c", test=2, seed=1, drawing="hash")
    before = split_roles(table(rows), split)
    tested = before.loc[before["role"] == "test", "patient"].iloc[0]
    after = split_roles(table([*rows, (tested, 1, "auto")]), split, as_former(before, split))
    assert after["role"].tolist() == [*before["role"], "withheld"]


@pytest.mark.parametrize(
    "change",
    [{"test": 3}, {"seed": 2}, {"drawing": "permutation"}, {"redraw": True}, {"test": ["s00", "s01"]}, {"cohort": "d"}],
)
def test_other_settings_split_as_a_new_study(change):
    subjects = table([(f"p{i}", 1, "auto") for i in range(12)])
    split = SplitSettings(cohort="c", test=2, seed=1, drawing="hash")
    other = split.model_copy(update=change)
    # Two that no such split would test.
    new = split_roles(subjects, other)
    names = new.loc[new["role"] == "pool", "subject"].iloc[:2].tolist()
    roles = new.assign(role=["test" if name in names else "pool" for name in new["subject"]], fold=float("nan"))
    assert split_roles(subjects, other, ExistingSplit(roles, comparable_settings(split))).equals(new)
    # The same with the settings that the former ones had: these are kept.
    kept = split_roles(subjects, split, ExistingSplit(roles, comparable_settings(split)))
    assert kept.loc[kept["role"] == "test", "subject"].tolist() == names


# --------------------------------------------------------------------------------------------- studies of before
def test_settings_of_studies_of_before_are_what_they_were():
    files = [ROOT / "config.yaml", ROOT / "experiments" / "hippocampus.yaml"]
    experiment = load(read_config(files), files)
    split = canonical(split_settings(experiment, "hippocampus"))
    assert split == '{"cohort":"hippocampus","test":60,"seed":3914,"recipe":1}'
    draw = canonical(draw_settings(experiment, "hippocampus", 2))
    assert draw == '{"cohort":"hippocampus","seed":3914,"draw":2,"recipe":1}'
    pretrain = canonical(pretrain_settings(experiment, "hippocampus", "regression"))
    assert pretrain.endswith('"precision":"auto","deterministic":false,"seed":3914,"recipe":2}')


def test_a_new_study_says_how_it_draws_where_a_job_depends_on_it():
    few = ROOT / "experiments" / "hippocampus" / "unlabelled.yaml"
    files = [ROOT / "config.yaml", ROOT / "experiments" / "hippocampus.yaml", few]
    experiment = load({**read_config(files), "drawing": "hash"}, files)
    assert split_settings(experiment, "hippocampus").drawing == "hash"
    assert draw_settings(experiment, "hippocampus", 1).drawing == "hash"
    drawn = {name: pretrain_settings(experiment, "hippocampus", name).drawing for name in pretrainings(experiment)}
    asked = {name for name in drawn if experiment.methods[name].pretraining_subjects is not None}
    assert asked and {name for name, drawing in drawn.items() if drawing == "hash"} == asked


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_published_roles_and_draws_come_out_again(path):
    experiment = load(read_config([path]), [path])
    seen = 0
    for part in split_parts(experiment):
        folder = path.parent / part / "splits"
        published = read_subjects(folder / "roles.csv")
        # ACDC's test subjects are those of its own table, which is not published.
        tested = published["role"].eq("test") & (path.parent.name == "acdc")
        auto = tested.map({True: "test", False: "train" if tested.any() else "auto"})
        use = auto.where(published["labelled"].astype(bool), "unlabelled")
        roles = split_roles(published.assign(use=use), split_settings(experiment, part))
        assert roles["role"].tolist() == published["role"].tolist(), part
        if "fold" in published:
            assert roles["fold"].astype("string").fillna("").tolist() == published["fold"].astype(str).tolist()
        for file in sorted(folder.glob("draw*.csv")):
            draw = draw_settings(experiment, part, int(file.stem.removeprefix("draw")))
            order = order_pool(roles, draw.cohort, draw.seed, draw.draw, draw.drawing, draw.count, draw.first)
            assert order["subject"].tolist() == read_subjects(file)["subject"].tolist(), file
            seen += 1
    assert seen and {cohort_of(part) for part in split_parts(experiment)} == set(experiment.cohorts)
