"""How well `fewlabel annotation-budget` predicts: the larger N of each curve are hidden, predicted and compared."""

import numpy as np
import pandas as pd

from benchmarks.shared import ROOT, Row, Section
from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.annotation_budget import LEAST_COUNTS, REACH, learning_curve
from fewlabel.reporting.statistics.scores import read_scores

TITLE = "Predictions of the annotation budget"
COUNTS = (1, 2, 4, 8, 16)


def cuts(counts: list[int]) -> list[tuple[int, int]]:
    """Pairs of the largest known N and a hidden one within reach of it; three N or more are known."""
    return [(last, later) for last in counts[2:] for later in counts if last < later <= REACH * last]


def predicted_last(scores: pd.DataFrame, last: int, hidden: int, truth: float | None = None) -> dict[str, object]:
    """One curve of which N up to `last` are known, read at `hidden`."""
    curve = learning_curve(scores[scores["n"] <= last], Intervals(resamples=1000))
    found = curve.dice_at(hidden)
    measured = float(scores.loc[scores["n"] == hidden, "dice"].mean()) if truth is None else truth
    before, end = curve.dice[-2:]
    slope = (end - before) / np.log(curve.counts[-1] / curve.counts[-2])
    line = min(end + slope * np.log(hidden / last), 1.0)
    return {
        "cohort": curve.cohort,
        "method": curve.method,
        "known N": " ".join(map(str, curve.counts)),
        "hidden N": hidden,
        "times": hidden / last,
        "measured": measured,
        "predicted": found.value,
        "low": found.low,
        "high": found.high,
        "error": abs(found.value - measured),
        "error of the last mean": abs(end - measured),
        "error of a line": abs(line - measured),
        "carried": not curve.doubts,
        "held": found.low <= measured <= found.high,
    }


def simulated(
    seed: int, counts: tuple[int, ...] = COUNTS, draws: int = 5, subjects: int = 60
) -> tuple[pd.DataFrame, float]:
    """A study whose law is known: scores, and the true mean at the largest N."""
    random = np.random.default_rng(seed)
    ceiling, exponent = random.uniform(0.8, 0.93), random.uniform(0.4, 1.5)
    first = ceiling - random.uniform(0.1, 0.4)
    rows = []
    easy = random.normal(0, 0.04, subjects)
    for n in counts:
        mean = first + (ceiling - first) * (1 - n**-exponent)
        luck = random.normal(0, 0.03 * n**-0.5, draws)
        dice = np.clip(mean + luck[:, None] + easy + random.normal(0, 0.03, (draws, subjects)), 0, 1)
        rows += [(n, draw + 1, f"s{subject}", dice[draw, subject]) for draw, subject in np.ndindex(draws, subjects)]
    table = pd.DataFrame(rows, columns=["n", "draw", "subject", "dice"]).assign(
        cohort="simulated", method=f"law {seed}"
    )
    return table, float(mean)


def medians(curves: str, found: pd.DataFrame) -> list[Row]:
    """Rows of median absolute errors for each distance, of all curves and of those without doubts."""
    rows = []
    for name, part in (("all", found), (f"{LEAST_COUNTS} known N or more, no doubts", found[found["carried"]])):
        for times, group in part.groupby("times"):
            errors = {
                column: round(float(group[column].median()), 4)
                for column in ("error", "error of the last mean", "error of a line")
            }
            held = f"{group['held'].mean():.0%}"
            rows.append(
                {
                    "curves": curves,
                    "of": name,
                    "hidden N": f"{times:g} times",
                    "number": len(group),
                    **errors,
                    "held": held,
                }
            )
    return rows


def published() -> pd.DataFrame:
    """Every published curve of three N or more, cut after each N that leaves three."""
    curves = [
        rows
        for file in sorted((ROOT / "results" / "published").glob("*/scores.csv"))
        for _, rows in read_scores(file).groupby(["cohort", "method"])
        if rows["n"].nunique() >= 3
    ]
    return pd.DataFrame([predicted_last(rows, *cut) for rows in curves for cut in cuts(sorted(rows["n"].unique()))])


def measure(quick: bool) -> Section:
    laws = pd.DataFrame(
        [predicted_last(rows, *COUNTS[-2:], truth) for rows, truth in map(simulated, range(5 if quick else 200))]
    )
    rows = medians("simulated", laws) + ([] if quick else medians("published", published()))
    text = (
        "Each curve is cut after every N that leaves three, and each later N is predicted as far as a law is read. "
        "Median absolute errors in Dice, against those of two who know nothing of laws: the last mean that is left, "
        "and the line through the last two in log N. `held` is the share of intervals that held the hidden mean (of "
        "simulated curves, the true one). `number` counts predictions."
    )
    return Section(text, {"Errors of predictions": rows}, ["numpy", "scipy"])
