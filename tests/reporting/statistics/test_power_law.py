"""Inverse power laws: hand numbers, an independent minimiser, and curves whose law is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from fewlabel.reporting.statistics.power_law import SPREAD, USUAL_EXPONENT, Laws, fit

COUNTS = np.array([1, 2, 4, 8, 16])


def law(first, gain, exponent):
    return Laws(*(np.array([value]) for value in (first, gain, exponent, 0.0)))


def test_numbers_worked_out_by_hand():
    found = law(0.5, 0.4, 1.0)
    assert found.dice([1, 2, 4])[0] == pytest.approx([0.5, 0.7, 0.8])
    assert found.ceiling[0] == pytest.approx(0.9)
    assert found.counts_for(0.8)[0] == pytest.approx(4)
    assert found.counts_for(0.5)[0] == found.counts_for(0.1)[0] == 1
    assert found.counts_for(0.9)[0] == found.counts_for(0.95)[0] == np.inf
    assert law(0.5, 0.0, 1.0).counts_for(0.6)[0] == np.inf


def test_a_law_without_noise_is_found_again():
    true = law(0.55, 0.33, 0.9)
    found = fit(COUNTS, true.dice(COUNTS), np.full(5, 1e-4))
    assert found.first[0] == pytest.approx(0.55, abs=0.002)
    assert found.ceiling[0] == pytest.approx(0.88, abs=0.003)
    assert found.exponent[0] == pytest.approx(0.9, rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_it_finds_what_a_general_minimiser_finds_from_many_starts(seed):
    random = np.random.default_rng(seed)
    ceiling = random.uniform(0.6, 1)
    first, exponent = random.uniform(0, ceiling), random.uniform(0.2, 2)
    dice = np.clip(first + (ceiling - first) * (1 - COUNTS**-exponent) + random.normal(0, 0.04, 5), 0, 1)
    errors = random.uniform(0.01, 0.03, 5)

    def residuals(at):
        gain = at[1] * (1 - at[0])
        return [
            *((at[0] + gain * (1 - COUNTS ** -at[2]) - dice) / errors),
            np.log(at[2] / USUAL_EXPONENT) / SPREAD,
        ]

    starts = ([0.5, 0.5, exponent] for exponent in (0.1, 0.5, 1, 3))
    least = min(2 * least_squares(residuals, at, bounds=([0, 0, 0.05], [1, 1, 4])).cost for at in starts)
    found = fit(COUNTS, dice[None], errors)
    # The exponents that are tried lie 2 % apart.
    cost = found.misfit[0] + (np.log(found.exponent[0] / USUAL_EXPONENT) / SPREAD) ** 2
    assert least - 1e-6 <= cost <= least + 0.05


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_whatever_the_scores_a_law_rises_and_stays_within_0_and_1(dice):
    found = fit(COUNTS, [dice], np.full(5, 0.02))
    curve = found.dice([1, 2, 3, 100, 1e9])[0]
    assert (np.diff(curve) >= -1e-12).all()
    assert curve.min() >= -1e-9 and curve.max() <= 1 + 1e-9


def test_curves_are_fitted_one_by_one():
    dice = np.random.default_rng(0).uniform(0.3, 0.9, (7, 5))
    together = fit(COUNTS, dice, np.full(5, 0.02))
    alone = [fit(COUNTS, row[None], np.full(5, 0.02)) for row in dice]
    assert together.gain == pytest.approx([one.gain[0] for one in alone])
    assert together.exponent == pytest.approx([one.exponent[0] for one in alone])


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="counts"):
        fit(COUNTS, np.zeros((2, 4)), np.ones(5))
    with pytest.raises(ValueError, match="counts"):
        fit([4], np.zeros((2, 1)), np.ones(1))
