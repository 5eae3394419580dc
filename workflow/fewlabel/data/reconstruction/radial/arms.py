"""The source of streaks: arms next to the body, at the edge of the magnet.

There the gradients weaken, so that the signal of a whole arm is encoded into a small bright spot, just beyond the field
of view; and the main field differs, so that the spot moves along each readout, and its echoes refocus unevenly. No set
of spokes sees it as one object. How uneven echoes are, and how far spots move, are our guesses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.radial.coil_sensitivities import sensitivities
from fewlabel.data.reconstruction.radial.trajectory import Trajectory

PITCH_MM = 5.0
"""Distance of the points of an arm."""
TURN_MM = 275.0
"""Distance from the isocentre at which the gradients turn: signal beyond is encoded back inwards."""
T2_MS = 80.0
"""Apparent T2 of an arm: muscle and fat together."""
UNEVEN = 0.4
"""Relative standard deviation of an echo's signal, in its real and in its imaginary part."""


@dataclass(frozen=True)
class Arm:
    """One arm across the slice."""

    centre: tuple[float, float]  # x and y in mm from the isocentre
    radii: tuple[float, float]  # half-axes in mm
    off_mm: float  # displacement along the readout by the main field's deviation
    seed: int = 0  # of the variation of its echoes

    def echo_signals(self, echo_times: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(echo,): signal relative to the first excitation's; without its variation it decays with `T2_MS`."""
        rng = np.random.default_rng(self.seed)
        variation = rng.normal(0, UNEVEN, (len(echo_times), 2)).view(np.complex128)[:, 0]
        return np.asarray(np.exp(-echo_times / T2_MS) * (1 + variation))

    def points(self) -> NDArray[np.float64]:
        """(point, 2): positions in mm, each representing an area of `PITCH_MM` squared."""
        spans = [np.arange(-radius, radius + PITCH_MM / 2, PITCH_MM) for radius in self.radii]
        x, y = np.meshgrid(*spans, indexing="ij")
        inside = (x / self.radii[0]) ** 2 + (y / self.radii[1]) ** 2 <= 1
        return np.stack([x[inside], y[inside]], axis=1) + self.centre


def draw_arms(rng: np.random.Generator) -> list[Arm]:
    """A random person's two arms."""
    return [
        Arm(
            (side * rng.uniform(248, 272), rng.uniform(-45, 15)),
            (rng.uniform(32, 42), rng.uniform(38, 50)),
            rng.choice((-1, 1)) * rng.uniform(4, 10),
            int(rng.integers(2**32)),
        )
        for side in (1, -1)
    ]


def encoded(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The positions, (point, 2) in mm, at which the gradients place signals from these positions, (point, 2) in mm.

    The field of a gradient grows as r - r^5 / (5 R^4) with the distance r from the isocentre: linear within the body,
    flat at R = `TURN_MM`. The body's own small distortion is ignored, since scanners correct it.
    """
    distance = np.linalg.norm(places, axis=1, keepdims=True)
    return np.asarray(places * (1 - (distance / TURN_MM) ** 4 / 5))


def arm_kspace(
    arms: list[Arm], trajectory: Trajectory, pixel_mm: float, coils: int, array_mm: tuple[float, float]
) -> NDArray[np.complex64]:
    """k-space (coil, spoke, sample) of arms of unit signal (RMS over the spokes, for each pixel of an arm)."""
    import finufft

    radians = 2 * np.pi * trajectory.points.reshape(-1, 2)
    total = np.zeros((coils, *trajectory.points.shape[:2]), dtype=np.complex64)
    for arm in arms:
        places = arm.points()
        # Coils receive the true position of an arm; the gradients determine its apparent position.
        received = sensitivities(places[:, 0], places[:, 1], coils, array_mm) * np.float32((PITCH_MM / pixel_mm) ** 2)
        seems = encoded(places) / pixel_mm
        kspace = finufft.nufft2d3(
            *(np.ascontiguousarray(axis) for axis in seems.T),
            received.astype(np.complex128),
            *(np.ascontiguousarray(axis) for axis in radians.T),
            isign=-1,
            nthreads=1,
        ).reshape(total.shape)
        echoes = arm.echo_signals(trajectory.echo_times)[trajectory.echo]
        echoes /= np.sqrt((np.abs(echoes) ** 2).mean())
        moved = np.exp(-2j * np.pi * trajectory.radii() * arm.off_mm / pixel_mm)
        total += (kspace * moved * echoes[:, None]).astype(np.complex64)
    return total
