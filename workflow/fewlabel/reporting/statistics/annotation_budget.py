"""Estimate how many volumes to annotate, by extrapolating a method's learning curve to untried numbers of labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from fewlabel.config.figure_options import Intervals
from fewlabel.reporting.statistics.bootstrap import crossed_tables, percentile_ends, replicates, scaled_replicates
from fewlabel.reporting.statistics.power_law import SPREAD, USUAL_EXPONENT, Floats, Laws, fit

LEAST_COUNTS = 4
"""Fewest N for a fit: a law of three parameters fits three points exactly and cannot be tested."""
LEAST_DRAWS = 2
"""Fewest draws for a fit: with one, the variation by labelled subjects is unknown."""
REACH = 4.0
"""Largest extrapolation, as a multiple of the largest N: two doublings."""
DOUBT = 0.01
"""P-value of the goodness of fit below which a law is rejected."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; infinite if it is never reached."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """The learning curve of one method on one cohort."""

    cohort: str
    method: str
    counts: tuple[int, ...]  # tried numbers of labelled subjects, ascending
    dice: Floats  # mean Dice over draws and test subjects at each of them, 0 to 1
    # draws, subjects: numbers of draws and test subjects
    draws: int
    subjects: int
    law: Laws  # fitted to these means; one curve
    replicates: Laws  # fitted to bootstrap means, a curve each; none if nothing can be resampled
    doubts: tuple[str, ...]  # reasons not to use the law; empty if it may be used
    level: float

    @property
    def largest(self) -> int:
        """The largest tried N."""
        return self.counts[-1]

    def dice_at(self, count: float) -> Estimate:
        """Dice by the law at any number of labels."""
        return self._estimate(self.law.dice([count])[0, 0], self.replicates.dice([count])[:, 0])

    @property
    def ceiling(self) -> Estimate:
        """Dice by the law with unlimited labels."""
        return self._estimate(self.law.ceiling[0], self.replicates.ceiling)

    def _estimate(self, value: float, replicates: Floats) -> Estimate:
        low, high = percentile_ends(replicates, self.level)
        # The randomised exponent may move all replicates to one side of a fit at a limit.
        return Estimate(float(value), min(low, float(value)), max(high, float(value)))

    def count_for(self, target: float) -> Estimate:
        """Number of labelled subjects that reach a Dice, as a real number."""
        return self._estimate(self.law.counts_for(target)[0], self.replicates.counts_for(target))


@dataclass(frozen=True)
class Answer:
    """The labels that one method needs for a target."""

    curve: Curve
    target: float  # Dice, 0 to 1
    have: int  # present number of labelled subjects
    needed: Estimate | None  # whole number of subjects that reach the target; None: no estimate
    refused: str  # the reason that there is no estimate; empty if there is one
    # by number of further subjects, the gain in Dice over that at `have`, or the reason for no estimate
    gains: dict[int, Estimate | str] = field(default_factory=dict)


def learning_curve(scores: pd.DataFrame, intervals: Intervals) -> Curve:
    """Fit the law of one method on one cohort.

    The law is fitted to the means over draws and test subjects, each weighted by the scatter of its draws (the test
    subjects are equal at all N and shift all means equally). Replicates resample draws and subjects together at all
    N, and vary the usual exponent, so that intervals are wide if few points determine the ceiling.

    Args:
        scores: rows of one cohort and method, from `scores.read_scores`.
        intervals: level, replicates and seed.

    Raises:
        ValueError: rows of more than one cohort or method.
    """
    if len(scores[["cohort", "method"]].drop_duplicates()) != 1:
        raise ValueError("learning curve: scores of several cohorts or methods; accepted: one method on one cohort")
    counts = np.sort(scores["n"].unique())
    tables = crossed_tables([scores[scores["n"] == n] for n in counts])
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


def labels_for_target(curve: Curve, target: float, have: int | None = None, more: Sequence[int] = (1, 5, 10)) -> Answer:
    """Estimate the number of labelled subjects for a target, and the gain of further ones.

    Args:
        target: Dice, 0 to 1.
        have: present number of labelled subjects; None: the largest tried N.
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
    """The reason for no estimate of the target's N; empty if there is an estimate."""
    if curve.doubts:
        return "; ".join(curve.doubts)
    needed = curve.count_for(target).value
    ceiling = curve.ceiling
    if not np.isfinite(needed):
        ends = f"{ceiling.low:.3f} to {ceiling.high:.3f}"
        return f"it is above the ceiling of the fitted law, {ceiling.value:.3f} ({ends})"
    if needed > REACH * curve.largest:
        far = curve.dice_at(REACH * curve.largest)
        return (
            f"it is beyond N = {REACH * curve.largest:.0f}, {REACH:g} times the largest tried N, where the law gives"
            f" Dice {far.value:.3f} ({far.low:.3f} to {far.high:.3f})"
        )
    return ""


def _gain(curve: Curve, start: int, more: int) -> Estimate | str:
    """The gain in Dice of further subjects, or the reason for no estimate."""
    if curve.doubts:
        return "; ".join(curve.doubts)
    if start + more > REACH * curve.largest:
        return f"N = {start + more} is beyond {REACH:g} times the largest tried N ({curve.largest})"
    value, replicates = (np.diff(laws.dice([start, start + more]))[:, 0] for laws in (curve.law, curve.replicates))
    low, high = percentile_ends(replicates, curve.level)
    return Estimate(float(value[0]), min(low, float(value[0])), max(high, float(value[0])))


# ------------------------------------------------------------------------------------------------------ the fit
def _errors(tables: Sequence[Floats]) -> Floats:
    """Standard error of each mean over its draws: from half their own variance and half the mean of all N."""
    draws = np.array([np.nanmean(table, axis=1) for table in tables if not np.isnan(table).all()])
    number = (~np.isnan(draws)).sum(axis=1)
    if (number < 2).any():
        return np.full(len(tables), 0.01)
    own = np.nanvar(draws, axis=1, ddof=1)
    errors: Floats = np.sqrt(np.maximum((own + own.mean()) / 2 / number, 1e-8))
    return errors


def _replicates(counts: Floats, tables: Sequence[Floats], errors: Floats, intervals: Intervals) -> Laws:
    """Laws of bootstrap means, a curve each."""
    means = np.stack([scaled_replicates(table, intervals) for table in tables], axis=1)
    usual = USUAL_EXPONENT * np.exp(np.random.default_rng([intervals.seed, 1]).normal(0, SPREAD, len(means)))
    return fit(counts, means, errors, usual)


def _doubts(counts: Floats, tables: Sequence[Floats], law: Laws, intervals: Intervals) -> list[str]:
    """Reasons not to use a law; empty if there are none."""
    draws = tables[0].shape[0]
    tested = ", ".join(f"{n:g}" for n in counts)
    if len(counts) < LEAST_COUNTS:
        plural = "one number" if len(counts) == 1 else f"{len(counts)} numbers"
        return [
            f"{plural} of labels (N = {tested}): the test of a law of three parameters needs {LEAST_COUNTS} or more; "
            "to fix: finetune at more N"
        ]
    if draws < LEAST_DRAWS:
        return ["one draw at each N: the variation by labelled subjects is unknown; to fix: set `draws: 5`"]
    freedom = len(counts) - 3
    p_value = float(f_distribution.sf(law.misfit[0] / freedom, freedom, len(counts) * (draws - 1)))
    if p_value < DOUBT:
        return [
            f"no such law fits: its distance from the means at N = {tested} exceeds the scatter of draws (p ="
            f" {p_value:.1g}), as for training budgets that suit some N better than others"
        ]
    rise = tables[-1] - tables[0]
    low, _ = percentile_ends(np.nan_to_num(replicates(rise, intervals)), intervals.level)
    if not low > 0:
        return [
            f"from N = {counts[0]:g} to N = {counts[-1]:g} the score does not rise significantly, so it cannot be"
            " extrapolated; longer trainings or more draws may show a rise"
        ]
    return []
