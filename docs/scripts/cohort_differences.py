"""Dice of one cohort less that of another of the same people, in pairs of draw and test subject, with intervals.

    python docs/scripts/cohort_differences.py results/published/destreaking streaked

For studies whose cohorts are split alike (`split_as`); every other cohort is compared with the one that is named.
"""

import argparse
from pathlib import Path

import pandas as pd

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import crossed, interval, replicates

PAIR = ["method", "n", "draw", "subject"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("control")
    given = parser.parse_args()
    scores, intervals = pd.read_csv(given.study / "scores.csv"), Intervals()
    control = scores.loc[scores["cohort"] == given.control, [*PAIR, "dice"]]
    others = scores[scores["cohort"] != given.control]
    pairs = others.merge(control, on=PAIR, suffixes=("", "_of_control"), validate="many_to_one")
    assert len(pairs) == len(others), "not the same people"
    pairs["dice"] -= pairs["dice_of_control"]
    print(f"| cohort less {given.control} | method | N | difference | {100 * intervals.level:g} % interval | by draw |")
    print("|---|---|---|---|---|---|")
    for (cohort, method, n), group in pairs.groupby(["cohort", "method", "n"], sort=False):
        values = crossed(group)
        mean, resampled = values.mean(), replicates(values, intervals)
        low, high = interval(resampled, mean, values, intervals.level, (-1, 1))
        draws = ", ".join(f"{each:+.3f}" for each in values.mean(axis=1))
        print(f"| {cohort} | {method} | {n} | {mean:+.3f} | {low:+.3f} to {high:+.3f} | {draws} |")


if __name__ == "__main__":
    main()
