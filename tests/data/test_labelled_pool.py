"""Patients as the unit of N, and named draws."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewlabel.config.cohort import PUBLISHED_DRAWS, Labelling
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.config.loading.load import load
from fewlabel.data.drawing import in_random_order
from fewlabel.data.labelled_pool import first_subjects, labelled_count, named_draw_problems, order_pool, pool_size
from fewlabel.data.splits import split_problems
from fewlabel.utils.errors import InputError
from helpers.experiments import config


def roles(volumes=((1, "pool"), (2, "pool"), (3, "pool"), (2, "test"), (1, "unlabelled"), (1, "withheld"))):
    """A table of roles: patients a, b, … with so many volumes each."""
    rows = [
        {"subject": f"{'abcdefghijklmnopqrstuvwxyz'[index]}{number}", "patient": "abcdefghijklmnopqrstuvwxyz"[index],
         "role": role}
        for index, (count, role) in enumerate(volumes)
        for number in range(count)
    ]  # fmt: skip
    return pd.DataFrame(rows)


pools = st.lists(st.tuples(st.integers(1, 4), st.just("pool")), min_size=1, max_size=12).map(roles)


@given(pool=pools, seed=st.integers(0, 99), draw=st.integers(1, 5), drawing=st.sampled_from(["hash", "permutation"]))
def test_n_patients_are_n_whole_patients_and_nested(pool, seed, draw, drawing):
    order = order_pool(pool, "c", seed, draw, drawing, "patients")
    assert sorted(order["subject"]) == sorted(pool["subject"])
    assert pool_size(pool, "patients") == order["rank"].max() == pool["patient"].nunique()
    patient_of, volumes = pool.set_index("subject")["patient"], pool.groupby("patient")["subject"].agg(set)
    chosen = [set(first_subjects(order, n)) for n in range(1, order["rank"].max() + 1)]
    for n, subjects in enumerate(chosen, 1):
        patients = set(patient_of[list(subjects)])
        assert len(patients) == n and subjects == set().union(*volumes[list(patients)])
    assert all(small < large for small, large in pairwise(chosen))
    assert chosen[-1] == set(first_subjects(order, "all"))


def test_patients_are_drawn_in_the_seeded_order_of_their_names():
    order = order_pool(roles(), "c", 5, 2, "hash", "patients")
    assert order["patient"].drop_duplicates().tolist() == in_random_order("abc", "hash", 5, "draw", "c", 2)
    assert (
        order.groupby("rank")["subject"].agg(list).map(sorted).tolist()
        == order.groupby("rank")["subject"].agg(list).tolist()
    )


@given(pool=pools, seed=st.integers(0, 99))
def test_with_one_volume_a_patient_of_its_name_nothing_differs(pool, seed):
    alone = pool.drop_duplicates("patient").assign(subject=lambda table: table["patient"])
    by_subject, by_patient = (order_pool(alone, "c", seed, 1, "hash", count) for count in ("subjects", "patients"))
    assert by_subject.equals(by_patient)


def test_named_ones_come_first_and_the_others_follow_in_the_order_that_they_had():
    random = order_pool(roles(), "c", 1, 1, "hash")["subject"].tolist()
    named = order_pool(roles(), "c", 1, 1, "hash", first=["c2", "a0"])["subject"].tolist()
    assert named == ["c2", "a0", *(name for name in random if name not in ("c2", "a0"))]
    by_patient = order_pool(roles(), "c", 1, 1, "hash", "patients", first=["c"])
    assert first_subjects(by_patient, 1) == ["c0", "c1", "c2"]


def test_more_than_the_pool_is_refused_by_what_is_counted():
    with pytest.raises(InputError, match="N = 4, but the pool has 3 patients"):
        first_subjects(order_pool(roles(), "c", 1, 1, count="patients"), 4)
    with pytest.raises(InputError, match="N = 7, but the pool has 6 subjects"):
        first_subjects(order_pool(roles(), "c", 1, 1), 7)


@pytest.mark.parametrize(
    ("count", "name", "message"),
    [
        ("patients", "z", "draw 1: z: no patient of the cohort; accepted: patients of the labelled pool (a, b, c)"),
        ("patients", "b1", "b1: no patient of the cohort, but a subject is; to fix: change `count`"),
        ("subjects", "b", "b: no subject of the cohort, but a patient is; to fix: change `count`"),
        ("subjects", "b11", "did you mean 'b1'?"),
        ("patients", "d", "d: is tested or withheld"),
        ("subjects", "d1", "d1: is tested or withheld"),
        ("patients", "e", "e: has no mask"),
        ("patients", "f", "f: is tested or withheld"),
    ],
)
def test_names_that_cannot_be_labelled_are_refused_before_work(count, name, message):
    (problem,) = named_draw_problems(roles(), "heart", Labelling(count=count, named=[[name]]))
    assert problem.startswith("cohorts.heart.draws: draw 1: ")
    assert message in problem
    with pytest.raises(InputError) as caught:
        order_pool(roles(), "heart", 1, 1, count=count, first=[name])
    assert message in str(caught.value)


def test_the_split_is_refused_with_them_and_n_is_compared_with_patients():
    table = roles().assign(labelled=1, use="auto").query("role == 'pool'")
    split, labelling = SplitSettings(cohort="c", test=["a0"], seed=1), Labelling(count="patients", named=[["a"]])
    tested, larger = split_problems(table, split, 3, labelling=labelling)
    assert "cohorts.c.draws: draw 1: a: is tested" in tested
    assert "N = 3, but the pool of cohorts.c has 2 labelled patients" in larger
    assert split_problems(table, split, 2, labelling=Labelling(count="patients", named=[["c", "b"]])) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": [["a", "a"]]}, "each entry once"),
        ({"draws": [[]]}, "draws"),
        ({"draws": [["a"], ["b"], ["c"]]}, "3 named draws, but the study has `draws: 2`"),
        ({"draws": [["a"]], "folds": 2}, "folds 2 and named draws"),
        ({"draws": "promise12"}, "acdc"),
        ({"count": "scans"}, "patients"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    experiment = config(draws=2)
    name = next(iter(experiment["cohorts"]))
    cohort = {**experiment["cohorts"][name], **change}
    if "folds" in change:
        cohort.pop("test", None)
    with pytest.raises(InputError) as caught:
        load({**experiment, "cohorts": {name: cohort}})
    assert message in str(caught.value)


def test_the_published_cases_of_acdc_are_nested():
    (order,) = PUBLISHED_DRAWS["acdc"]
    published = {1: ["099"], 3: ["038", "050", "099"], 7: ["021", "038", "049", "050", "058", "099", "100"]}
    for n, cases in published.items():
        assert sorted(order[:n]) == [f"patient{case}" for case in cases]


def test_n_is_the_number_of_labelled_patients_where_the_record_has_one():
    assert labelled_count({"subjects": ["a0", "b0", "b1"]}) == 3
    assert labelled_count({"subjects": ["a0", "b0", "b1"], "labelled_patients": 2}) == 2
