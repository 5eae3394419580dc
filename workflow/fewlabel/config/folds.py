"""Names of test folds: a cross-validated cohort has a folder for each fold, next to that of its volumes.

A part is what is trained and tested together: a whole cohort (`liver`), or one test fold of it (`liver-fold2`, a name
that no cohort can have). Volumes and slices are the cohort's, splits and trainings the part's.
"""

import re
from collections.abc import Iterable, Mapping

FOLD = re.compile(r"(?P<cohort>.+)-fold(?P<fold>[1-9]\d*)")


def part_of(cohort: str, fold: int | None) -> str:
    """The part that a fold, from 1, is; the cohort itself where it has none."""
    return cohort if fold is None else f"{cohort}-fold{fold}"


def cohort_of(part: str) -> str:
    """The cohort that a part is of."""
    found = FOLD.fullmatch(part)
    return found["cohort"] if found else part


def fold_of(part: str) -> int | None:
    """Which fold a part is, from 1; None: it is a whole cohort."""
    found = FOLD.fullmatch(part)
    return int(found["fold"]) if found else None


def parts_of(cohort: str, folds: int | None) -> list[str]:
    """The parts of a cohort with so many folds."""
    return [cohort] if folds is None else [part_of(cohort, fold) for fold in range(1, folds + 1)]


def all_parts(cohorts: Iterable[str], folds: Mapping[str, int]) -> list[str]:
    """The parts of several cohorts, of which those in `folds` have so many."""
    return [part for cohort in cohorts for part in parts_of(cohort, folds.get(cohort))]
