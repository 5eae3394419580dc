"""A method of removing streaks, made ready for one acquisition: found once, applied to all of its images."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fewlabel.errors import InputError
from fewlabel.experiment import Destreak
from fewlabel.imaging.destreak.bstar import combine, weights
from fewlabel.imaging.destreak.cactus import interference_subspace, null_projection
from fewlabel.imaging.destreak.covariance import Matrix, coil_covariance, mix
from fewlabel.imaging.destreak.region import beyond_view, corners, root_sum_of_squares
from fewlabel.imaging.destreak.remove_coils import background_ratios, kept_coils, streak_ratios
from fewlabel.imaging.radial.acquisition import Acquisition
from fewlabel.imaging.radial.density import density
from fewlabel.imaging.radial.gridding import Complex, grid
from fewlabel.imaging.radial.trajectory import OVERSAMPLING

FEWEST_COILS = 4
"""Below, the directions of the interference can not be told from those of the body."""


@dataclass(frozen=True)
class Remedy:
    """What is done to coil data.

    Attributes:
        mixing: (new coil, coil): nothing, a choice of coils, or a projection.
        interference: covariance (coil, coil) against which coils are combined (B-STAR); None: root sum of squares.
        loading: of B-STAR.
    """

    mixing: Matrix | NDArray[np.float64]
    interference: Matrix | None = None
    loading: float = 0

    def mixed(self, acquisition: Acquisition) -> Acquisition:
        """The acquisition with its coils mixed, before anything is gridded."""
        return replace(acquisition, kspace=mix(self.mixing, acquisition.kspace, axis=1))

    def combined(self, coil_images: Complex, like: Complex | None = None) -> NDArray[np.float32]:
        """Magnitude images of coil images whose coils are mixed already.

        Args:
            coil_images: (slice, coil, row, column).
            like: other images of the same slices, whose coil vectors say how coils are combined; default: the images
                themselves, which without B-STAR is the root of the sum of squares.
        """
        pairs = zip(coil_images, coil_images if like is None else like, strict=True)
        return np.stack([combine(images, self._weights(model)) for images, model in pairs])

    def _weights(self, coil_images: Complex) -> Complex:
        """(coil, row, column), of unit length."""
        if self.interference is not None:
            return weights(coil_images, self.interference, self.loading)
        length = np.sqrt((np.abs(coil_images) ** 2).sum(axis=0))
        return np.asarray(coil_images / np.maximum(length, np.finfo(np.float32).tiny))


def from_kspace(settings: Destreak, acquisition: Acquisition, region: NDArray[np.bool_] | None = None) -> Remedy:
    """The remedy for an acquisition.

    Args:
        settings: method and strength.
        acquisition: with its streaks.
        region: (slice, row, column) within the field of view, True where interference is seen; default: the bright
            sources beyond the field of view, which readout oversampling keeps apart (remove_coils: streaks are what
            changes when fewer spokes make the images).

    Raises:
        InputError: too few coils, or a region that is empty, everything or without signal.
    """
    coils = _coils(acquisition.kspace.shape[1], settings)
    if settings.method == "none":
        return Remedy(np.eye(coils))
    matrix = acquisition.matrix
    if region is not None:
        return from_images(settings, coil_images(acquisition, matrix), region)
    if settings.method == "remove_coils":
        return _selection(coils, _spoke_ratios(acquisition), settings)
    wide = coil_images(acquisition, OVERSAMPLING * matrix)
    magnitude = root_sum_of_squares(wide)
    return _of_covariance(settings, coil_covariance(wide, beyond_view(magnitude, matrix)))


def from_images(settings: Destreak, images: Complex, region: NDArray[np.bool_] | None = None) -> Remedy:
    """The remedy for finished complex coil images.

    Args:
        settings: method and strength.
        images: (slice, coil, row, column).
        region: (slice, row, column), True where interference is seen; default: streaks in the corners of the view.

    Raises:
        InputError: too few coils, or a region that is empty, everything or without signal.
    """
    coils = _coils(images.shape[1], settings)
    if settings.method == "none":
        return Remedy(np.eye(coils))
    if region is not None and (not region.any() or region.all()):
        what = "whole image" if region.all() else "mask is empty"
        raise InputError(
            f"interference region: the {what}; accepted: a mask that is 1 where streaks are and 0 elsewhere"
        )
    magnitude = root_sum_of_squares(images)
    if region is not None and not magnitude[region].any():
        raise InputError("interference region: no signal in it; accepted: a mask that is 1 where streaks are seen")
    seen = corners(magnitude) if region is None else region
    if settings.method == "remove_coils":
        ratios = background_ratios(images, seen) if seen.any() else np.ones(coils)
        return _selection(coils, ratios, settings)
    return _of_covariance(settings, coil_covariance(images, seen))


def coil_images(acquisition: Acquisition, matrix: int, spokes: slice = slice(None)) -> Complex:
    """Composite images of each coil, of all spokes or some: (slice, coil, matrix, matrix)."""
    trajectory = acquisition.trajectory
    uses = np.zeros(trajectory.points.shape[:2], dtype=bool)
    uses[spokes] = True
    weighting = density(trajectory, uses)
    return np.stack([grid(each, trajectory.points, weighting, matrix) for each in acquisition.kspace])


def _of_covariance(settings: Destreak, covariance: Matrix) -> Remedy:
    if settings.method == "bstar":
        return Remedy(np.eye(len(covariance)), covariance, settings.loading)
    return Remedy(null_projection(interference_subspace(covariance, settings.energy)))


def _selection(coils: int, ratios: NDArray[np.float64], settings: Destreak) -> Remedy:
    return Remedy(np.eye(coils)[kept_coils(ratios, settings.threshold)])


def _spoke_ratios(acquisition: Acquisition) -> NDArray[np.float64]:
    # Every second spoke: golden angles stay evenly spread, and all echoes take part.
    whole = coil_images(acquisition, acquisition.matrix)
    return streak_ratios(whole, coil_images(acquisition, acquisition.matrix, slice(None, None, 2)))


def _coils(count: int, settings: Destreak) -> int:
    if settings.method != "none" and count < FEWEST_COILS:
        raise InputError(
            f"{count} coils are too few for destreak.method {settings.method}; accepted: {FEWEST_COILS} or more, or "
            "method none"
        )
    return count
