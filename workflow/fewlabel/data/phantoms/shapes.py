"""Shapes of the phantoms, in mm.

Positions are (x, y, z) in mm in the patient's frame: x to the right, y to the front, z to the head (RAS+). A shape
gives the depth of points below its surface; a scene is a list of parts, and later parts cover earlier ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fewlabel.data.phantoms.signal import Floats, Tissue

Point = tuple[float, float, float]

ENDLESS = 1e5
"""Half-axis in mm of a shape that leaves the field of view."""
FAINT = 1e-4
"""Inverse half-axis in 1/mm below which an axis does not bound a shape."""


class Shape(Protocol):
    """A shape that can be painted."""

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Depth of points below the surface, about in mm near it; positive inside."""

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of a bounding box along the axes."""


@dataclass(frozen=True)
class Ellipsoid:
    """A superellipsoid."""

    centre: Point  # mm
    radii: Point  # half-axes in mm
    turn: Point = (0.0, 0.0, 0.0)  # rotation about x, y and z in degrees, applied in this order
    power: float = 2.0  # 2 is an ellipsoid, larger is boxier

    def grown(self, by: float) -> "Ellipsoid":
        """The shape with all half-axes longer by `by` mm."""
        x, y, z = self.radii
        return replace(self, radii=(x + by, y + by, z + by))

    def _rotation(self) -> NDArray[np.float64]:
        rotation: NDArray[np.float64] = Rotation.from_euler("xyz", self.turn, degrees=True).as_matrix()
        return rotation

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """See `Shape.depth`."""
        own_axes = (self._rotation() / np.asarray(self.radii)).T.astype(np.float32)
        shift = own_axes @ np.asarray(self.centre, dtype=np.float32)
        total = np.zeros_like(x)
        for row, origin in zip(own_axes, shift, strict=True):
            # Negligible terms are skipped: axes without rotation, and endless ones.
            terms = [weight * points for weight, points in zip(row, (x, y, z), strict=True) if abs(weight) > FAINT]
            if not terms:
                continue
            along = sum(terms[1:], start=terms[0] - origin)
            # NumPy has fast paths for the exponents 0.5, 1 and 2 that remain here.
            total += np.square(along) * np.abs(along) ** (self.power - 2) if self.power != 2 else np.square(along)
        return np.asarray((1 - total) * (min(self.radii) / self.power), dtype=np.float32)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Shape.box`."""
        reach = np.abs(self._rotation()) @ np.asarray(self.radii)
        return np.asarray(self.centre) - reach, np.asarray(self.centre) + reach


@dataclass(frozen=True)
class Capsule:
    """A rod with round ends and a radius in mm at each end."""

    start: Point
    end: Point
    start_radius: float
    end_radius: float

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """See `Shape.depth`."""
        start = np.asarray(self.start, dtype=np.float32)
        rod = np.asarray(self.end, dtype=np.float32) - start
        dx, dy, dz = x - start[0], y - start[1], z - start[2]
        along = (rod[0] * dx + rod[1] * dy + rod[2] * dz) / max(float(rod @ rod), 1e-6)
        np.clip(along, 0, 1, out=along)
        squared = (dx - along * rod[0]) ** 2 + (dy - along * rod[1]) ** 2 + (dz - along * rod[2]) ** 2
        radius = np.float32(self.start_radius) + np.float32(self.end_radius - self.start_radius) * along
        return np.asarray(radius - np.sqrt(squared), dtype=np.float32)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Shape.box`."""
        ends, radii = np.array([self.start, self.end]), np.array([[self.start_radius], [self.end_radius]])
        return (ends - radii).min(axis=0), (ends + radii).max(axis=0)


@dataclass(frozen=True)
class Union:
    """Several shapes merged smoothly; surfaces up to `blend` mm apart are blended."""

    shapes: tuple[Shape, ...]
    blend: float

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """See `Shape.depth`."""
        first, *others = self.shapes
        total = first.depth(x, y, z)
        for other in others:
            depth = other.depth(x, y, z)
            melted = np.maximum(self.blend - np.abs(total - depth), 0) ** 2 / (4 * self.blend)
            total = np.maximum(total, depth) + melted
        return np.asarray(total, dtype=np.float32)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Shape.box`."""
        lows, highs = zip(*(shape.box() for shape in self.shapes), strict=True)
        return np.min(lows, axis=0) - self.blend, np.max(highs, axis=0) + self.blend


@dataclass(frozen=True)
class PaintedShape:
    """A shape with its tissue."""

    tissue: Tissue
    shape: Shape  # the shape to paint
    over: frozenset[Tissue] = frozenset()  # tissues that may be covered; empty: all
    bumps: float = 0.0  # roughness of the surface in mm (standard deviation); a negative value inverts the bumps


@dataclass(frozen=True)
class Scene:
    """The anatomy of a subject, independent of any grid."""

    parts: list[PaintedShape]  # painted in this order
    # low, high: corners of the field of view in mm
    low: Point
    high: Point
    # (distance of control points in mm, displacement in mm) of each scale of the deformation
    warps: tuple[tuple[float, float], ...]
    bump_mm: float  # distance of control points of the surface roughness


def tube(points: Sequence[Point], radii: Sequence[float]) -> list[Capsule]:
    """A bent tube through points (mm) with a radius (mm) at each."""
    links = zip(pairwise(points), pairwise(radii), strict=True)
    return [Capsule(start, end, first, last) for (start, end), (first, last) in links]


def parts(
    tissue: Tissue, shapes: Iterable[Shape], over: Iterable[Tissue] = (), bumps: float = 0.0
) -> list[PaintedShape]:
    """Several shapes of one tissue."""
    return [PaintedShape(tissue, shape, frozenset(over), bumps) for shape in shapes]


def around(rng: np.random.Generator, mean: float, share: float) -> float:
    """Draw a positive size, log-normal with median `mean` and relative deviation `share`, clipped at 2.5 deviations."""
    return float(mean * np.exp(share * np.clip(rng.standard_normal(), -2.5, 2.5)))


def near(rng: np.random.Generator, point: Point, spread: float) -> Point:
    """Draw a point near another: normal with a deviation of `spread` mm an axis, clipped at 2.5 deviations."""
    x, y, z = np.asarray(point) + spread * np.clip(rng.standard_normal(3), -2.5, 2.5)
    return float(x), float(y), float(z)
