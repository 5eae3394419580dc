"""Test folds: each labelled subject is tested once, no fold sees its patient, and what cannot be is refused."""

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fewlabel.config.folds import all_parts, cohort_of, fold_of, part_of
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.data.cross_validation import partition
from fewlabel.data.labelled_pool import order_pool
from fewlabel.data.splits import PRETRAINING_ROLES, pretraining_subjects, split_problems, split_roles
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


def split(folds, fold=None, seed=1):
    return SplitSettings(cohort="c", test=[], folds=folds, fold=fold, seed=seed)


# ------------------------------------------------------------------------------------------------------ names
def test_a_part_is_named_after_its_cohort_and_no_cohort_can_have_its_name():
    assert all_parts(["a", "b_fold1"], {"a": 2}) == ["a-fold1", "a-fold2", "b_fold1"]
    assert [(cohort_of(part), fold_of(part)) for part in ("a-fold12", "b_fold1")] == [("a", 12), ("b_fold1", None)]
    assert part_of("a", None) == "a"


# -------------------------------------------------------------------------------------------------- partition
@settings(max_examples=80)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 12), st.booleans(), st.sampled_from(["auto", "auto", "auto", "train"])),
        min_size=6,
        max_size=40,
    ),
    count=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_labelled_subject_is_tested_once_and_no_fold_sees_a_volume_of_whom_it_tests(rows, count, seed):
    patients, labelled, use = (list(column) for column in zip(*rows, strict=True))
    subjects = cohort(patients, [int(one) for one in labelled], use)
    kept = set(subjects.loc[subjects["use"] == "train", "patient"])
    free = subjects[(subjects["labelled"] == 1) & ~subjects["patient"].isin(kept)]
    assume(free["patient"].nunique() >= count)
    tested = []
    for fold in range(1, count + 1):
        roles = split_roles(subjects, split(count, fold, seed))
        test = roles[roles["role"] == "test"]
        seen = set(roles.loc[roles["role"].isin(PRETRAINING_ROLES), "subject"])
        assert set(pretraining_subjects(roles, seed)) == seen
        assert set(order_pool(roles, "c", seed, 1)["subject"]) == set(roles.loc[roles["role"] == "pool", "subject"])
        assert set(roles.loc[roles["subject"].isin(seen), "patient"]).isdisjoint(test["patient"])
        # Nobody is left aside but further volumes of whom the fold tests.
        withheld = roles[roles["role"] == "withheld"]
        assert set(withheld["patient"]) <= set(test["patient"])
        tested += test["subject"].tolist()
    assert sorted(tested) == sorted(free["subject"])
    whole = split_roles(subjects, split(count, None, seed)).set_index("subject")
    assert sorted(whole.index[whole["role"] == "test"]) == sorted(tested)
    assert whole["fold"].dropna().index.tolist() == whole.index[whole["role"] == "test"].tolist()


def test_twenty_subjects_make_folds_of_seven_seven_and_six_whatever_the_order_of_rows():
    subjects = cohort(range(20))
    parts = partition(subjects, "c", 3, seed=1)
    assert [len(part) for part in parts] == [7, 7, 6]
    assert partition(subjects[::-1], "c", 3, seed=1) == parts
    assert partition(subjects, "c", 3, seed=2) != parts != partition(subjects, "other", 3, seed=1)


def test_a_patient_is_in_one_fold_and_sizes_are_as_equal_as_patients_allow():
    parts = partition(cohort(["a", "a", "a", "b", "b", "c", "d", "e"]), "c", 2, seed=1)
    assert [len(part) for part in parts] == [4, 4]


def test_a_subject_kept_for_training_is_in_every_pool():
    subjects = cohort(range(5), use=["train", "auto", "auto", "auto", "auto"])
    for fold in (1, 2):
        assert split_roles(subjects, split(2, fold)).set_index("subject")["role"]["s000"] == "pool"
    whole = split_roles(subjects, split(2)).set_index("subject")
    assert whole["role"]["s000"] == "pool" and pd.isna(whole["fold"]["s000"])


# ------------------------------------------------------------------------------------------------------ refused
@pytest.mark.parametrize(
    ("use", "count", "largest", "message"),
    [
        ("auto", 7, 1, "cohorts.c.folds: 7 folds of 6 labelled patients; accepted: 2 to 6"),
        ("test", 2, 1, "cohorts.c.folds: use `test` of s005 in the subjects table, but other folds train on them"),
        (
            "auto",
            2,
            4,
            "N = 4, but the pool of cohorts.c has 3 labelled subjects besides the test set in test fold 1",
        ),
    ],
)
def test_folds_that_cannot_be_are_told_before_work(use, count, largest, message):
    subjects = cohort(range(6), use=["auto"] * 5 + [use])
    assert message in "\n".join(split_problems(subjects, split(count), largest))


def test_what_every_fold_allows_is_no_problem_and_what_one_does_not_names_that_one():
    subjects = cohort(range(20))
    assert split_problems(subjects, split(3), largest=13, pretrained=13) == []
    problems = split_problems(subjects, split(3), largest=14, pretrained=14)
    assert [text[text.index("fold ") :][:11] for text in problems] == [
        "fold 1 of 3",
        "fold 1 of 3",
        "fold 2 of 3",
        "fold 2 of 3",
    ]


def test_folds_need_two_patients():
    with pytest.raises(InputError, match="two patients or more"):
        partition(cohort(["a", "a"]), "c", 2, seed=1)
