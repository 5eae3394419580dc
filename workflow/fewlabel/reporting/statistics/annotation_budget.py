"""How many more volumes to annotate: what a method's learning curve says of numbers of labels that nobody tried."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import crossed_alike, replicates, spread
from fewlabel.reporting.statistics.power_law import SPREAD, USUAL_EXPONENT, Floats, Laws, fit

LEAST_COUNTS = 4
"""Numbers of labels that a law needs: three fit any law exactly, and nothing would tell whether it holds."""
LEAST_DRAWS = 2
"""Below, nothing tells how much a score owes to who is labelled."""
REACH = 4.0
"""How far beyond the largest N a law is read, as a factor: two doublings."""
DOUBT = 0.01
"""A law that misses the means by so much that chance would do it as rarely as this is not believed."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; an infinite one lies beyond every reach."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """One method on one cohort.

    Attributes:
        cohort, method: by name.
        counts: numbers of labelled subjects that were tried, ascending.
        dice: mean Dice over draws and test subjects at each of them, 0 to 1.
        draws, subjects: of how many.
        law: fitted to these means; one curve.
        replicates: fitted to bootstrap means, a curve each; none where nothing can be resampled.
        doubts: why nothing is read from the law; empty where it may be.
        level: of the intervals.
    """

    cohort: str
    method: str
    counts: tuple[int, ...]
    dice: Floats
    draws: int
    subjects: int
    law: Laws
    replicates: Laws
    doubts: tuple[str, ...]
    level: float

    @property
    def largest(self) -> int:
        """The largest N that was tried."""
        return self.counts[-1]

    def dice_at(self, count: float) -> Estimate:
        """What the law says of a number of labels, wherever it lies."""
        return self._estimate(self.law.dice([count])[0, 0], self.replicates.dice([count])[:, 0])

    @property
    def ceiling(self) -> Estimate:
        """What the law says of as many labels as one likes."""
        return self._estimate(self.law.ceiling[0], self.replicates.ceiling)

    def _estimate(self, value: float, replicates: Floats) -> Estimate:
        low, high = _ends(replicates, self.level)
        # The randomised exponent may push all replicates to one side of a fit that lies on an edge.
        return Estimate(float(value), min(low, float(value)), max(high, float(value)))

    def count_for(self, target: float) -> Estimate:
        """How many labelled subjects reach a Dice, as real numbers."""
        return self._estimate(self.law.counts_for(target)[0], self.replicates.counts_for(target))


@dataclass(frozen=True)
class Answer:
    """What one curve says.

    Attributes:
        curve: that was asked.
        target: the Dice that was asked for.
        have: labelled subjects that are there already.
        needed: how many reach the target, as whole subjects; None where `refused` says why not.
        refused: why there is no number; empty where there is one.
        gains: by number of further subjects, what they add to the Dice at `have`; or why that is not told.
    """

    curve: Curve
    target: float
    have: int
    needed: Estimate | None
    refused: str
    gains: dict[int, Estimate | str] = field(default_factory=dict)


def learning_curve(scores: pd.DataFrame, intervals: Intervals) -> Curve:
    """Fit the law of one method on one cohort.

    The law is fitted to the means over draws and test subjects, each weighted by how far its draws scatter (the test
    subjects are the same at every N and shift all means alike). Replicates resample draws and subjects together at all
    N, and the usual exponent with them, so that intervals are wide where few points leave the ceiling open.

    Args:
        scores: rows of one cohort and method, as `scores.read_scores` gives them.
        intervals: level, replicates and seed.

    Raises:
        ValueError: rows of more than one cohort or method.
    """
    if len(scores[["cohort", "method"]].drop_duplicates()) != 1:
        raise ValueError("a learning curve is of one method on one cohort")
    counts = np.sort(scores["n"].unique())
    tables = crossed_alike([scores[scores["n"] == n] for n in counts])
    means = np.array([np.nanmean(table) for table in tables])
    draws, subjects = tables[0].shape
    errors = _errors(tables)
    if len(counts) < 2:
        law = replicates = Laws(*(np.array([value]) for value in (means[0], 0.0, USUAL_EXPONENT, 0.0)))
    else:
        law = fit(counts, means[None], errors)
        replicates = _replicates(counts, tables, errors, intervals)
    first = scores.iloc[0]
    return Curve(
        cohort=str(first["cohort"]),
        method=str(first["method"]),
        counts=tuple(int(n) for n in counts),
        dice=means,
        draws=draws,
        subjects=subjects,
        law=law,
        replicates=replicates,
        doubts=tuple(_doubts(counts, tables, law, intervals)),
        level=intervals.level,
    )


def answer(curve: Curve, target: float, have: int | None = None, more: Sequence[int] = (1, 5, 10)) -> Answer:
    """How many labelled subjects the target needs, and what the next ones bring.

    Args:
        curve: of `learning_curve`.
        target: Dice, 0 to 1.
        have: labelled subjects that are there already; None: the largest N that was tried.
        more: numbers of further subjects.
    """
    start = have or curve.largest
    gains = {number: _gain(curve, start, number) for number in more}
    reached = [n for n, dice in zip(curve.counts, curve.dice, strict=True) if dice >= target]
    if reached and reached[0] == curve.counts[0]:
        least = float(curve.counts[0])
        return Answer(curve, target, start, Estimate(least, 1.0, least), "", gains)
    refused = _refused(curve, target)
    if refused:
        if reached:
            refused = f"the mean at N = {reached[0]} reaches it, but {refused}"
        return Answer(curve, target, start, None, refused, gains)
    needed = curve.count_for(target)
    whole = Estimate(*(float(np.ceil(value - 1e-9)) for value in (needed.value, needed.low, needed.high)))
    return Answer(curve, target, start, whole, "", gains)


def _refused(curve: Curve, target: float) -> str:
    """Why the target's N is not told; empty where it is."""
    if curve.doubts:
        return "; ".join(curve.doubts)
    needed = curve.count_for(target).value
    ceiling = curve.ceiling
    if not np.isfinite(needed):
        ends = f"{ceiling.low:.3f} to {ceiling.high:.3f}"
        return f"it lies above the ceiling of the fitted law, {ceiling.value:.3f} ({ends})"
    if needed > REACH * curve.largest:
        far = curve.dice_at(REACH * curve.largest)
        return (
            f"it lies beyond N = {REACH * curve.largest:.0f}, {REACH:g} times the largest N that was tried; the law"
            f" says Dice {far.value:.3f} ({far.low:.3f} to {far.high:.3f}) there"
        )
    return ""


def _gain(curve: Curve, start: int, more: int) -> Estimate | str:
    """What further subjects add to the Dice, or why that is not told."""
    if curve.doubts:
        return "; ".join(curve.doubts)
    if start + more > REACH * curve.largest:
        return f"N = {start + more} lies beyond {REACH:g} times the largest N that was tried ({curve.largest})"
    value, replicates = (np.diff(laws.dice([start, start + more]))[:, 0] for laws in (curve.law, curve.replicates))
    low, high = _ends(replicates, curve.level)
    return Estimate(float(value[0]), min(low, float(value[0])), max(high, float(value[0])))


# ------------------------------------------------------------------------------------------------------ the fit
def _errors(tables: Sequence[Floats]) -> Floats:
    """Standard error of each mean by its draws: half their own scatter, half that of all N, since draws are few."""
    draws = np.array([np.nanmean(table, axis=1) for table in tables if not np.isnan(table).all()])
    number = (~np.isnan(draws)).sum(axis=1)
    if (number < 2).any():
        return np.full(len(tables), 0.01)
    own = np.nanvar(draws, axis=1, ddof=1)
    errors: Floats = np.sqrt(np.maximum((own + own.mean()) / 2 / number, 1e-8))
    return errors


def _replicates(counts: Floats, tables: Sequence[Floats], errors: Floats, intervals: Intervals) -> Laws:
    """Laws of bootstrap means, a curve each."""
    means = np.stack([spread(table, intervals) for table in tables], axis=1)
    usual = USUAL_EXPONENT * np.exp(np.random.default_rng([intervals.seed, 1]).normal(0, SPREAD, len(means)))
    return fit(counts, means, errors, usual)


def _doubts(counts: Floats, tables: Sequence[Floats], law: Laws, intervals: Intervals) -> list[str]:
    """Why nothing may be read from a law."""
    draws = tables[0].shape[0]
    tried = ", ".join(f"{n:g}" for n in counts)
    if len(counts) < LEAST_COUNTS:
        plural = "one number" if len(counts) == 1 else f"{len(counts)} numbers"
        return [
            f"{plural} of labels (N = {tried}): a law of three parameters needs {LEAST_COUNTS} or more to be tested at"
            " all; finetune at more N"
        ]
    if draws < LEAST_DRAWS:
        return [f"one draw at each N: nothing tells how much its score owes to who is labelled; set `draws: {5}`"]
    freedom = len(counts) - 3
    chance = float(f_distribution.sf(law.misfit[0] / freedom, freedom, len(counts) * (draws - 1)))
    if chance < DOUBT:
        return [
            f"no such law fits: it misses the means at N = {tried} by more than draws scatter (p = {chance:.1g});"
            " budgets that suit some N better than others do that"
        ]
    rise = tables[-1] - tables[0]
    low, _ = _ends(np.nan_to_num(replicates(rise, intervals)), intervals.level)
    if not low > 0:
        return [
            f"from N = {counts[0]:g} to N = {counts[-1]:g} the score does not rise beyond chance, so nothing says how"
            " it goes on; longer trainings, or more draws, may show a rise"
        ]
    return []


def _ends(replicates: Floats, level: float) -> tuple[float, float]:
    """Ends of a percentile interval; infinite replicates count as such."""
    tail = (1 - level) / 2
    low, high = (float(np.quantile(replicates, end, method="nearest")) for end in (tail, 1 - tail))
    return low, high
