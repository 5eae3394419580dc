"""Roles of subjects (test, pool, unlabelled, withheld): split by patient, fixed by seed, checked for disjointness."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from fewlabel.config.base import Drawing
from fewlabel.config.cohort import RANDOM_SUBJECTS, Labelling
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.data.cross_validation import partition
from fewlabel.data.drawing import in_random_order
from fewlabel.data.existing_split import ExistingSplit, comparable_settings
from fewlabel.data.labelled_pool import named_draw_problems, pool_size
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed

Role = Literal["test", "pool", "unlabelled", "withheld"]
"""test: scored only. pool: labelled, drawn from for finetuning, pretrained on. unlabelled: pretrained on.
withheld: used nowhere (an unlabelled volume of a tested patient; the test subjects while recipes are chosen)."""

PRETRAINING_ROLES: tuple[Role, ...] = ("pool", "unlabelled")


def split_roles(subjects: pd.DataFrame, split: SplitSettings, earlier: ExistingSplit | None = None) -> pd.DataFrame:
    """Assign a role to each subject by the settings of a split.

    Args:
        subjects: columns subject, patient, labelled (0 or 1), use (see `data.subjects.subject.Use`).
        earlier: the whole cohort's roles of an earlier run. If its settings are equal and its test subjects can still
            be tested, they are kept: new subjects go to the pool, with `folds` to the smallest fold.

    Returns:
        Columns subject, patient, labelled, role, in the order of `subjects` (see `assign_roles`). For a whole cohort
        with folds also the column fold (from 1, empty if not tested); roles are test, pool (never tested), unlabelled.

    Raises:
        InputError: see `assign_roles` and `partition`.
    """
    earlier_roles = earlier.roles if earlier is not None and _is_kept(earlier, subjects, split) else None
    if split.folds is None:
        if earlier_roles is not None:
            return _continued_roles(subjects, split.cohort, earlier_roles)
        return assign_roles(subjects, split.cohort, split.test, split.seed, split.validation, split.drawing)
    earlier_folds = {} if earlier_roles is None else _folds(earlier_roles)
    folds = partition(subjects, split.cohort, split.folds, split.seed, split.drawing, earlier_folds)
    if split.fold is not None:
        return assign_roles(subjects, split.cohort, folds[split.fold - 1], split.seed)
    fold = subjects["subject"].map({name: number for number, names in enumerate(folds, 1) for name in names})
    roles = [
        _role(tested, bool(labelled), "auto")
        for tested, labelled in zip(fold.notna(), subjects["labelled"], strict=True)
    ]
    return subjects[["subject", "patient", "labelled"]].assign(role=roles, fold=fold.astype("Int64"))


def assign_roles(
    subjects: pd.DataFrame,
    cohort: str,
    test: int | Sequence[str],
    seed: int,
    validation: int | None = None,
    drawing: Drawing = "permutation",
) -> pd.DataFrame:
    """Assign a role to each subject.

    Args:
        subjects: columns subject, patient, labelled (0 or 1), use (see `data.subjects.subject.Use`).
        cohort: its key in the experiment, for the seed and for messages.
        test: number of test subjects to draw (whole patients), or their names.
        validation: number of pool subjects tested instead of the test subjects, which are withheld; to choose recipes.
        drawing: method of drawing test subjects if their number is given.

    Returns:
        Columns subject, patient, labelled, role; rows in the order of `subjects`.

    Raises:
        InputError: listed test subjects unknown or without label, or no labelled subject left for the pool.
    """
    roles = _with_test(subjects, cohort, test, seed, drawing)
    return roles if validation is None else _with_validation(roles, cohort, validation, seed, drawing)


def _with_test(
    subjects: pd.DataFrame, cohort: str, test: int | Sequence[str], seed: int, drawing: Drawing
) -> pd.DataFrame:
    fixed = set(subjects.loc[subjects["use"] == "test", "patient"])
    tested = (
        _listed(subjects, cohort, test) | fixed
        if not isinstance(test, int)
        else _draw_patients(subjects, cohort, test, fixed, seed, drawing)
    )
    roles = subjects[["subject", "patient", "labelled"]].assign(
        role=[_role(row.patient in tested, bool(row.labelled), str(row.use)) for row in subjects.itertuples()]
    )
    return _checked(roles, cohort)


def _checked(roles: pd.DataFrame, cohort: str) -> pd.DataFrame:
    check_roles(roles)
    if not (roles["role"] == "pool").any():
        labelled = int(roles["labelled"].sum())
        raise InputError(_too_many(cohort, int((roles["role"] == "test").sum()), labelled, max(labelled - 1, 0)))
    return roles


def _is_kept(earlier: ExistingSplit, subjects: pd.DataFrame, split: SplitSettings) -> bool:
    """Whether an earlier split is kept: its settings are equal, and its test subjects can still be tested."""
    if split.redraw or split.drawing != "hash" or earlier.split != comparable_settings(split):
        return False
    tested = set(earlier.roles.loc[earlier.roles["role"] == "test", "subject"])
    # Validation uses any subject of the pool that has a mask.
    uses = ["auto", "test", *([] if split.validation is None else ["train"])]
    free = subjects[(subjects["labelled"] == 1) & subjects["use"].isin(uses)]
    fixed = set(subjects.loc[subjects["use"] == "test", "subject"])
    withheld = (
        set() if split.validation is None else set(earlier.roles.loc[earlier.roles["role"] == "withheld", "subject"])
    )
    return tested <= set(free["subject"]) and fixed <= tested | withheld


def _folds(roles: pd.DataFrame) -> dict[str, int]:
    """The test fold of each subject that has one."""
    rows = roles.dropna(subset=["fold"])
    return dict(zip(map(str, rows["subject"]), rows["fold"].astype(int), strict=True))


def _continued_roles(subjects: pd.DataFrame, cohort: str, earlier: pd.DataFrame) -> pd.DataFrame:
    """Keep the earlier test subjects; withhold other volumes of their patients and of patients set aside."""
    before = dict(zip(earlier["subject"], earlier["role"], strict=True))
    patients = {row.patient for row in subjects.itertuples() if before.get(str(row.subject)) in ("test", "withheld")}
    roles = [
        ("test" if before.get(str(row.subject)) == "test" else "withheld")
        if row.patient in patients
        else _role(False, bool(row.labelled), str(row.use))
        for row in subjects.itertuples()
    ]
    return _checked(subjects[["subject", "patient", "labelled"]].assign(role=roles), cohort)


def _with_validation(roles: pd.DataFrame, cohort: str, count: int, seed: int, drawing: Drawing) -> pd.DataFrame:
    """Split the pool again in the same way, and withhold the test subjects."""
    free = roles[roles["role"].isin(PRETRAINING_ROLES)]
    try:
        inner = _with_test(free.assign(use="auto"), f"{cohort}, validation", count, seed, drawing)
    except InputError:
        pool = int((roles["role"] == "pool").sum())
        raise InputError(
            f"cohorts.{cohort}.validation: {count} subjects of a pool of {pool} leave none to train on; accepted: 1 to "
            f"{pool - 1}; to fix: lower `validation` or `test`"
        ) from None
    return roles.assign(role=roles["subject"].map(inner.set_index("subject")["role"]).fillna("withheld"))


def pretraining_subjects(
    roles: pd.DataFrame, seed: int, count: int | None = None, drawing: Drawing = "permutation"
) -> list[str]:
    """Names of the pretraining subjects: all that are not tested, or the first `count` in an order fixed by seed.

    Raises:
        InputError: there are fewer than `count`.
    """
    free = [str(name) for name in roles.loc[roles["role"].isin(PRETRAINING_ROLES), "subject"]]
    if count is None:
        return free
    if count > len(free):
        raise InputError(
            f"pretraining_subjects: {count} of {len(free)} subjects to pretrain on; accepted: 1 to {len(free)}"
        )
    chosen = set(in_random_order(free, drawing, seed, "pretraining")[:count])
    return [name for name in free if name in chosen]


def check_roles(roles: pd.DataFrame) -> None:
    """Raise an InputError if a patient is both tested and trained on, or a subject occurs twice."""
    twice = roles.loc[roles["subject"].duplicated(), "subject"].tolist()
    if twice:
        raise InputError(f"split: subjects listed twice: {', '.join(twice)}; accepted: each once")
    tested = set(roles.loc[roles["role"] == "test", "patient"])
    trained = set(roles.loc[roles["role"].isin(PRETRAINING_ROLES), "patient"])
    if tested & trained:
        raise InputError(
            f"split: patients tested and trained on: {', '.join(sorted(tested & trained))}; accepted: one role each"
        )


def split_problems(
    subjects: pd.DataFrame,
    split: SplitSettings,
    largest: int,
    pretrained: int = 1,
    earlier: ExistingSplit | None = None,
    labelling: Labelling = RANDOM_SUBJECTS,
) -> list[str]:
    """Problems of a split: its test set (see `split_roles`), a pool smaller than the largest N, named draws that
    cannot be labelled, or fewer subjects to pretrain on than the `pretrained` that a method needs."""
    if split.folds is not None and split.fold is None:
        folds = [split.model_copy(update={"fold": fold}) for fold in range(1, split.folds + 1)]
        problems = [
            text for fold in folds for text in split_problems(subjects, fold, largest, pretrained, earlier, labelling)
        ]
        return list(dict.fromkeys(problems))
    try:
        roles = split_roles(subjects, split, earlier)
    except InputError as error:
        return str(error).splitlines()
    fold = "" if split.fold is None else f" in test fold {split.fold} of {split.folds}"
    pool, free = pool_size(roles, labelling.count), int(roles["role"].isin(PRETRAINING_ROLES).sum())
    problems = named_draw_problems(roles, split.cohort, labelling)
    if largest > pool:
        text = (
            f"labels: N = {largest}, but the pool of cohorts.{split.cohort} has {pool} labelled {labelling.count} "
            f"besides the test set{fold}"
        )
        change = "lower N or `test`" if split.folds is None else "lower N, raise `folds`"
        problems.append(f"{text}; accepted: 1 to {pool}, or all; to fix: {change}, or label more {labelling.count}")
    if pretrained > free:
        problems.append(
            f"pretraining_subjects: {pretrained}, but cohorts.{split.cohort} has {free} subjects that are not tested"
            f"{fold}; accepted: 1 to {free}"
        )
    return problems


def _listed(subjects: pd.DataFrame, cohort: str, names: Sequence[str]) -> set[str]:
    table = subjects.set_index("subject")
    place = f"cohorts.{cohort}.test"
    problems = []
    for name in names:
        if name not in table.index:
            problems.append(f"{place}: no subject {name!r} in the cohort; accepted: {listed(list(table.index))}")
        elif not table.loc[name, "labelled"]:
            problems.append(f"{place}: {name} has no label and cannot be scored; accepted: labelled subjects")
        elif table.loc[name, "use"] == "train":
            problems.append(f"{place}: {name} has use `train` in the subjects table; to fix: change one of the two")
    if problems:
        raise InputError("\n".join(problems))
    return {str(table.loc[name, "patient"]) for name in names}


def _draw_patients(
    subjects: pd.DataFrame, cohort: str, count: int, fixed: set[str], seed: int, drawing: Drawing
) -> set[str]:
    """Draw patients in random order until they have `count` labelled volumes; those that the table fixes come first.

    A patient that would exceed the number is skipped, unless the number cannot be reached otherwise.
    """
    free = subjects[(subjects["labelled"] == 1) & subjects["use"].isin(["auto", "test"])]
    volumes = free.groupby("patient")["subject"].count()
    if count >= int(subjects["labelled"].sum()) or count > int(volumes.sum()):
        most = min(int(volumes.sum()), int(subjects["labelled"].sum()) - 1)
        raise InputError(_too_many(cohort, count, int(subjects["labelled"].sum()), most))
    order = in_random_order(set(map(str, volumes.index)) - fixed, drawing, seed, "test", cohort)
    tested, count_so_far = set(fixed), int(volumes[volumes.index.isin(fixed)].sum())
    for exceed in (False, True):
        for patient in order:
            fits = exceed or count_so_far + int(volumes[patient]) <= count
            if count_so_far < count and patient not in tested and fits:
                tested.add(patient)
                count_so_far += int(volumes[patient])
    return tested


def _role(tested: bool, labelled: bool, use: str) -> Role:
    if tested:
        return "test" if labelled and use in ("auto", "test") else "withheld"
    return "pool" if labelled else "unlabelled"


def _too_many(cohort: str, tested: int, labelled: int, most: int) -> str:
    return (
        f"cohorts.{cohort}.test: {tested} test subjects of {labelled} labelled ones leave none to train on, or are not "
        f"free to be tested; accepted: 1 to {most}; to fix: lower `test` or label more subjects"
    )
