"""Compare the scores of two studies, paired by run and test subject: differences and their significance."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from fewlabel.config.base import MEAN
from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.statistics.classes import CLASS, KEY, by_view, classes_of, row_key
from fewlabel.reporting.statistics.scores import COLUMNS
from fewlabel.reporting.statistics.summary import CELL, DIFFERENCE, exclusion_by_sign, summarise
from fewlabel.utils.errors import InputError

SCORED = list(COLUMNS[len(KEY) :])
RUN = KEY[:-1]
INTERVALS = Intervals()
SAMPLES = 4000
"""Number of samples of the null distribution."""


class Paired(NamedTuple):
    """Two tables of scores, paired."""

    both: pd.DataFrame  # one row for each common score: `row_key`, then all scores as `<name>_a` and `<name>_b`
    # only_a, only_b: `row_key` of the scores of only one study
    only_a: pd.DataFrame
    only_b: pd.DataFrame


def pair(a: Results, b: Results) -> Paired:
    """Pair scores of the same run, test subject and class. Raises InputError: the studies have no common scores.

    One class of a cohort is paired with one without a name.
    """
    ours, theirs = _alike(a.scores, b.scores)
    key = row_key(ours)
    joined = ours.merge(theirs, on=key, how="outer", suffixes=("_a", "_b"), indicator=True)
    both, only_a, only_b = (joined[joined["_merge"] == side] for side in ("both", "left_only", "right_only"))
    if both.empty:
        raise InputError(_unlike(a, b))
    return Paired(both.drop(columns="_merge").reset_index(drop=True), only_a[key], only_b[key])


def _alike(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with `CLASS` if one has it; a cohort's only class gets its name if the other has no name for it."""
    if CLASS not in a and CLASS not in b:
        return a, b
    tables = [table if CLASS in table else table.assign(**{CLASS: ""}) for table in (a, b)]
    for cohort in set(a["cohort"]) & set(b["cohort"]):
        rows = [table["cohort"] == cohort for table in tables]
        names = [classes_of(table[own]) for table, own in zip(tables, rows, strict=True)]
        for place, other in ((0, 1), (1, 0)):
            if not names[place] and len(names[other]) == 1:
                tables[place] = tables[place].assign(**{CLASS: tables[place][CLASS].mask(rows[place], names[other][0])})
    return tables[0], tables[1]


def cells(paired: Paired) -> pd.DataFrame:
    """The comparison of each cohort, method and N; of several classes for their mean and for each class.

    Returns:
        Columns cohort, method, n (with named classes also class, after the cohort); mean_a, mean_b: mean Dice of the
        common scores; difference: mean of B - A, with low, high: its interval (`summary.summarise`); scores: number of
        pairs; identical: number of pairs that are equal in all scores, bit for bit; largest: largest absolute
        difference in Dice; excludes_0: whether the interval excludes 0; by_chance: its probability under random signs
        of the draws (`summary.exclusion_by_sign`).
    """
    columns = [*row_key(paired.both), "dice_a", "dice_b"]
    pairs = paired.both[columns].assign(
        dice=paired.both["dice_b"] - paired.both["dice_a"], differs=~identical(paired.both)
    )
    return pd.DataFrame(
        [
            {**view.columns, **dict(zip(CELL, key, strict=True)), **_cell(cell)}
            for view in by_view(pairs, sorted(pairs["cohort"].unique()))
            for key, cell in view.scores.groupby(CELL, sort=True)
        ]
    )


def deciding(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells that decide a verdict: of several classes those of the mean, since classes are not independent."""
    if CLASS not in cells:
        return cells
    several = cells.groupby("cohort")[CLASS].transform("nunique") > 1
    return cells[~several | (cells[CLASS] == MEAN)]


def identical(both: pd.DataFrame) -> pd.Series:
    """Whether each pair is equal in all scores, bit for bit; two undefined scores are equal."""
    equal = pd.Series(True, index=both.index)
    for name in SCORED:
        first, second = both[f"{name}_a"], both[f"{name}_b"]
        equal &= (first == second) | (first.isna() & second.isna())
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
        "identical": int((~cell["differs"]).sum()),
        "largest": float(cell["dice"].abs().max()),
        "excludes_0": summary.low > 0 or summary.high < 0,
        "by_chance": exclusion_by_sign(cell, INTERVALS),
    }


def by_method(cells: pd.DataFrame) -> str:
    """A sentence on methods whose scores differ and on the others; empty if all scores are identical."""
    single = cells[cells[CLASS] != MEAN] if CLASS in cells else cells
    sums = single.groupby("method", sort=True).agg({"scores": "sum", "identical": "sum", "largest": "max"})
    differ = sums[sums["identical"] < sums["scores"]]
    parts = [
        f"{names_text([str(method)])} differs in {_share(int(row['scores'] - row['identical']), int(row['scores']))} "
        f"(largest difference in Dice: {row['largest']:.3g})"
        for method, row in differ.iterrows()
    ]
    if parts and len(differ) < len(sums):
        parts.append("all other methods are identical")
    return "; ".join(parts)


def _share(differing: int, scores: int) -> str:
    return "every score" if differing == scores else f"{differing} of {scores} scores"


def beyond_chance(cells: pd.DataFrame) -> bool:
    """Whether significantly more intervals exclude 0, in total or on one side, than expected (level 5 %).

    Under the null hypothesis each cell excludes 0 with its probability `by_chance`, equally often on both sides.
    Trainings count as independent; finetunings of one pretraining are not, so many small differences of one method may
    still be random.
    """
    uniform = np.random.default_rng(INTERVALS.seed).random((SAMPLES, len(cells)))
    half = cells["by_chance"].to_numpy() / 2
    above, below = (uniform < half).sum(axis=1), (uniform >= 1 - half).sum(axis=1)
    excluded = cells[cells["excludes_0"]]
    ours_above, ours_below = int((excluded["difference"] > 0).sum()), int((excluded["difference"] < 0).sum())
    in_all = np.mean(above + below >= ours_above + ours_below)
    one_sided = np.mean(np.maximum(above, below) >= max(ours_above, ours_below))
    return bool(min(in_all, one_sided) < 0.05 / 2)


def too_few(cells: pd.DataFrame) -> bool:
    """Whether the test of `beyond_chance` has no power: it is not significant even if all intervals exclude 0."""
    return not beyond_chance(cells.assign(excludes_0=True, difference=1.0))


def unpaired_runs(scores: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Texts on runs of one study without any score in the other; draws of one cell are joined."""
    rest = scores[RUN].drop_duplicates().merge(other[RUN].drop_duplicates(), how="left", on=RUN, indicator=True)
    alone = rest[rest["_merge"] == "left_only"]
    return [
        f"{method} on {cohort}, N = {n}: draw{'s' if len(cell) > 1 else ''} {', '.join(map(str, sorted(cell['draw'])))}"
        for (cohort, method, n), cell in alone.groupby(CELL, sort=True)
    ]


def unpaired_subjects(scores: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Texts on test subjects of only one study, for each common cohort."""
    texts = []
    for cohort in sorted(set(scores["cohort"]) & set(other["cohort"])):
        ours, theirs = (set(table.loc[table["cohort"] == cohort, "subject"]) for table in (scores, other))
        if ours - theirs:
            texts.append(f"{cohort}: {names_text(ours - theirs)}")
    return texts


def unpaired_classes(scores: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Texts on classes of only one study, for each common cohort."""
    texts = []
    for cohort in sorted(set(scores["cohort"]) & set(other["cohort"])):
        ours, theirs = (classes_of(table[table["cohort"] == cohort]) for table in _alike(scores, other))
        if alone := set(ours) - set(theirs):
            texts.append(f"{cohort}: {'class' if len(alone) == 1 else 'classes'} {names_text(alone)}")
    return texts


def names_text(names: Iterable[str], most: int = 8) -> str:
    """The first few of the sorted names, with characters that disturb a terminal replaced."""
    ordered = ["".join(sign if sign.isprintable() else "?" for sign in name) for name in sorted(names)]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def _unlike(a: Results, b: Results) -> str:
    parts = []
    for name, column in (("cohorts", "cohort"), ("methods", "method"), ("N", "n"), ("test subjects", "subject")):
        ours, theirs = ({str(value) for value in np.unique(side.scores[column].to_numpy())} for side in (a, b))
        if not ours & theirs:
            parts.append(f"{name}: A has {names_text(ours)}; B has {names_text(theirs)}")
    if not parts:
        classes = [names_text(classes_of(side.scores)) or "one class without a name" for side in (a, b)]
        parts = [f"classes: A has {classes[0]}; B has {classes[1]}"] if classes[0] != classes[1] else []
    heading = f"{a.folder} (A) and {b.folder} (B): no common scores; accepted: two studies of the same cohorts:"
    return str(InputError.of(parts, heading))
