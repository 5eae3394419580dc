"""How often the 95 % interval holds the truth: simulated studies whose true mean is known."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.shared import Section
from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import Floats, interval, replicates

TITLE = "Coverage of the intervals"
SIZES = {"demo": (2, 12), "three draws": (3, 12), "CHAOS": (4, 20), "hippocampus": (5, 60), "eight draws": (8, 20)}
"""Draws and test subjects."""
SCATTER = {
    "Dice, subjects differ": (0.02, 0.05, 0.03),
    "Dice, draws as well": (0.03, 0.03, 0.03),
    "differences": (0.015, 0.01, 0.03),
}
"""Standard deviations of draws, subjects and the rest."""
TRUTH = 0.7


def studies(number: int, draws: int, subjects: int, scatter: tuple[float, float, float], seed: int) -> Iterator[Floats]:
    """(draw, subject) tables of scores whose true mean is `TRUTH`."""
    random = np.random.default_rng(seed)
    of_draws, of_subjects, rest = scatter
    for _ in range(number):
        luck = random.normal(0, of_draws, (draws, 1))
        ease = of_subjects * (2 - random.gamma(4, 0.5, subjects))  # mean 0, standard deviation 1, skewed
        yield TRUTH + luck + ease + random.normal(0, rest, (draws, subjects))


def coverage(tables: Iterator[Floats], resamples: int = 1000) -> dict[str, float]:
    """Shares of studies whose intervals hold the truth, and mean widths."""
    rows = []
    for seed, values in enumerate(tables):
        intervals = Intervals(resamples=resamples, seed=seed)
        resampled = replicates(values, intervals)
        plain = np.quantile(resampled, [0.025, 0.975])
        expanded = interval(resampled, float(values.mean()), values, 0.95, (-np.inf, np.inf))
        for name, (low, high) in (("expanded", expanded), ("plain", plain)):
            rows.append((name, low <= TRUTH <= high, high - low))
    table = pd.DataFrame(rows, columns=["ends", "held", "width"]).groupby("ends").mean()
    return {
        "coverage": table.loc["expanded", "held"],
        "plain": table.loc["plain", "held"],
        "width": table.loc["expanded", "width"],
        "plain width": table.loc["plain", "width"],
    }


def measure(quick: bool) -> Section:
    number = 5 if quick else 1000
    rows = []
    for size, (draws, subjects) in SIZES.items():
        for name, scatter in SCATTER.items():
            print(f"  {size}, {name}", flush=True)
            found = coverage(studies(number, draws, subjects, scatter, seed=1))
            shown = {column: round(value, 3) for column, value in found.items()}
            rows.append({"study": size, "draws": draws, "subjects": subjects, "scatter": name, **shown})
    text = (
        f"The share of {number} simulated studies of each kind whose 95 % interval held the true mean. A study has "
        "draws (effects shared by all its test subjects), test subjects (effects shared by all its draws) and what is "
        "left of each score. Scatter is that of Dice where subjects differ most, as at large N; of Dice where draws "
        "differ as much, as at N = 1; and of paired differences, where subjects hardly matter. Subjects' effects are "
        "skewed (gamma), as Dice is: few subjects are far worse than most. Beside the expanded percentiles, which all "
        "figures and tables show, are plain percentiles and the mean widths of both."
    )
    return Section(text, {"Coverage": rows}, ["numpy"])
