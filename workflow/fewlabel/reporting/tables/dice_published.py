"""Rows of table 2 with what others published for a cohort."""

from collections.abc import Iterable, Sequence

import pandas as pd

from fewlabel.config.cohort import PublishedDice
from fewlabel.config.jobs.tables.dice import DiceTableSettings
from fewlabel.reporting.statistics.classes import View
from fewlabel.reporting.tables.table import NONE

SOURCE = "published"
"""A further column of the CSV: where a row is published; empty for rows of the study."""


def with_published_rows(rows: pd.DataFrame, published: Iterable[tuple[View, Sequence[PublishedDice]]]) -> pd.DataFrame:
    """The rows of the CSV, and after them a row for each published Dice; unchanged if there is none.

    Args:
        rows: of the study.
        published: of each cohort, with the view that it is of.
    """
    theirs: list[dict[str, object]] = [
        {
            **view.columns,
            "method": one.method,
            "n": None if one.n == "all" else one.n,
            "dice_mean": one.dice,
            SOURCE: one.source,
        }
        for view, ours in published
        for one in ours
    ]
    if not theirs:
        return rows
    counts = dict.fromkeys(rows.select_dtypes("integer"), "Int64")
    joined = pd.concat([rows.assign(**{SOURCE: ""}), pd.DataFrame(theirs)], ignore_index=True)
    return joined.astype(counts).fillna({"paper_note": ""})


def with_published_cells(body: pd.DataFrame, published: Sequence[PublishedDice]) -> pd.DataFrame:
    """The cells for readers with rows of published Dice, those of one method together."""
    methods = list(dict.fromkeys(one.method for one in published))
    ordered = sorted(published, key=lambda one: methods.index(one.method))
    cells = [
        {"method": f"{one.method} (published)", "N": str(one.n), "mean Dice": f"{one.dice:.3f}"} for one in ordered
    ]
    theirs = pd.DataFrame(cells, index=[f"published {one.method}" for one in ordered])
    return pd.concat([body, theirs.reindex(columns=body.columns, fill_value=NONE)])


def published_notes(settings: DiceTableSettings) -> list[str]:
    """Where the published Dice come from."""
    by_source: dict[str, list[str]] = {}
    for published in settings.published.values():
        for one in published:
            by_source.setdefault(one.source, []).append(one.method)
    if not by_source:
        return []
    sources = "; ".join(f"{', '.join(dict.fromkeys(names))}: {source}" for source, names in by_source.items())
    return [
        "Published: as others report it, with their own preprocessing, budgets and choice of weights, without interval"
        f" or pairing: do not compare digits. Sources: {sources}."
    ]
