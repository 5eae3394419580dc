"""Fit learning curves by inverse power laws with values of 0 to 1 at every N."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EXPONENTS: Floats = np.geomspace(0.05, 4.0, 240)
"""Candidates, 2 % apart. Nearer to 0 a law is a straight line in log N; beyond 4 the second volume gains everything."""
USUAL_EXPONENT, SPREAD = 0.7, 1.0
"""Prior of the exponent: its mode and the standard deviation of its natural logarithm."""


@dataclass(frozen=True)
class Laws:
    """Fitted laws, dice(N) = first + gain * (1 - N ** -exponent); all arrays are (curve,)."""

    first: Floats  # Dice with one labelled subject, 0 to 1
    gain: Floats  # largest gain of further labels, from 0; `first + gain`, the ceiling, is at most 1
    exponent: Floats  # > 0; a larger one reaches the ceiling sooner
    misfit: Floats  # sum of squared residuals, each in units of its standard error

    @property
    def ceiling(self) -> Floats:
        """Dice with unlimited labels."""
        total: Floats = self.first + self.gain
        return total

    def dice(self, counts: ArrayLike) -> Floats:
        """Dice at each number of labelled subjects (from 1), shape (curve, count)."""
        n = np.asarray(counts, dtype=np.float64)
        values: Floats = self.first[:, None] + self.gain[:, None] * (1 - n[None] ** -self.exponent[:, None])
        return values

    def counts_for(self, dice: float) -> Floats:
        """Number of labelled subjects that reaches a Dice, a real number from 1; infinite if the law never does."""
        # The share of the gain that may still be missing.
        lacking = np.divide(self.ceiling - dice, self.gain, out=np.full_like(self.gain, -1.0), where=self.gain > 0)
        with np.errstate(over="ignore"):
            n = np.maximum(lacking, 1e-300) ** (-1 / self.exponent)
        reached: Floats = np.where(lacking > 0, np.maximum(n, 1.0), np.inf)
        return np.where(self.first >= dice, 1.0, reached)


def fit(counts: ArrayLike, curves: ArrayLike, errors: ArrayLike, usual: ArrayLike = USUAL_EXPONENT) -> Laws:
    """Fit a law to each curve by weighted least squares.

    For each exponent of `EXPONENTS`, the problem is linear on the triangle first >= 0, gain >= 0, first + gain <= 1
    and is solved exactly; the best exponent is chosen. The result is the global minimum, for thousands of bootstrap
    replicates at once.

    The prior of the exponent adds (ln(exponent / usual) / SPREAD) ** 2 to the squared residuals. It is negligible for
    many precise points, and determines the ceiling for few.

    Args:
        counts: at least two distinct numbers of labelled subjects, each from 1.
        curves: mean Dice at these, shape (curve, count), 0 to 1.
        errors: standard error of the mean at each count, > 0.
        usual: the usual exponent, one for all or one a curve; replicates with exponents drawn from the prior show how
            much the fit depends on it.

    Raises:
        ValueError: shapes disagree, or there are fewer than two counts.
    """
    n, values, error = (np.asarray(array, dtype=np.float64) for array in (counts, curves, errors))
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
    """The best first and gain of each curve and exponent, and their misfit: arrays of shape (curve, exponent).

    The misfit is a quadratic form of both. Its minimum on the triangle is the free minimum if that is inside, else
    the least minimum on the three sides.
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
    # With first = 1 - gain: dice - 1 = gain * (rise - 1).
    to_one = np.clip((total - x - y + xy) / (total - 2 * x + xx), 0, 1)
    zero = np.zeros_like(xy)
    sides = [(flat, zero), (zero, from_zero), (1 - to_one, to_one)]
    firsts, gains = np.stack([side[0] for side in sides]), np.stack([side[1] for side in sides])
    least = misfit(firsts, gains).argmin(axis=0)[None]
    first = np.where(inside, first, np.take_along_axis(firsts, least, 0)[0])
    gain = np.where(inside, gain, np.take_along_axis(gains, least, 0)[0])
    return first, gain, np.maximum(misfit(first, gain), 0)
