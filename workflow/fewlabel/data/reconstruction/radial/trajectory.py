"""Trajectories of radial acquisitions in k-space.

k is in cycles per pixel, along the two axes of the image; a spoke runs through the centre from edge to edge. Spokes
follow each other by the golden angle, so that any number of successive ones covers all directions evenly (Winkelmann et
al. 2007, IEEE Trans Med Imaging 26:68).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOLDEN_ANGLE = np.pi * (np.sqrt(5) - 1) / 2
"""Radians: 111.246 degrees."""
OVERSAMPLING = 2
"""Samples of a spoke for each pixel of the field of view, so that signal beyond it does not fold back."""


@dataclass(frozen=True)
class Trajectory:
    """Positions and times of samples; equal for all slices."""

    points: NDArray[np.float64]  # (spoke, sample, 2), cycles per pixel, -0.5 to 0.5
    echo: NDArray[np.int64]  # (spoke,) echo of the train of each spoke, from 0
    echo_times: NDArray[np.float64]  # (echo,) ms

    def directions(self) -> NDArray[np.float64]:
        """(spoke, 2): unit vectors along the readouts."""
        along = self.points[:, -1] - self.points[:, 0]
        return np.asarray(along / np.linalg.norm(along, axis=1, keepdims=True))

    def radii(self) -> NDArray[np.float64]:
        """(spoke, sample): distance from the centre along the readout, negative before it; cycles per pixel."""
        return np.asarray(np.einsum("sni,si->sn", self.points, self.directions()))


def golden_angle(spokes: int, matrix: int, echo_times: NDArray[np.float64]) -> Trajectory:
    """Full-diameter spokes by the golden angle.

    The spokes of an echo are successive, and so are those of neighbouring echoes together: each such group covers all
    directions evenly, as sharing between echoes requires. (The excitation of a spoke is free: excitation s takes
    spoke s of every echo's group.)

    Args:
        spokes: a multiple of the number of echoes.
        matrix: pixels along a side of the field of view.
        echo_times: ms, rising.

    Raises:
        ValueError: the spokes cannot be divided evenly between the echoes.
    """
    echoes = len(echo_times)
    if spokes % echoes:
        raise ValueError(f"{spokes} spokes are no multiple of {echoes} echoes")
    samples = OVERSAMPLING * matrix
    radii = (np.arange(samples) - samples // 2) / samples
    angles = GOLDEN_ANGLE * np.arange(spokes)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = radii[None, :, None] * directions[:, None, :]
    return Trajectory(points, np.repeat(np.arange(echoes), spokes // echoes), np.asarray(echo_times, np.float64))
