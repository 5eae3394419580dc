"""Density compensation: the area of k-space of each sample of a radial acquisition."""

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.radial.trajectory import Trajectory


def density(trajectory: Trajectory, uses: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """The area of the polar cell around each sample, (spoke, sample), in (cycles per pixel)^2; 0 for unused samples.

    A cell extends half way to the next samples along the spoke, and half way to the neighbouring used spokes at that
    radius. Weights therefore add up to the sampled disc, and an image gridded with them has the units of the object.

    Args:
        trajectory: of straight spokes through the centre.
        uses: (spoke, sample), True for used samples; default: all. Each sample position needs at least one spoke.
    """
    radii = trajectory.radii()
    steps = np.abs(np.gradient(radii, axis=1))
    used = np.ones(radii.shape, dtype=bool) if uses is None else uses
    directions = trajectory.directions()
    angles = np.arctan2(directions[:, 1], directions[:, 0]) % np.pi
    # The innermost cells share a disc of half a step; at larger radii a cell is as long as its arc.
    lengths = np.where(np.abs(radii) < steps / 2, steps / 4, np.abs(radii))
    return np.asarray(lengths * steps * _arcs(angles, used))


def _arcs(angles: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(spoke, sample): angle in radians of a spoke, among those used at the same sample position."""
    arcs = np.zeros(used.shape)
    # Few patterns: sharing between echoes adds spokes in steps.
    patterns, which = np.unique(used, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        spokes = np.flatnonzero(pattern)
        order = spokes[np.argsort(angles[spokes], kind="stable")]
        gaps = np.diff(angles[order], append=angles[order[0]] + np.pi)
        share = np.zeros(len(angles))
        share[order] = (gaps + np.roll(gaps, 1)) / 2
        arcs[:, which.ravel() == number] = share[:, None]
    return arcs
