import pytest

from fewlabel.reporting import paper


def test_the_numbers_are_those_of_the_text():
    numbers = {(point.cohort, point.pretext, point.n): point.dice for point in paper.PUBLISHED}
    assert numbers == {
        ("liver", None, 4): 0.81,
        ("liver", "none", None): 0.86,
        ("prostate", None, 4): 0.74,
        ("prostate", "contrastive", 8): 0.85,
        ("prostate", "none", None): 0.85,
    }
    assert (paper.SIZES["liver"].subjects, paper.SIZES["liver"].labelled) == (138, 31)
    assert (paper.SIZES["prostate"].subjects, paper.SIZES["prostate"].labelled) == (48, 32)


@pytest.mark.parametrize("pretext", ["regression", "contrastive"])
def test_the_proposed_methods_stand_beside_both_pretexts_with_a_note(pretext):
    point = paper.counterpart("liver", pretext, 4, benchmark=False)
    assert point is not None
    assert point.dice == 0.81
    assert "does not say" in point.note


def test_the_benchmark_is_matched_whatever_its_n():
    assert paper.counterpart("prostate", "none", 17, benchmark=True).dice == 0.85
    assert paper.counterpart("liver", "none", 4, benchmark=True).dice == 0.86


@pytest.mark.parametrize(
    ("cohort", "pretext", "n"),
    [
        ("liver", "none", 4),
        ("liver", "contrastive", 8),
        ("prostate", "regression", 8),
        ("liver", "regression", 2),
        (None, "regression", 4),
    ],
)
def test_nothing_is_said_where_the_paper_says_nothing(cohort, pretext, n):
    assert paper.counterpart(cohort, pretext, n, benchmark=False) is None
    assert paper.published(None) == ()
