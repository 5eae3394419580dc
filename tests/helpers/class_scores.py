"""Synthetic scores of several classes."""

import numpy as np
import pandas as pd


def by_class(scores: pd.DataFrame, classes: dict[str, list[str]]) -> pd.DataFrame:
    """Scores with rows of named classes: the first class of a name has the scores as they are, others worse ones.

    Args:
        scores: of one class without a name.
        classes: names by cohort; cohorts without one keep one row with an empty class.
    """
    parts = []
    for cohort, rows in scores.groupby("cohort", sort=False):
        names = classes.get(str(cohort), [""])
        for place, name in enumerate(names):
            factor = 1 - (sorted(names).index(name)) / 7
            part = rows.assign(dice=rows["dice"] * factor, hd95_mm=rows["hd95_mm"] / factor)
            parts.append(part.assign(**{"class": name, "place": place}))
    table = pd.concat(parts).reset_index(names="row").sort_values(["row", "place"], ignore_index=True)
    key = ["cohort", "method", "n", "draw", "subject", "class"]
    return table[[*key, *table.columns.drop([*key, "row", "place"])]].astype({"dice": np.float64})
