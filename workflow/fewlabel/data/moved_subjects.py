"""Detect subjects that a new split would move: a study with results keeps its test subjects and draws."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from fewlabel.config.cohort import RANDOM_SUBJECTS, Labelling
from fewlabel.config.folds import part_of
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.data.existing_split import ExistingSplit, existing_draws, has_trainings, read_existing_split, scored_split
from fewlabel.data.labelled_pool import order_pool
from fewlabel.data.splits import split_roles
from fewlabel.utils.formatting import listed

Draw = tuple[int | None, int]
"""A test fold and the number of a draw in it."""
REDRAW = "`--config redraw=true` draws all subjects anew and trains again"


def moved_problems(
    subjects: pd.DataFrame,
    cohort: str,
    split: SplitSettings,
    study: Path,
    draws: int,
    labelling: Labelling = RANDOM_SUBJECTS,
) -> list[str]:
    """Changes of a new split to a study that has trainings; empty if there are none, or they are requested.

    Args:
        subjects: columns subject, patient, labelled (0 or 1), use; they can be split.
        cohort: its key in the experiment, which names its folder.
        split: of the cohort, not of one of its folds.

    Raises:
        InputError: a table of the results cannot be read.
    """
    if split.redraw or not has_trainings(study, cohort):
        return []
    earlier = _earlier_split(study, cohort, split)
    if earlier is None:
        return []
    orders = dict(_orders(study, cohort, split, draws))
    base = read_existing_split(study, split.cohort, split.folds)
    changes = _changes(subjects, split, base, earlier, orders, labelling)
    if not changes:
        return []
    other = split.model_copy(update={"drawing": "permutation" if split.drawing == "hash" else "hash"})
    fix = (
        "to fix: undo the change of subjects or settings, or choose another `study`"
        if _changes(subjects, other, None, earlier, orders, labelling)
        else f"to fix: set `drawing: {other.drawing}` in its experiment, which the study was started with"
    )
    return [
        f"cohorts.{cohort}: subjects differ from those that {study} was trained and scored with: {'; '.join(changes)}; "
        f"accepted: the same test set and the same order of labelled subjects; {fix}; {REDRAW}"
    ]


def redrawn(subjects: pd.DataFrame, cohort: str, split: SplitSettings, study: Path) -> list[str]:
    """The test subjects that a requested new draw moves, one line; empty if it moves none. Arguments as above."""
    earlier = _earlier_split(study, cohort, split) if split.redraw and has_trainings(study, cohort) else None
    changes = _moved(earlier, split_roles(subjects, split), split) if earlier is not None else []
    return [f"cohorts.{cohort}: redraw: {'; '.join(changes)}"] if changes else []


def _earlier_split(study: Path, cohort: str, split: SplitSettings) -> ExistingSplit | None:
    """The earlier split, or the test subjects that its runs scored if the split was deleted."""
    return read_existing_split(study, cohort, split.folds) or scored_split(study, cohort, split.folds)


def _changes(
    subjects: pd.DataFrame,
    split: SplitSettings,
    base: ExistingSplit | None,
    earlier: ExistingSplit,
    orders: Mapping[Draw, list[str]],
    labelling: Labelling,
) -> list[str]:
    """Changes of the test set; if there are none, changes of the draws."""
    moved = _moved(earlier, split_roles(subjects, split, base), split)
    return moved or _reordered(subjects, split, base, orders, labelling)


def _moved(earlier: ExistingSplit, roles: pd.DataFrame, split: SplitSettings) -> list[str]:
    """Subjects that leave or enter the test set; with folds, newly labelled subjects may enter one."""
    before, after = _tested(earlier.roles), _tested(roles)
    earlier_names = set(earlier.roles["subject"])
    labelled = set(earlier.roles.loc[earlier.roles["labelled"] == 1, "subject"])
    present = set(roles["subject"])
    missing = [name for name in before if name not in present]
    leaving = [name for name in before if name in present and name not in after]
    entering = [
        name for name in after if name not in before and (split.folds is None or name in earlier_names & labelled)
    ]
    elsewhere = [name for name in before if name in after and before[name] != after[name]]
    parts = (
        (missing, "missing"),
        (leaving, "no longer tested"),
        (entering, "newly tested"),
        (elsewhere, "in other folds"),
    )
    return [f"{what}: {listed(sorted(names))}" for names, what in parts if names]


def _tested(roles: pd.DataFrame) -> dict[str, int]:
    """The test subjects with their fold; 0 without folds."""
    rows = roles[roles["role"] == "test"]
    folds = rows["fold"].fillna(0).astype(int) if "fold" in rows else [0] * len(rows)
    return dict(zip(map(str, rows["subject"]), folds, strict=True))


def _orders(study: Path, cohort: str, split: SplitSettings, draws: int) -> Iterator[tuple[Draw, list[str]]]:
    """The order of the labelled subjects in each existing draw of each fold."""
    for fold in [None] if split.folds is None else range(1, split.folds + 1):
        for draw, names in existing_draws(study, part_of(cohort, fold), draws):
            yield (fold, draw), names


def _reordered(
    subjects: pd.DataFrame,
    split: SplitSettings,
    base: ExistingSplit | None,
    orders: Mapping[Draw, list[str]],
    labelling: Labelling,
) -> list[str]:
    """Draws whose order of subjects would change."""
    changed = []
    for (fold, draw), before in orders.items():
        roles = split_roles(subjects, split.model_copy(update={"fold": fold}), base)
        part = part_of(split.cohort, fold)
        order = order_pool(roles, part, split.seed, draw, split.drawing, labelling.count, labelling.first(draw))
        after = order["subject"].tolist()
        common = set(before) & set(after)
        if [name for name in before if name in common] != [name for name in after if name in common]:
            changed.append(f"draw {draw}" + ("" if fold is None else f" of fold {fold}"))
    return [f"changed order of labelled subjects: {listed(changed)}"] if changed else []
