"""The labelled pool: its order in each draw, of which N labels are the first N subjects or patients."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from fewlabel.config.base import Drawing, Unit
from fewlabel.config.cohort import Labelling
from fewlabel.data.drawing import in_random_order
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import listed

COLUMN: dict[Unit, str] = {"subjects": "subject", "patients": "patient"}
"""Column of a table of roles with the names of what N counts."""
PATIENTS = "labelled_patients"
"""Key of a finetuning's record: number of its labelled patients, where N counts patients."""


def pool_size(roles: pd.DataFrame, count: Unit = "subjects") -> int:
    """Number of labelled subjects, or patients, of the pool: the largest N.

    Args:
        roles: columns subject, patient, role.
    """
    return int(roles.loc[roles["role"] == "pool", COLUMN[count]].nunique())


def order_pool(
    roles: pd.DataFrame,
    cohort: str,
    seed: int,
    draw: int,
    drawing: Drawing = "permutation",
    count: Unit = "subjects",
    first: Sequence[str] = (),
) -> pd.DataFrame:
    """Draw the pool in random order, as columns rank (from 1), subject, patient.

    The labelled ones are those of the ranks 1 to N, so draws are nested in N.

    Args:
        roles: columns subject, patient, role.
        count: what has a rank: each subject, or each patient with all labelled volumes, sorted by name.
        first: names of such subjects or patients that come first, in this order.

    Raises:
        InputError: one of `first` is not in the pool.
    """
    pool, column = roles[roles["role"] == "pool"], COLUMN[count]
    names = set(map(str, pool[column]))
    if problems := named_draw_problems(roles, cohort, Labelling(count=count, named=[list(first)] if first else [])):
        raise InputError("\n".join(problems))
    drawn = in_random_order(names, drawing, seed, "draw", cohort, draw)
    order = {name: rank for rank, name in enumerate(dict.fromkeys([*first, *drawn]), 1)}
    ranked = pool.assign(rank=pool[column].map(order)).sort_values(["rank", "subject"], ignore_index=True)
    return ranked[["rank", "subject", "patient"]]


def first_subjects(draw: pd.DataFrame, labels: int | Literal["all"]) -> list[str]:
    """The subjects of the ranks 1 to N of a draw, or all. Raises InputError: N is larger than the pool."""
    if labels == "all":
        return [str(subject) for subject in draw["subject"]]
    if labels > (largest := int(draw["rank"].max())):
        counted = "subjects" if draw["rank"].is_unique else "patients"
        raise InputError(
            f"labels: N = {labels}, but the pool has {largest} {counted}; accepted: 1 to {largest}, or all"
        )
    return [str(subject) for subject in draw.loc[draw["rank"] <= labels, "subject"]]


def labelled_count(facts: Mapping[str, Any]) -> int:
    """N of a finetuning, from its record or weights: its labelled patients where N counts them, else its subjects."""
    return int(facts.get(PATIENTS, len(facts["subjects"])))


def named_draw_problems(roles: pd.DataFrame, cohort: str, labelling: Labelling) -> list[str]:
    """Problems of named draws: names that are unknown, tested or without a mask.

    Args:
        roles: columns subject, patient, role, of the whole cohort.
        cohort: its key in the experiment, for messages.
    """
    one = COLUMN[labelling.count]
    roles_of = {str(name): set(group["role"]) for name, group in roles.groupby(one)}
    other = "patient" if one == "subject" else "subject"
    others = set(map(str, roles[other])) - set(roles_of)
    return [
        f"cohorts.{cohort}.draws: draw {number}: {name}: {text}"
        for number, names in enumerate(labelling.named, 1)
        for name in names
        for text in _problem(name, one, roles_of, others)
    ]


def _problem(name: str, one: str, roles_of: dict[str, set[str]], others: set[str]) -> Iterator[str]:
    """What keeps a named subject or patient from being labelled."""
    pool = sorted(each for each, found in roles_of.items() if "pool" in found)
    accepted = f"accepted: {one}s of the labelled pool ({listed(pool, 5)})"
    if name not in roles_of:
        near = difflib.get_close_matches(name, pool, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        if name in others:
            hint = f", but {'a patient' if one == 'subject' else 'a subject'} is; to fix: change `count`, or the name"
        yield f"no {one} of the cohort{hint}; {accepted}"
    elif "pool" not in (found := roles_of[name]):
        why = "is tested or withheld" if found & {"test", "withheld"} else "has no mask"
        yield f"{why}; {accepted}; to fix: name another, or change its `use`"
