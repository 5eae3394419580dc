"""The split in the results of an earlier run: its test subjects and settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from fewlabel.config.folds import part_of, parts_of
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.config.study_layout import LAYOUT, ROLES, Run
from fewlabel.data.csv_tables import read_subjects
from fewlabel.utils.atomic_files import has_visible, visible
from fewlabel.utils.errors import InputError
from fewlabel.utils.recorded_hashes import check

COPY, SPLIT = "former.csv", "split.json"
"""Files in a part's `splits` folder. Snakemake does not track them, so it never removes them: the copy replaces lost
roles."""


@dataclass(frozen=True)
class ExistingSplit:
    """The split of a whole cohort in an earlier run."""

    # columns subject, role, fold (from 1; empty for subjects in no test fold and cohorts without folds)
    roles: pd.DataFrame
    split: SplitSettings | None  # its settings; None if unknown (runs of earlier versions)


def read_existing_split(study: Path, cohort: str, folds: int | None) -> ExistingSplit | None:
    """The earlier split of a cohort; None if there is none. Raises InputError: a table of roles cannot be read.

    Args:
        cohort: its folder in the results.
        folds: its current number of folds; if the cohort's roles are missing, the roles of its folds replace them.
    """
    whole = study / LAYOUT.splits(cohort)
    if (path_of_roles := _roles_in(whole)) is not None:
        table = _read_roles(path_of_roles)
        return ExistingSplit(table, _read_split(whole / SPLIT))
    places = [study / LAYOUT.splits(part) for part in parts_of(cohort, folds)] if folds else []
    tables = {fold: _read_roles(path) for fold, place in enumerate(places, 1) if (path := _roles_in(place)) is not None}
    if not tables:
        return None
    first = next(iter(tables.values()))
    fold_of = {name: fold for fold, table in tables.items() for name in table.loc[table["role"] == "test", "subject"]}
    fold = first["subject"].map(fold_of)
    roles = first.assign(fold=fold, role=first["role"].where(fold.isna(), "test"))
    # The test subjects of a fold without a table are unknown.
    certain = roles if len(tables) == len(places) else roles[fold.notna() | (roles["role"] != "pool")]
    return ExistingSplit(certain, _read_split(places[min(tables) - 1] / SPLIT))


def scored_split(study: Path, cohort: str, folds: int | None) -> ExistingSplit | None:
    """The test subjects of a study without `splits` folders, from the scores of its runs; None without runs."""
    rows = []
    for fold in [None] if folds is None else range(1, folds + 1):
        scores = next(
            iter(visible(study, LAYOUT.run_scores(Run.pattern(part_of(cohort, fold), n="*", draw="*")))), None
        )
        if scores is not None:
            rows += [{"subject": name, "fold": fold} for name in read_subjects(scores, "subject")["subject"].unique()]
    if not rows:
        return None
    return ExistingSplit(pd.DataFrame(rows).assign(role="test", labelled=1), None)


def continued_split(roles: Path, split: SplitSettings) -> ExistingSplit | None:
    """The earlier split that a new split continues, if its roles belong to a study's results.

    With `split_as`, it is that of the other cohort.
    """
    return read_existing_split(roles.parents[2], split.cohort, split.folds) if roles.parent.name == "splits" else None


def comparable_settings(split: SplitSettings) -> SplitSettings:
    """The settings by which two splits are compared."""
    return split.model_copy(update={"fold": None, "redraw": False})


def has_trainings(study: Path, cohort: str) -> bool:
    """Whether a network was trained on a cohort or on one of its folds."""
    return any(
        has_visible(study, LAYOUT.weights(run))
        for part in (cohort, part_of(cohort, 1)[:-1] + "*")
        for run in (Run.pattern(part), Run.pattern(part, n="*", draw="*"))
    )


def existing_draws(study: Path, part: str, draws: int) -> Iterator[tuple[int, list[str]]]:
    """The subjects, in order, of each existing draw of a part."""
    for draw in range(1, draws + 1):
        path = study / LAYOUT.order(part, draw)
        if path.is_file():
            yield draw, _read(path, ("subject",))["subject"].tolist()


def _roles_in(folder: Path) -> Path | None:
    return next((folder / name for name in (Path(ROLES).name, COPY) if (folder / name).is_file()), None)


def _read_roles(path: Path) -> pd.DataFrame:
    return _read(path, ("subject", "role", "labelled"))


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    # Otherwise the next split would continue an edited table.
    check(path)
    try:
        table = read_subjects(path)
        table = table.assign(fold=pd.to_numeric(table["fold"]) if "fold" in table else float("nan"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a table of this study ({str(error).strip()}); {_RESTORE}") from None
    if missing := [column for column in columns if column not in table]:
        raise InputError(f"{path}: no column {missing[0]!r}; {_RESTORE}")
    return table


_RESTORE = "accepted: the table as the run wrote it; to fix: restore it, or remove its folder to split the cohort again"


def _read_split(path: Path) -> SplitSettings | None:
    try:
        return SplitSettings.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
