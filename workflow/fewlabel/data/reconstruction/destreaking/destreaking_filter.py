"""Prepare a de-streaking method for one acquisition; it is then applied to all of its images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewlabel.config.sources.radial import Destreak
from fewlabel.data.reconstruction.destreaking.bstar import combine, weights
from fewlabel.data.reconstruction.destreaking.cactus import interference_subspace, null_projection
from fewlabel.data.reconstruction.destreaking.coil_images import CachedSlices, Gridded, Mixed
from fewlabel.data.reconstruction.destreaking.covariance import Matrix, coil_covariance
from fewlabel.data.reconstruction.destreaking.interference_region import beyond_view, corners, root_sum_of_squares
from fewlabel.data.reconstruction.destreaking.remove_coils import background_ratios, streak_ratios, usable_coils
from fewlabel.data.reconstruction.radial.acquisition import PerSlice, Readings, Scan
from fewlabel.data.reconstruction.radial.gridding import Complex
from fewlabel.data.reconstruction.radial.trajectory import OVERSAMPLING
from fewlabel.utils.errors import InputError

FEWEST_COILS = 4
"""Fewest coils; with fewer, the directions of interference and body cannot be separated."""
BY_COVARIANCE = ("cactus", "bstar")
"""Methods that need a region of interference; by default it is beyond the field of view."""


@dataclass(frozen=True)
class Remedy:
    """Operations on coil data that remove streaks."""

    mixing: Matrix | NDArray[np.float64]  # (new coil, coil): identity, a selection of coils, or a projection
    # covariance (coil, coil) against which coils are combined (B-STAR); None: root sum of squares
    interference: Matrix | None = None
    loading: float = 0  # of B-STAR

    def mixed(self, readings: Readings) -> Scan:
        """The readings with mixed coils, before gridding."""
        return Scan(Mixed(self.mixing, readings.kspace), readings.trajectory, readings.matrix)

    def combined(self, coil_images: Iterable[Complex], like: Iterable[Complex] | None = None) -> NDArray[np.float32]:
        """Magnitude images of coil images whose coils are already mixed.

        Args:
            coil_images: of each slice (coil, row, column).
            like: other images of the same slices, whose coil vectors determine the combination of coils; default: the
                images themselves, which without B-STAR is the root of the sum of squares.
        """
        pairs = ((images, images) for images in coil_images) if like is None else zip(coil_images, like, strict=True)
        return np.stack([combine(images, self._weights(model)) for images, model in pairs])

    def _weights(self, coil_images: Complex) -> Complex:
        """(coil, row, column), of unit length."""
        if self.interference is not None:
            return weights(coil_images, self.interference, self.loading)
        length = np.sqrt((np.abs(coil_images) ** 2).sum(axis=0))
        return np.asarray(coil_images / np.maximum(length, np.finfo(np.float32).tiny))


def from_kspace(settings: Destreak, readings: Readings, region: NDArray[np.bool_] | None = None) -> Remedy:
    """The remedy for an acquisition.

    Args:
        readings: with their streaks.
        region: (slice, row, column) within the field of view, True in regions with interference; default: the bright
            sources beyond the field of view, which readout oversampling separates (remove_coils: streaks are the
            difference to images from fewer spokes).

    Raises:
        InputError: too few coils, or a region that is empty, everything or without signal.
    """
    coils = _coils(readings.kspace.shape[1], settings)
    if settings.method == "none":
        return Remedy(np.eye(coils))
    matrix = readings.matrix
    if region is not None:
        return from_images(settings, CachedSlices(Gridded(readings, matrix)), region)
    if settings.method == "remove_coils":
        return _selection(coils, _spoke_ratios(readings), settings)
    wide = CachedSlices(Gridded(readings, OVERSAMPLING * matrix))
    return _of_covariance(settings, coil_covariance(wide, beyond_view(root_sum_of_squares(wide), matrix)))


def from_images(settings: Destreak, images: PerSlice, region: NDArray[np.bool_] | None = None) -> Remedy:
    """The remedy for finished complex coil images.

    Args:
        images: (slice, coil, row, column).
        region: (slice, row, column), True in regions with interference; default: streaks in the corners of the view.

    Raises:
        InputError: too few coils, or a region that is empty, everything or without signal.
    """
    coils = _coils(images.shape[1], settings)
    if settings.method == "none":
        return Remedy(np.eye(coils))
    if region is not None and (not region.any() or region.all()):
        what = "whole image" if region.all() else "mask is empty"
        raise InputError(
            f"interference region: the {what}; accepted: a mask of 1 in regions with streaks and 0 elsewhere"
        )
    magnitude = root_sum_of_squares(images)
    if region is not None and not magnitude[region].any():
        raise InputError("interference region: no signal in it; accepted: a mask that is 1 where streaks are seen")
    mask = corners(magnitude) if region is None else region
    if settings.method == "remove_coils":
        ratios = background_ratios(images, mask) if mask.any() else np.ones(coils)
        return _selection(coils, ratios, settings)
    return _of_covariance(settings, coil_covariance(images, mask))


def _of_covariance(settings: Destreak, covariance: Matrix) -> Remedy:
    if settings.method == "bstar":
        return Remedy(np.eye(len(covariance)), covariance, settings.loading)
    return Remedy(null_projection(interference_subspace(covariance, settings.energy)))


def _selection(coils: int, ratios: NDArray[np.float64], settings: Destreak) -> Remedy:
    return Remedy(np.eye(coils)[usable_coils(ratios, settings.threshold)])


def _spoke_ratios(readings: Readings) -> NDArray[np.float64]:
    # Every second spoke: golden angles stay evenly spread over all echoes.
    whole, fewer = (Gridded(readings, readings.matrix, slice(None, None, step)) for step in (1, 2))
    return streak_ratios(whole, fewer)


def _coils(count: int, settings: Destreak) -> int:
    if settings.method != "none" and count < FEWEST_COILS:
        raise InputError(
            f"{count} coils are too few for destreak.method {settings.method}; accepted: {FEWEST_COILS} or more, or "
            "method none"
        )
    return count
