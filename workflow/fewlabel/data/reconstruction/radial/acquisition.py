"""A radial multi-coil acquisition of several slices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.radial.arms import Arm, arm_kspace
from fewlabel.data.reconstruction.radial.coil_sensitivities import sensitivities
from fewlabel.data.reconstruction.radial.density_compensation import density
from fewlabel.data.reconstruction.radial.gridding import Complex, sample
from fewlabel.data.reconstruction.radial.trajectory import Trajectory


class PerSlice(Protocol):
    """An array of several slices that may be read, or made, one slice at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all slices; their number is first."""

    def __getitem__(self, number: int, /) -> Any:
        """One slice, from 0."""


class Readings(Protocol):
    """An acquisition whose k-space, (slice, coil, spoke, sample), need not be in memory."""

    @property
    def kspace(self) -> PerSlice:
        """complex64, (slice, coil, spoke, sample)."""

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory of every slice."""

    @property
    def matrix(self) -> int:
        """Pixels along a side of the field of view."""


@dataclass(frozen=True)
class Scan:
    """Readings of a file; see `Readings`."""

    kspace: PerSlice
    trajectory: Trajectory
    matrix: int


@dataclass(frozen=True)
class Acquisition:
    """The scanner's data in memory."""

    kspace: Complex  # complex64, (slice, coil, spoke, sample)
    trajectory: Trajectory  # of every slice
    matrix: int  # pixels along a side of the field of view


def acquire_body(images: NDArray[np.float32], trajectory: Trajectory, pixel_mm: float, coils: int) -> Acquisition:
    """The acquisition of the body without noise and without a source of streaks.

    Args:
        images: (slice, echo, matrix, matrix): signal at each echo time.
        trajectory: with the echo of each spoke.
        pixel_mm: size of a pixel.
        coils: of the array around the field of view.
    """
    matrix = images.shape[-1]
    positions = pixel_mm * (np.arange(matrix) - matrix // 2)
    x, y = np.meshgrid(positions, positions, indexing="ij")
    received = sensitivities(x, y, coils, array_mm(matrix, pixel_mm))
    kspace = np.empty((len(images), coils, *trajectory.points.shape[:2]), dtype=np.complex64)
    for number, echoes in enumerate(images):
        for echo, image in enumerate(echoes):
            spokes = np.flatnonzero(trajectory.echo == echo)
            kspace[number][:, spokes] = sample(received * image, trajectory.points[spokes])
    return Acquisition(kspace, trajectory, matrix)


def with_arms(acquisition: Acquisition, arms: Sequence[Arm], signal: float, pixel_mm: float) -> Acquisition:
    """The same acquisition, with arms of that signal next to the body, equal in every slice."""
    coils = acquisition.kspace.shape[1]
    array = array_mm(acquisition.matrix, pixel_mm)
    added = arm_kspace(list(arms), acquisition.trajectory, pixel_mm, coils, array)
    return replace(acquisition, kspace=acquisition.kspace + np.float32(signal) * added)


def with_noise(acquisition: Acquisition, sigma: float, rng: np.random.Generator) -> Acquisition:
    """The same acquisition with complex white noise.

    Args:
        sigma: standard deviation, in the real and in the imaginary part of each coil's composite image.
        rng: generator of the noise.
    """
    # Gridding adds up independent samples with these weights.
    scale = sigma / np.sqrt((density(acquisition.trajectory) ** 2).sum())
    shape = acquisition.kspace.shape
    noise = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    return replace(acquisition, kspace=acquisition.kspace + np.float32(scale) * noise)


def array_mm(matrix: int, pixel_mm: float) -> tuple[float, float]:
    """Half-axes of the ellipse of the coils: at the sides of the field of view, nearer above and below."""
    half = matrix * pixel_mm / 2
    return 1.05 * half, 0.85 * half
