"""Facts of the subjects of a cohort: roles in the split, and sizes of the prepared volumes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fewlabel.config.folds import parts_of
from fewlabel.config.jobs.titles import Titles
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.csv_tables import CLASS_ML, numbers, read_csv_table
from fewlabel.utils.errors import InputError

ROLES = ("test", "pool", "unlabelled", "withheld")
ROLE_COLUMNS = ("subject", "role")
COUNTS = ("slices", "rows", "columns")
SPACINGS = ("slice_mm", "row_mm", "column_mm")
FACT_COLUMNS = ("subject", *COUNTS, *SPACINGS, "target_ml")


def read_facts(roles: Path, subjects: Path) -> pd.DataFrame:
    """Join a cohort's `roles.csv` with its `slices/subjects.csv`.

    Args:
        roles: at least subject, role (test, pool, unlabelled or withheld).
        subjects: at least subject, slices, rows, columns (of the native grid), slice_mm, row_mm, column_mm, target_ml
            (empty without a label); with named classes, `ml_<class>` of each.

    Returns:
        One row for each subject with a role: subject, role, patient if the roles have it, then the facts as float64;
        volumes may be NaN.

    Raises:
        InputError: a file is missing or not such a table, a role is unknown, a value is not a number, or a subject is
            repeated or has no facts.
    """
    split = _read(roles, ROLE_COLUMNS, ("patient",))
    facts = _read(subjects, FACT_COLUMNS)
    if unknown := sorted(set(split["role"]) - set(ROLES)):
        raise InputError(f"{roles.name}: role {', '.join(unknown)} unknown; accepted: {', '.join(ROLES)}")
    for column in facts.columns[1:]:
        facts[column] = pd.to_numeric(facts[column].replace("", "nan"), errors="coerce").astype("float64")
        if column in (*COUNTS, *SPACINGS) and facts[column].isna().any():
            raise InputError(f"{subjects.name}: {column}: not a number for {_some(facts, facts[column].isna())}")
    if not (absent := ~split["subject"].isin(facts["subject"])).any():
        return split.merge(facts, on="subject", how="left", validate="one_to_one")
    raise InputError(
        f"{subjects.name}: no row for {_some(split, absent)}, named in {roles.name}; make the slices again"
    )


def read_fold_facts(roles: Sequence[Path], subjects: Path) -> pd.DataFrame:
    """Join the facts of all test folds of a cohort, with the fold from 1 as `fold`.

    Args:
        roles: of each fold.
        subjects: of the cohort.

    Raises:
        InputError: see `read_facts`.
    """
    facts = [read_facts(path, subjects).assign(fold=fold) for fold, path in enumerate(roles, 1)]
    return pd.concat(facts, ignore_index=True)


def read_study_facts(results: Path, titles: Titles) -> dict[str, pd.DataFrame]:
    """The facts of all cohorts of a study, by cohort, from `read_facts` or `read_fold_facts`."""
    found = {}
    for name, title in titles.cohorts.items():
        roles = [results / LAYOUT.roles(part) for part in parts_of(name, title.folds)]
        subjects = results / LAYOUT.subjects(name)
        found[name] = read_facts(roles[0], subjects) if title.folds is None else read_fold_facts(roles, subjects)
    return found


def diagonals(results: Path, cohorts: Iterable[str]) -> dict[tuple[str, str], float]:
    """The diagonals in mm of the native volumes, by cohort and subject.

    Args:
        results: of a study, or a published study.
        cohorts: cohorts whose `slices/subjects.csv` is read.

    Raises:
        InputError: a table is missing, or a size is not a number.
    """
    found: dict[tuple[str, str], float] = {}
    for cohort in cohorts:
        path = results / LAYOUT.subjects(cohort)
        table = _read(path, FACT_COLUMNS)
        sizes = numbers(table, (*COUNTS, *SPACINGS))
        if (bad := sizes.isna().any(axis=1)).any():
            raise InputError(f"{path}: a size is not a number for {_some(table, bad)}; to fix: make the slices again")
        sides = sizes[list(COUNTS)].to_numpy() * sizes[list(SPACINGS)].to_numpy()
        lengths = np.linalg.norm(sides, axis=1)
        found |= {(cohort, subject): float(mm) for subject, mm in zip(table["subject"], lengths, strict=True)}
    return found


def _read(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pd.DataFrame:
    table = read_csv_table(path, columns)
    if (twice := table["subject"].duplicated()).any():
        raise InputError(f"{path.name}: {_some(table, twice)} twice; each subject has one row")
    return table[[*columns, *(name for name in table if name in optional or str(name).startswith(CLASS_ML))]]


def _some(table: pd.DataFrame, chosen: pd.Series) -> str:
    names = table.loc[chosen, "subject"].tolist()
    return f"{'subjects' if len(names) > 1 else 'subject'} {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
