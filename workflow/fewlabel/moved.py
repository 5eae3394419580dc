"""Subjects that would move: a study with results keeps whom it tests, and the order in which it labels subjects."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from fewlabel.folds import part_of
from fewlabel.former import Former, former_orders, has_trainings, read_former
from fewlabel.jobs import SplitSettings
from fewlabel.partition import some
from fewlabel.splits import order_pool, split_roles

Draw = tuple[int | None, int]
"""A test fold, and the number of a draw in it."""
REDRAW = "`--config redraw=true` draws all subjects anew and trains again"


def moved_problems(subjects: pd.DataFrame, cohort: str, split: SplitSettings, study: Path, draws: int) -> list[str]:
    """What a new split would change of a study that has trainings; an empty list where nothing, or it is asked for.

    Args:
        subjects: columns subject, patient, labelled (0 or 1), use; the split of them is possible.
        cohort: its key in the experiment, which names its folder.
        split: of the cohort, not of one of its folds.
        study: the study's results.
        draws: how many draws of the labelled subjects it has.

    Raises:
        InputError: a table of the results that cannot be read.
    """
    if split.redraw or not has_trainings(study, cohort):
        return []
    former = read_former(study, cohort, split.folds)
    if former is None:
        return []
    orders = dict(_orders(study, cohort, split, draws))
    base = read_former(study, split.cohort, split.folds)
    changes = _changes(subjects, split, base, former, orders)
    if not changes:
        return []
    other = split.model_copy(update={"drawing": "permutation" if split.drawing == "hash" else "hash"})
    fix = (
        "undo the change of subjects or settings, or name another `study`"
        if _changes(subjects, other, None, former, orders)
        else f"it was begun with another way of drawing: write `drawing: {other.drawing}` into its experiment"
    )
    return [
        f"cohorts.{cohort}: other subjects than those that {study} was trained and scored with: {'; '.join(changes)}; "
        f"accepted: the same test set and the same order of labelled subjects; {fix}; {REDRAW}"
    ]


def _changes(
    subjects: pd.DataFrame, split: SplitSettings, base: Former | None, former: Former, orders: Mapping[Draw, list[str]]
) -> list[str]:
    """Changes of the test set; where there are none, those of the draws."""
    return _moved(former, split_roles(subjects, split, base), split) or _reordered(subjects, split, base, orders)


def _moved(former: Former, roles: pd.DataFrame, split: SplitSettings) -> list[str]:
    """Who leaves the test set and who enters it; with folds, newly labelled subjects enter one without a word."""
    before, after = _tested(former.roles), _tested(roles)
    known = set(former.roles["subject"])
    labelled = set(former.roles.loc[former.roles["labelled"] == 1, "subject"])
    there = set(roles["subject"])
    gone = [name for name in before if name not in there]
    leaving = [name for name in before if name in there and name not in after]
    entering = [name for name in after if name not in before and (split.folds is None or name in known & labelled)]
    elsewhere = [name for name in before if name in after and before[name] != after[name]]
    parts = (
        (gone, "missing"),
        (leaving, "no longer tested"),
        (entering, "newly tested"),
        (elsewhere, "in other folds"),
    )
    return [f"{what}: {some(sorted(names))}" for names, what in parts if names]


def _tested(roles: pd.DataFrame) -> dict[str, int]:
    """The tested subjects with their fold, 0 without folds."""
    rows = roles[roles["role"] == "test"]
    folds = rows["fold"].fillna(0).astype(int) if "fold" in rows else [0] * len(rows)
    return dict(zip(map(str, rows["subject"]), folds, strict=True))


def _orders(study: Path, cohort: str, split: SplitSettings, draws: int) -> Iterator[tuple[Draw, list[str]]]:
    """The order of the labelled subjects in each draw of each fold that there is."""
    for fold in [None] if split.folds is None else range(1, split.folds + 1):
        for draw, names in former_orders(study, part_of(cohort, fold), draws):
            yield (fold, draw), names


def _reordered(
    subjects: pd.DataFrame, split: SplitSettings, base: Former | None, orders: Mapping[Draw, list[str]]
) -> list[str]:
    """Draws whose subjects would come in another order than before."""
    found = []
    for (fold, draw), before in orders.items():
        roles = split_roles(subjects, split.model_copy(update={"fold": fold}), base)
        drawn = order_pool(roles, part_of(split.cohort, fold), split.seed, draw, split.drawing)
        after = drawn["subject"].tolist()
        if [name for name in before if name in after] != [name for name in after if name in before]:
            found.append(f"draw {draw}" + ("" if fold is None else f" of fold {fold}"))
    return [f"labelled in another order: {some(found)}"] if found else []
