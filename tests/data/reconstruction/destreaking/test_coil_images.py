"""Coil images slice by slice, against those made at once."""

import numpy as np
import pytest

from fewlabel.config.sources.radial import Destreak
from fewlabel.data.reconstruction.destreaking import coil_images
from fewlabel.data.reconstruction.destreaking.coil_images import CachedSlices, Gridded, Mixed, each
from fewlabel.data.reconstruction.destreaking.destreaking_filter import from_kspace
from fewlabel.data.reconstruction.radial.acquisition import Scan
from fewlabel.data.reconstruction.radial.density_compensation import density
from fewlabel.data.reconstruction.radial.gridding import grid


class Counted:
    """An array that counts how often each slice is asked for."""

    def __init__(self, array):
        self.array, self.shape, self.asked = array, array.shape, [0] * len(array)

    def __getitem__(self, number):
        self.asked[number] += 1
        return self.array[number]


@pytest.fixture
def scan(streaked):
    """Four slices, of which two have no source of streaks."""
    both = (streaked.acquisition, streaked.clean)
    kspace = np.concatenate([each.kspace for each in (*both, *both)])
    return Scan(Counted(kspace), streaked.acquisition.trajectory, streaked.acquisition.matrix)


def test_slices_are_those_of_the_whole_scan(scan):
    points, weights = scan.trajectory.points, density(scan.trajectory)
    whole = grid(scan.kspace.array, points, weights, 64)
    mixing = np.random.default_rng(0).normal(size=(3, 16))
    mixed = Mixed(mixing, Gridded(scan, 64))
    assert mixed.shape == (4, 3, 64, 64)
    assert np.array_equal(np.stack(list(each(Gridded(scan, 64)))), whole)
    expected = np.einsum("nc,scxy->snxy", mixing.astype(np.complex64), whole)
    assert np.allclose(np.stack(list(each(mixed))), expected, atol=1e-5 * np.abs(expected).max())
    uses = np.zeros(points.shape[:2], dtype=bool)
    uses[::2] = True
    half = grid(scan.kspace.array[2][:, ::2], points[::2], density(scan.trajectory, uses)[::2], 64)
    found = Gridded(scan, 64, slice(None, None, 2))[2]
    assert np.allclose(found, half, atol=1e-5 * np.abs(half).max()) and not np.allclose(found, whole[2], rtol=0.01)


@pytest.mark.parametrize(("slices", "asked"), [(0, 2), (1, 2), (3, 2), (4, 1)])
def test_as_many_slices_are_kept_as_fit_and_the_others_made_again(scan, monkeypatch, slices, asked):
    size = 16 * 128 * 128 * 8
    monkeypatch.setattr(coil_images, "KEPT_BYTES", slices * size)
    kept = CachedSlices(Gridded(scan, 128))
    first, second = ([image.copy() for image in each(kept)] for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert scan.kspace.asked == [1] * slices + [asked] * (4 - slices)


@pytest.mark.parametrize("method", ["cactus", "bstar"])
def test_what_is_found_does_not_depend_on_what_is_kept(scan, monkeypatch, method):
    kept = from_kspace(Destreak(method=method), scan)
    monkeypatch.setattr(coil_images, "KEPT_BYTES", 0)
    again = from_kspace(Destreak(method=method), scan)
    assert np.array_equal(kept.mixing, again.mixing)
    assert (kept.interference is None) == (method == "cactus")
    assert method == "cactus" or np.array_equal(kept.interference, again.interference)
