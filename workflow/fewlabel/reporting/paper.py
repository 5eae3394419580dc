"""What the reproduced paper published in figures that can be quoted; everything else in it is a picture.

Its Tables 1 and 2 are in no public copy, so these are the numbers of its text.
"""

from dataclasses import dataclass
from typing import Literal

PaperCohort = Literal["liver", "prostate"]

TITLE = (
    "Learning to segment with limited annotations: self-supervised pretraining with regression and contrastive loss"
    " in MRI"
)
CITATION = f"Umapathy L, Fu Z, Philip R, Martin D, Altbach M, Bilgin A. {TITLE}. Proc. ISMRM 30 (2022), 3914"
DOI = "https://doi.org/10.58530/2022/3914"
SHORT = "paper (Umapathy 2022)"

WHICH_METHOD = (
    "the paper gives this for 'the proposed methods' with N = 4 and does not say whether regression or contrastive"
    " pretraining reached it"
)
EQUIVALENT = (
    "the paper calls contrastive pretraining with N = 8 'equivalent to the supervised benchmark'; the number is the"
    " benchmark's"
)


@dataclass(frozen=True)
class PaperScore:
    """One published mean Dice on the paper's own test cohort.

    Attributes:
        cohort: the paper's cohort.
        pretext: of the method; None where the paper does not say which of its two methods.
        n: labelled training subjects; None for all that are available (how many is not stated).
        dice: mean Dice, 0 to 1, as printed (two decimals, no interval).
        source: where in the paper.
        note: what a reader must know to quote it.
    """

    cohort: PaperCohort
    pretext: str | None
    n: int | None
    dice: float
    source: str = "Results, first paragraph"
    note: str = ""


@dataclass(frozen=True)
class CohortCounts:
    """How many subjects one of the paper's cohorts has, and where that is written."""

    subjects: int
    labelled: int
    source: str


PUBLISHED = (
    PaperScore("liver", None, 4, 0.81, note=WHICH_METHOD),
    PaperScore("liver", "none", None, 0.86),
    PaperScore("prostate", None, 4, 0.74, note=WHICH_METHOD),
    PaperScore("prostate", "contrastive", 8, 0.85, note=EQUIVALENT),
    PaperScore("prostate", "none", None, 0.85),
)

SIZES: dict[PaperCohort, CohortCounts] = {
    "liver": CohortCounts(138, 31, "Methods: Downstream Segmentation Task"),
    "prostate": CohortCounts(
        48, 32, "volumes: Methods; public labels: Medical Segmentation Decathlon, Task05_Prostate"
    ),
}


def published(cohort: PaperCohort | None) -> tuple[PaperScore, ...]:
    """All published scores of one of the paper's cohorts; none for a cohort that stands for neither."""
    return tuple(point for point in PUBLISHED if point.cohort == cohort)


def counterpart(cohort: PaperCohort | None, pretext: str, n: int, benchmark: bool) -> PaperScore | None:
    """The published score that stands beside one of ours, if there is one.

    Args:
        cohort: the paper's cohort that ours stands for.
        pretext: of our method. A number that the paper gives for "the proposed methods" goes with both pretexts; the
            random-initialisation control and methods of ours have none.
        n: labelled training subjects.
        benchmark: whether ours is the supervised benchmark, whatever its N.
    """
    for point in published(cohort):
        if benchmark and point.n is None:
            return point
        if (
            not benchmark
            and pretext in ("regression", "contrastive")
            and point.n == n
            and point.pretext in (None, pretext)
        ):
            return point
    return None
