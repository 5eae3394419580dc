"""Scores of several classes: the table of one class, or of the mean of the classes, in the form of one class.

A class that a subject lacks has no true voxel. If none is predicted either, its Dice is 1 and its distances are 0;
else its Dice is 0 and its distances are undefined. The mean of the classes of a subject has the mean Dice of all
classes, the mean distance (undefined if that of any class is) and the sum of the volumes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from fewlabel.config.base import MEAN, NAME
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import counted

KEY = ["cohort", "method", "n", "draw", "subject"]
"""n: labelled subjects finetuned on."""
CLASS = "class"
"""A further column of scores where a cohort has named classes; empty for other cohorts."""
SUMS = ("truth_ml", "predicted_ml")
"""Scores that add up over classes; all others are averaged."""


def class_title(name: str) -> str:
    """What readers see of a class, or of the mean."""
    return "mean of the classes" if name == MEAN else name.replace("_", " ")


def classes_of(scores: pd.DataFrame) -> list[str]:
    """Names of the classes in a table of scores, in their order; none where no class has a name."""
    return [str(name) for name in scores[CLASS].unique() if name] if CLASS in scores else []


def views(scores: pd.DataFrame) -> list[str]:
    """What a cohort's tables show: the mean and each class, only the class if there is one, or `""` without names."""
    names = classes_of(scores)
    return [MEAN, *names] if len(names) > 1 else names or [""]


@dataclass(frozen=True)
class View:
    """What tables show of a cohort as a part of its own: the mean of its classes, or one class.

    Attributes:
        cohort: its name.
        name: of the class, `MEAN`, or empty for one class without a name.
        scores: of the view, in the form of one class.
        columns: the first columns of its rows in tables: cohort, and the class where scores have classes.
    """

    cohort: str
    name: str
    scores: pd.DataFrame
    columns: dict[str, str]

    def title(self, cohort: str) -> str:
        """Title of its part of a table, given that of the cohort."""
        return f"{cohort}: {class_title(self.name)}" if self.name else cohort

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The view's rows of a table."""
        for column, value in self.columns.items():
            rows = rows[rows[column] == value]
        return rows


def by_view(scores: pd.DataFrame, cohorts: Iterable[str]) -> list[View]:
    """The views of these cohorts, in their order; the mean of a cohort's classes comes first."""
    found = []
    for cohort in cohorts:
        own = scores[scores["cohort"] == cohort]
        for name in views(own):
            columns = {"cohort": cohort} | ({CLASS: name} if CLASS in scores else {})
            found.append(View(cohort, name, one_class(own, name), columns))
    return found


def row_key(scores: pd.DataFrame) -> list[str]:
    """The columns that name a row of scores."""
    return [*KEY, CLASS] if CLASS in scores else KEY


def with_class(columns: list[str], scores: pd.DataFrame) -> list[str]:
    """Columns of a table, of which the cohort is the first, with `CLASS` after it where scores have classes."""
    return [columns[0], CLASS, *columns[1:]] if CLASS in scores else columns


def one_class(scores: pd.DataFrame, name: str = MEAN) -> pd.DataFrame:
    """The scores of one class, or of the mean of the classes, in the form of a study with one class.

    Args:
        scores: from `scores.read_class_scores`.
        name: a class, `MEAN`, or empty: the mean, which for one class is the class.

    Returns:
        One row for each run and test subject, in the order of `scores`, without `CLASS`. Cohorts without the class
        have no rows. Further columns of true and false are true in the mean if they are in any class.

    Raises:
        InputError: no cohort has the class.
    """
    if name and name != MEAN:
        if name not in (names := classes_of(scores)):
            raise InputError(f"class: {name!r} has no scores; accepted: {', '.join([MEAN, *names])}")
        return scores[scores[CLASS] == name].drop(columns=CLASS).reset_index(drop=True)
    return scores if CLASS not in scores else _mean(scores)


def _mean(scores: pd.DataFrame) -> pd.DataFrame:
    """The mean of the classes of each run and test subject."""
    # By name, so that sums do not depend on the order of the classes.
    groups = scores.sort_values(CLASS, kind="stable").groupby(KEY, sort=False)
    complete, found = groups.size(), {}
    for column in scores.columns.drop([*KEY, CLASS]):
        values = groups[column]
        if column == "fold" or pd.api.types.is_bool_dtype(scores[column]):
            found[column] = values.max()
        else:
            total = values.sum() if column in SUMS else values.mean()
            found[column] = total.where(values.count() == complete)
    means = pd.DataFrame(found, index=complete.index)
    return scores[KEY].drop_duplicates(ignore_index=True).join(means, on=KEY)


def class_problems(scores: pd.DataFrame) -> Iterator[str]:
    """Yield what is wrong with the classes of a table: bad names, or subjects of runs that lack some of them."""
    if CLASS not in scores:
        return
    for cohort, rows in scores.groupby("cohort", sort=False):
        if (names := set(rows[CLASS])) == {""}:
            continue
        if bad := sorted(name for name in names if name == MEAN or not re.fullmatch(NAME, name)):
            shown = ", ".join(map(repr, bad[:3]))
            yield f"{CLASS}: {shown} in cohort {cohort}; accepted: names ({NAME}, not {MEAN!r}), or all empty"
            continue
        found = rows.groupby(KEY, sort=False)[CLASS].agg(set)
        if len(lacking := found[found.map(len) < len(names)]):
            key = ", ".join(f"{column} {value}" for column, value in zip(KEY, lacking.index[0], strict=True))
            absent = ", ".join(sorted(names - lacking.iloc[0]))
            yield (
                f"{CLASS}: {counted(len(lacking), 'subject')} of runs without all classes, such as {key}: no"
                f" {absent}; accepted: all classes of the cohort, {', '.join(sorted(names))}"
            )
