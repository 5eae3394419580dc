"""Learning curves as inverse power laws that Dice allows: 0 to 1 at every N."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EXPONENTS: Floats = np.geomspace(0.05, 4.0, 240)
"""Tried, 2 % apart. Nearer to 0 a law is a straight line in log N; beyond 4 all is gained by the second volume."""
USUAL_EXPONENT, SPREAD = 0.7, 1.0
"""Where few points leave the exponent open: its usual size, and how far it strays, in natural logarithms."""


@dataclass(frozen=True)
class Laws:
    """Fitted laws, dice(N) = first + gain * (1 - N ** -exponent); each array has an entry a curve.

    Attributes:
        first: Dice with one labelled subject, 0 to 1: the floor.
        gain: what further labels can add, from 0; `first + gain`, the ceiling, is at most 1.
        exponent: > 0; how fast the gain comes.
        misfit: sum of squared residuals, each in units of its standard error.
    """

    first: Floats
    gain: Floats
    exponent: Floats
    misfit: Floats

    @property
    def ceiling(self) -> Floats:
        """Dice with as many labels as one likes."""
        total: Floats = self.first + self.gain
        return total

    def dice(self, counts: ArrayLike) -> Floats:
        """Dice at each number of labelled subjects (from 1), shape (curves, counts)."""
        n = np.asarray(counts, dtype=np.float64)
        values: Floats = self.first[:, None] + self.gain[:, None] * (1 - n[None] ** -self.exponent[:, None])
        return values

    def counts_for(self, dice: float) -> Floats:
        """How many labelled subjects reach that Dice, a real number: at least 1, infinite where the law never does."""
        lacking = np.divide(
            self.ceiling - dice, self.gain, out=np.full_like(self.gain, -1.0), where=self.gain > 0
        )  # the share of the gain that may still be missing
        with np.errstate(over="ignore"):
            n = np.maximum(lacking, 1e-300) ** (-1 / self.exponent)
        reached: Floats = np.where(lacking > 0, np.maximum(n, 1.0), np.inf)
        return np.where(self.first >= dice, 1.0, reached)


def fit(counts: ArrayLike, curves: ArrayLike, errors: ArrayLike, usual: ArrayLike = USUAL_EXPONENT) -> Laws:
    """Fit a law to each curve by weighted least squares.

    For each exponent of `EXPONENTS` the rest is a linear problem on the triangle first >= 0, gain >= 0,
    first + gain <= 1, solved exactly; the best exponent wins. So what is found is the best of all, and a thousand
    bootstrap replicates are fitted at once, where a general minimiser would have to be trusted a thousand times.

    An exponent far from the usual costs as much as a residual: (ln(exponent / usual) / SPREAD) ** 2. Where points are
    many and good that is nothing; where they are few it keeps the ceiling from being anywhere.

    Args:
        counts: numbers of labelled subjects, at least two of them, each from 1, distinct.
        curves: mean Dice at these, shape (curves, counts), 0 to 1.
        errors: standard error of the mean at each count, > 0.
        usual: the usual exponent, one for all or one a curve; replicates that each have another, drawn as it strays,
            tell how far the fit rests on it.

    Raises:
        ValueError: shapes disagree, or there are fewer than two counts.
    """
    n, values, error = (np.asarray(given, dtype=np.float64) for given in (counts, curves, errors))
    if n.ndim != 1 or len(n) < 2 or values.shape[1:] != n.shape or error.shape != n.shape:
        raise ValueError(f"{n.shape} counts, {values.shape} curves, {error.shape} errors: (n,), (curves, n), (n,)")
    weights = error**-2.0
    rise = 1 - n[None] ** -EXPONENTS[:, None]  # (exponents, counts)
    first, gain, misfit = _on_triangle(values, rise, weights)
    centre = np.broadcast_to(np.asarray(usual, dtype=np.float64), len(values))
    penalty = (np.log(EXPONENTS[None] / centre[:, None]) / SPREAD) ** 2
    best = (misfit + penalty).argmin(axis=1)
    which = np.arange(len(values)), best
    return Laws(first[which], gain[which], EXPONENTS[best], misfit[which])


def _on_triangle(values: Floats, rise: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """The best first and gain of each curve and exponent, and their misfit: arrays of shape (curves, exponents).

    The misfit is a quadratic form of both, so its least value on the triangle is the free one if that lies inside,
    else the least on one of the three sides, each a problem of one number.
    """
    total, x, xx = weights.sum(), rise @ weights, rise**2 @ weights
    y, xy = (values @ weights)[:, None], values * weights @ rise.T
    yy = (values**2 @ weights)[:, None]

    def misfit(first: Any, gain: Any) -> Any:
        return yy - 2 * first * y - 2 * gain * xy + first**2 * total + 2 * first * gain * x + gain**2 * xx

    determinant = total * xx - x**2
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (total * xy - x * y) / determinant
    first = (y - gain * x) / total
    inside = (first >= 0) & (gain >= 0) & (first + gain <= 1)
    flat = np.broadcast_to(np.clip(y / total, 0, 1), xy.shape)
    from_zero = np.clip(xy / xx, 0, 1)
    # first = 1 - gain: of what is lacking to 1, dice - 1 = gain * (rise - 1).
    to_one = np.clip((total - x - y + xy) / (total - 2 * x + xx), 0, 1)
    zero = np.zeros_like(xy)
    sides = [(flat, zero), (zero, from_zero), (1 - to_one, to_one)]
    firsts, gains = np.stack([side[0] for side in sides]), np.stack([side[1] for side in sides])
    least = misfit(firsts, gains).argmin(axis=0)[None]
    first = np.where(inside, first, np.take_along_axis(firsts, least, 0)[0])
    gain = np.where(inside, gain, np.take_along_axis(gains, least, 0)[0])
    return first, gain, np.maximum(misfit(first, gain), 0)
