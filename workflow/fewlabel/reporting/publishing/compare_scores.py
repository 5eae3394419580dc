"""Scores of two studies, paired by run and test subject: where they differ, and whether by more than chance."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.statistics.scores import COLUMNS, KEY
from fewlabel.reporting.statistics.summary import CELL, DIFFERENCE, exclusion_by_sign, summarise
from fewlabel.utils.errors import InputError

SCORED = list(COLUMNS[len(KEY) :])
RUN = KEY[:-1]
INTERVALS = Intervals()
SAMPLES = 4000
"""Of what chance alone would do."""


class Paired(NamedTuple):
    """Two tables of scores side by side.

    Attributes:
        both: a row for each score that both have: `KEY`, then every score as `<name>_a` and `<name>_b`.
        only_a, only_b: `KEY` of the scores that one has alone.
    """

    both: pd.DataFrame
    only_a: pd.DataFrame
    only_b: pd.DataFrame


def pair(a: Results, b: Results) -> Paired:
    """Put scores of the same run and test subject side by side.

    Raises:
        InputError: no score has its like on the other side.
    """
    joined = a.scores.merge(b.scores, on=KEY, how="outer", suffixes=("_a", "_b"), indicator=True)
    both, only_a, only_b = (joined[joined["_merge"] == side] for side in ("both", "left_only", "right_only"))
    if both.empty:
        raise InputError(_unlike(a, b))
    return Paired(both.drop(columns="_merge").reset_index(drop=True), only_a[KEY], only_b[KEY])


def cells(paired: Paired) -> pd.DataFrame:
    """The comparison of each cohort, method and N.

    Returns:
        Columns cohort, method, n; mean_a, mean_b: mean Dice of the scores that both have; difference: mean of B - A,
        with low, high: its interval by the bootstrap of `statistics.summarise`, draws and test subjects resampled;
        scores: how many pairs; identical: how many of them are equal in every score, bit for bit; largest: largest
        absolute difference in Dice; excludes_0: the interval does not hold 0; by_chance: the probability of that if
        only chance gives each draw's differences their sign (`statistics.excluded_by_sign`).
    """
    both = paired.both.assign(dice=paired.both["dice_b"] - paired.both["dice_a"], identical=identical(paired.both))
    groups = both.groupby(CELL, sort=True)
    return pd.DataFrame([{**dict(zip(CELL, key, strict=True)), **_cell(cell)} for key, cell in groups])


def identical(both: pd.DataFrame) -> pd.Series:
    """Whether each pair is equal in every score, bit for bit; undefined on both sides is equal."""
    equal = pd.Series(True, index=both.index)
    for name in SCORED:
        one, other = both[f"{name}_a"], both[f"{name}_b"]
        equal &= (one == other) | (one.isna() & other.isna())
    return equal


def _cell(cell: pd.DataFrame) -> dict[str, float | int | bool]:
    summary = summarise(cell, INTERVALS, DIFFERENCE)
    return {
        "mean_a": float(cell["dice_a"].mean()),
        "mean_b": float(cell["dice_b"].mean()),
        "difference": summary.mean,
        "low": summary.low,
        "high": summary.high,
        "scores": len(cell),
        "identical": int(cell["identical"].sum()),
        "largest": float(cell["dice"].abs().max()),
        "excludes_0": summary.low > 0 or summary.high < 0,
        "by_chance": exclusion_by_sign(cell, INTERVALS),
    }


def by_method(cells: pd.DataFrame) -> str:
    """A sentence on methods whose scores differ and on the others; empty if all scores are identical."""
    sums = cells.groupby("method", sort=True).agg({"scores": "sum", "identical": "sum", "largest": "max"})
    differ = sums[sums["identical"] < sums["scores"]]
    told = [
        f"{some([str(method)])} differs in {_share(int(row['scores'] - row['identical']), int(row['scores']))} "
        f"(largest difference in Dice: {row['largest']:.3g})"
        for method, row in differ.iterrows()
    ]
    if told and len(differ) < len(sums):
        told.append("all other methods are identical")
    return "; ".join(told)


def _share(differing: int, scores: int) -> str:
    return "every score" if differing == scores else f"{differing} of {scores} scores"


def beyond_chance(cells: pd.DataFrame) -> bool:
    """Whether more intervals exclude 0, in all or on one side, than chance would let (5 % of comparisons of equals).

    Each cell excludes 0 with its probability `by_chance`, on either side as often. Trainings are taken as independent:
    a pretraining that several of them start from is not, so many small differences of one method may still be chance.
    """
    random = np.random.default_rng(INTERVALS.seed).random((SAMPLES, len(cells)))
    half = cells["by_chance"].to_numpy() / 2
    above, below = (random < half).sum(axis=1), (random >= 1 - half).sum(axis=1)
    excluded = cells[cells["excludes_0"]]
    ours_above, ours_below = int((excluded["difference"] > 0).sum()), int((excluded["difference"] < 0).sum())
    in_all = np.mean(above + below >= ours_above + ours_below)
    one_sided = np.mean(np.maximum(above, below) >= max(ours_above, ours_below))
    return bool(min(in_all, one_sided) < 0.05 / 2)


def too_few(cells: pd.DataFrame) -> bool:
    """Whether not even intervals that all lie on one side of 0 would be more than chance lets."""
    return not beyond_chance(cells.assign(excludes_0=True, difference=1.0))


def runs_of(scores: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """In words: the runs of one side of which the other has no score at all, draws of one cell together."""
    rest = scores[RUN].drop_duplicates().merge(other[RUN].drop_duplicates(), how="left", on=RUN, indicator=True)
    alone = rest[rest["_merge"] == "left_only"]
    return [
        f"{method} on {cohort}, N = {n}: draw{'s' if len(cell) > 1 else ''} {', '.join(map(str, sorted(cell['draw'])))}"
        for (cohort, method, n), cell in alone.groupby(CELL, sort=True)
    ]


def subjects_of(scores: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """In words: the test subjects that one side alone has, by cohort that both have."""
    found = []
    for cohort in sorted(set(scores["cohort"]) & set(other["cohort"])):
        ours, theirs = (set(table.loc[table["cohort"] == cohort, "subject"]) for table in (scores, other))
        if ours - theirs:
            found.append(f"{cohort}: {some(ours - theirs)}")
    return found


def some(names: Iterable[str], most: int = 8) -> str:
    """Names in their order, the first few; signs that would disturb a terminal are replaced."""
    ordered = ["".join(sign if sign.isprintable() else "?" for sign in name) for name in sorted(names)]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def _unlike(a: Results, b: Results) -> str:
    parts = []
    for name, column in (("cohorts", "cohort"), ("methods", "method"), ("N", "n"), ("test subjects", "subject")):
        ours, theirs = ({str(value) for value in np.unique(side.scores[column].to_numpy())} for side in (a, b))
        if not ours & theirs:
            parts.append(f"{name}: A has {some(ours)}; B has {some(theirs)}")
    heading = f"{a.folder} (A) and {b.folder} (B) have no score in common, so there is nothing to compare;"
    return str(InputError.of(parts, f"{heading} accepted: two studies of the same cohorts; name another folder:"))
