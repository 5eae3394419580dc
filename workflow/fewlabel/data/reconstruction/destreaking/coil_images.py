"""Coil images of a whole scan, one slice at a time, since all need many times the memory of k-space."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.reconstruction.destreaking.covariance import mix
from fewlabel.data.reconstruction.radial.acquisition import PerSlice, Readings
from fewlabel.data.reconstruction.radial.density_compensation import density
from fewlabel.data.reconstruction.radial.gridding import Complex, grid

KEPT_BYTES = 512_000_000
"""Bytes of a scan's coil images to cache; further slices are computed again, bit-identically."""


def coil_images(readings: Readings, matrix: int) -> Complex:
    """Composite images of each coil, all in memory: (slice, coil, matrix, matrix)."""
    return np.stack(list(each(Gridded(readings, matrix))))


class Gridded:
    """Coil images of k-space; each slice is gridded when it is requested.

    Args:
        matrix: rows and columns; see `gridding.grid`.
        spokes: the spokes to use.
    """

    def __init__(self, readings: Readings, matrix: int, spokes: slice = slice(None)) -> None:
        trajectory = readings.trajectory
        uses = np.zeros(trajectory.points.shape[:2], dtype=bool)
        uses[spokes] = True
        self._kspace, self._points, self._weights = readings.kspace, trajectory.points, density(trajectory, uses)
        self.shape: tuple[int, ...] = (*readings.kspace.shape[:2], matrix, matrix)

    def __getitem__(self, number: int) -> Complex:
        return grid(self._kspace[number], self._points, self._weights, self.shape[-1])


class CachedSlices:
    """Caches slices, which take long to compute, up to `KEPT_BYTES`."""

    def __init__(self, data: PerSlice) -> None:
        self._data, self.shape = data, data.shape
        self._kept: dict[int, Complex] = {}

    def __getitem__(self, number: int) -> Complex:
        if number in self._kept:
            return self._kept[number]
        cached: Complex = self._data[number]
        if (len(self._kept) + 1) * cached.nbytes <= KEPT_BYTES:
            self._kept[number] = cached
        return cached


@dataclass(frozen=True)
class Mixed:
    """Slices of k-space or images, (slice, coil, ...), with coils mixed by a matrix (new coil, coil)."""

    matrix: NDArray[Any]
    data: PerSlice

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all slices, with the new coils."""
        return (self.data.shape[0], len(self.matrix), *self.data.shape[2:])

    def __getitem__(self, number: int) -> Complex:
        return mix(self.matrix, self.data[number], axis=0)


def each(data: PerSlice) -> Iterator[Any]:
    """The slices, in order."""
    return (data[number] for number in range(data.shape[0]))
