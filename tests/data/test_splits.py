from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fewlabel.config.jobs.data import SplitSettings
from fewlabel.data.labelled_pool import first_subjects, order_pool
from fewlabel.data.splits import (
    PRETRAINING_ROLES,
    assign_roles,
    check_roles,
    pretraining_subjects,
    split_problems,
)
from fewlabel.utils.errors import InputError


def cohort(patients, labelled=None, use=None):
    count = len(patients)
    return pd.DataFrame(
        {
            "subject": [f"s{i:03d}" for i in range(count)],
            "patient": [f"p{p}" for p in patients],
            "labelled": labelled or [1] * count,
            "use": use or ["auto"] * count,
        }
    )


def split(test):
    return SplitSettings(cohort="c", test=test, seed=1)


random_cohorts = st.integers(4, 40).flatmap(
    lambda count: st.builds(
        cohort,
        st.lists(st.integers(0, count), min_size=count, max_size=count),
        st.lists(st.integers(0, 1), min_size=count, max_size=count),
        st.lists(
            st.sampled_from(["auto", "auto", "auto", "train", "unlabelled", "test"]), min_size=count, max_size=count
        ),
    )
)


def consistent(subjects):
    subjects.loc[subjects["use"] == "unlabelled", "labelled"] = 0
    subjects.loc[(subjects["use"] == "test") & (subjects["labelled"] == 0), "use"] = "auto"
    return subjects


@settings(max_examples=150)
@given(subjects=random_cohorts, test=st.integers(1, 10), seed=st.integers(0, 99), draw=st.integers(1, 5))
def test_splits_are_disjoint_by_patient_and_draws_are_nested(subjects, test, seed, draw):
    subjects = consistent(subjects)
    try:
        roles = assign_roles(subjects, "c", test, seed)
    except InputError as error:
        assert "cohorts.c.test" in str(error)
        assume(False)
    assert roles["subject"].tolist() == subjects["subject"].tolist()
    tested = set(roles.loc[roles["role"] == "test", "patient"])
    trained = set(roles.loc[roles["role"].isin(PRETRAINING_ROLES), "patient"])
    assert not tested & trained
    assert (roles.loc[roles["role"].isin(["test", "pool"]), "labelled"] == 1).all()
    order = order_pool(roles, "c", seed, draw)
    assert sorted(order["subject"]) == sorted(roles.loc[roles["role"] == "pool", "subject"])
    firsts = [first_subjects(order, n) for n in range(1, len(order) + 1)]
    assert all(set(small) < set(large) for small, large in pairwise(firsts))


def test_the_wanted_number_of_test_subjects_is_drawn():
    roles = assign_roles(cohort(range(20)), "c", 7, seed=1)
    assert (roles["role"] == "test").sum() == 7


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    subjects = cohort(range(30))
    first, again, other = (assign_roles(subjects, "c", 10, seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_the_split_does_not_depend_on_the_order_of_subjects():
    subjects = cohort(range(30))
    roles = assign_roles(subjects, "c", 10, 1).set_index("subject")["role"]
    turned = assign_roles(subjects[::-1], "c", 10, 1).set_index("subject")["role"]
    assert roles.sort_index().equals(turned.sort_index())


def test_draws_differ_from_each_other_and_cohorts_from_each_other():
    roles = assign_roles(cohort(range(30)), "c", 10, 1)
    orders = [order_pool(roles, *key)["subject"].tolist() for key in (("c", 1, 1), ("c", 1, 2), ("d", 1, 1))]
    assert len({tuple(order) for order in orders}) == 3


def test_volumes_of_one_patient_share_one_fate():
    roles = assign_roles(cohort([0, 0, 1, 2, 2, 3, 4, 5]), "c", 3, seed=5)
    for _, patient in roles.groupby("patient"):
        assert len(set(patient["role"])) == 1


def test_unlabelled_volumes_of_test_patients_are_withheld_from_pretraining():
    roles = assign_roles(cohort([0, 0, 1, 2], labelled=[1, 0, 1, 1]), "c", ["s000"], seed=1)
    assert roles["role"].tolist() == ["test", "withheld", "pool", "pool"]


def test_listed_test_subjects_are_the_test_set():
    roles = assign_roles(cohort(range(6)), "c", ["s001", "s004"], seed=1)
    assert roles.loc[roles["role"] == "test", "subject"].tolist() == ["s001", "s004"]


def test_the_table_may_fix_test_and_training_subjects():
    use = ["test", "train", "train", "auto", "unlabelled", "auto"]
    roles = assign_roles(cohort(range(6), labelled=[1, 1, 1, 1, 0, 1], use=use), "c", 2, seed=1)
    assert roles["role"].tolist()[:3] == ["test", "pool", "pool"]
    assert roles["role"].tolist()[4] == "unlabelled"
    assert (roles["role"] == "test").sum() == 2


def test_there_is_always_a_test_subject_and_never_fewer_than_asked_for():
    for seed in range(20):
        roles = assign_roles(cohort([0, 0, 1, 1, 2, 2]), "c", 1, seed)
        assert (roles["role"] == "test").sum() == 2
        roles = assign_roles(cohort([0, 0, 1, 1, 2, 2, 3]), "c", 3, seed)
        assert (roles["role"] == "test").sum() in (3, 4)


def test_a_listed_test_subject_that_the_table_trains_on_is_refused():
    use = ["train", "auto", "auto", "auto"]
    with pytest.raises(InputError, match="s000 has use `train`"):
        assign_roles(cohort(range(4), use=use), "c", ["s000"], 1)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (6, "6 test subjects of 6 labelled"),
        (["s009"], "no subject 's009'.*s000"),
        (["s005"], "s005 has no label"),
        (["s000", "s001", "s002", "s003", "s004"], "leave none to train on"),
    ],
)
def test_impossible_test_sets_are_refused(test, message):
    labelled = [1, 1, 1, 1, 1, 0] if isinstance(test, list) else [1] * 6
    with pytest.raises(InputError, match=message):
        assign_roles(cohort(range(6), labelled=labelled), "c", test, seed=1)


def test_a_patient_both_tested_and_trained_on_is_refused():
    roles = pd.DataFrame({"subject": ["a", "b"], "patient": ["p", "p"], "labelled": [1, 1], "role": ["test", "pool"]})
    with pytest.raises(InputError, match="tested and trained on: p"):
        check_roles(roles)


def test_n_larger_than_the_pool_is_refused_with_what_is_accepted():
    subjects = cohort(range(6))
    assert split_problems(subjects, split(2), largest=4) == []
    assert "accepted: 1 to 4, or all" in split_problems(subjects, split(2), largest=5)[0]
    with pytest.raises(InputError, match="1 to 4"):
        first_subjects(order_pool(assign_roles(subjects, "c", 2, seed=1), "c", 1, 1), 5)


def test_an_impossible_test_set_is_a_problem_of_the_split():
    assert "6 test subjects of 6 labelled" in split_problems(cohort(range(6)), split(6), largest=1)[0]


def test_all_means_the_whole_pool():
    roles = assign_roles(cohort(range(6)), "c", 2, seed=1)
    assert len(first_subjects(order_pool(roles, "c", 1, 1), "all")) == 4


def test_validation_sets_the_test_subjects_aside_and_scores_others_of_the_pool() -> None:
    subjects = cohort(range(20), labelled=[1] * 16 + [0] * 4)
    plain, inner = (assign_roles(subjects, "c", 6, 1, validation) for validation in (None, 4))
    before, after = (table.set_index("subject")["role"] for table in (plain, inner))
    assert (after[before == "test"] == "withheld").all()
    assert (after == "test").sum() == 4 and (before[after == "test"] == "pool").all()
    assert (after[before == "unlabelled"] == "unlabelled").all() and (after == "pool").sum() == 6
    assert after.equals(assign_roles(subjects, "c", 6, 1, 4).set_index("subject")["role"])


def test_validation_keeps_patients_together() -> None:
    for seed in range(5):
        roles = assign_roles(cohort([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), "c", 2, seed, 2)
        check_roles(roles)
        assert roles.groupby("patient")["role"].nunique().eq(1).all()


def test_validation_that_leaves_no_pool_is_refused() -> None:
    with pytest.raises(InputError, match=r"cohorts\.c\.validation: 4 subjects of a pool of 4 .* accepted: 1 to 3"):
        assign_roles(cohort(range(6)), "c", 2, 1, 4)


def test_pretraining_on_fewer_subjects_is_nested_and_never_on_tested_ones() -> None:
    roles = assign_roles(cohort(range(20), labelled=[1] * 12 + [0] * 8), "c", 5, 1)
    free = set(roles.loc[roles["role"] != "test", "subject"])
    few, more, every = (set(pretraining_subjects(roles, 1, count)) for count in (3, 9, None))
    assert len(few) == 3 and len(more) == 9 and few < more < every and every == free
    assert few != set(pretraining_subjects(roles, 2, 3))
    with pytest.raises(InputError, match="pretraining_subjects: 16 of 15"):
        pretraining_subjects(roles, 1, 16)


def test_more_pretraining_subjects_than_there_are_is_told_beforehand() -> None:
    assert split_problems(cohort(range(6)), split(2), largest=4, pretrained=4) == []
    assert "accepted: 1 to 4" in split_problems(cohort(range(6)), split(2), largest=4, pretrained=5)[0]
