"""Shapes in mm, painted in order onto a smoothly deformed grid: the geometry of the phantoms.

Positions are (x, y, z) in mm in the patient's frame: x grows to the right, y to the front, z to the head (RAS+).
A shape tells how deep a point lies beneath its surface; a scene is a list of parts, and later parts cover earlier ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from fewlabel.cohorts.phantom_signal import Tissue

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]
Point = tuple[float, float, float]
Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

ENDLESS = 1e5
"""Half-axis in mm of a shape that leaves the field of view."""
REACH = 3.5
"""Standard deviations of a surface's roughness that bounding boxes allow for."""
BLOCK = 8
"""Side, in grid points, of the blocks whose bounds tell where a shape can lie."""


class Shape(Protocol):
    """Anything that can be painted."""

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Depth of points beneath the surface, about in mm near it; positive inside."""

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of a box, sides along the axes, that holds the shape."""


@dataclass(frozen=True)
class Ellipsoid:
    """A superellipsoid.

    Attributes:
        centre: mm.
        radii: half-axes in mm.
        turn: rotation about x, y and z in degrees, applied in this order.
        power: 2 is an ellipsoid, larger is boxier.
    """

    centre: Point
    radii: Point
    turn: Point = (0.0, 0.0, 0.0)
    power: float = 2.0

    def _rotation(self) -> NDArray[np.float64]:
        rotation: NDArray[np.float64] = Rotation.from_euler("xyz", self.turn, degrees=True).as_matrix()
        return rotation

    def depth(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """See `Shape.depth`."""
        own_axes = (self._rotation() / np.asarray(self.radii)).T.astype(np.float32)
        shift = own_axes @ np.asarray(self.centre, dtype=np.float32)
        total = np.zeros_like(x)
        for row, origin in zip(own_axes, shift, strict=True):
            along = row[0] * x + row[1] * y + row[2] * z - origin
            # numpy has fast paths for the exponents 0.5, 1 and 2 that remain here
            total += np.square(along) * np.abs(along) ** (self.power - 2) if self.power != 2 else np.square(along)
        return np.asarray((1 - total) * (min(self.radii) / self.power), dtype=np.float32)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Shape.box`."""
        reach = np.abs(self._rotation()) @ np.asarray(self.radii)
        return np.asarray(self.centre) - reach, np.asarray(self.centre) + reach


@dataclass(frozen=True)
class Capsule:
    """A rod with round ends; radii in mm may differ between its two ends."""

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
    """Several shapes melted into one; `blend` in mm is how far apart surfaces still melt."""

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
class Part:
    """A shape and what it is made of.

    Attributes:
        tissue: what is painted.
        shape: where.
        over: only tissues that may be covered; empty: all.
        bumps: roughness of the surface in mm (one standard deviation); its sign turns bumps into dents.
    """

    tissue: Tissue
    shape: Shape
    over: frozenset[Tissue] = frozenset()
    bumps: float = 0.0


@dataclass(frozen=True)
class Scene:
    """All that is known of a subject's anatomy, independent of any grid.

    Attributes:
        parts: painted in this order.
        low, high: corners of the field of view in mm.
        warps: (distance of control points in mm, displacement in mm) of each scale of the deformation.
        bump_mm: distance of control points of the surface roughness.
    """

    parts: list[Part]
    low: Point
    high: Point
    warps: tuple[tuple[float, float], ...]
    bump_mm: float


@dataclass(frozen=True)
class SmoothField:
    """A random cubic B-spline over a box, mean 0 and standard deviation about 1, that any grid may sample."""

    coefficients: Floats
    low: Point
    spacing: float

    @classmethod
    def draw(cls, rng: np.random.Generator, low: Point, high: Point, spacing: float) -> "SmoothField":
        """A field on the box from low to high (mm) with control points every `spacing` mm."""
        extent = np.subtract(high, low)
        count = np.ceil(extent / spacing).astype(int) + 3
        # A cubic B-spline basis has a mean square sum of 0.479 an axis: this brings the deviation back to 1.
        coefficients = rng.standard_normal(count) / 0.479**1.5
        return cls(coefficients.astype(np.float32), low, spacing)

    def on(self, axes: Axes) -> Floats:
        """Values at the grid points, shape (len(x), len(y), len(z)); all within the box."""
        bases = [self._basis(i, axis) for i, axis in enumerate(axes)]
        values = np.tensordot(self.coefficients, bases[2], axes=(2, 1))
        values = np.tensordot(bases[1], values, axes=(1, 1))  # (y, control x, z)
        return np.ascontiguousarray(np.tensordot(bases[0], values, axes=(1, 1)), dtype=np.float32)

    def _basis(self, dimension: int, axis: NDArray[np.float64]) -> Floats:
        count = self.coefficients.shape[dimension]
        knots = self.low[dimension] + self.spacing * np.arange(-3, count + 1)
        return np.asarray(BSpline.design_matrix(axis, knots, 3).toarray(), dtype=np.float32)


@dataclass
class Canvas:
    """Labels of a grid in the making.

    Attributes:
        moved: where in the undeformed anatomy each grid point lies: x, y and z, each of the grid's shape.
        bumps: surface roughness, deviation 1.
        labels: tissue of each point.
    """

    moved: tuple[Floats, Floats, Floats]
    bumps: Floats
    labels: Labels = field(init=False)
    _lows: list[Floats] = field(init=False)
    _highs: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.bumps.shape, dtype=np.uint8)
        self._lows = [_blockwise(np.minimum, moved) for moved in self.moved]
        self._highs = [_blockwise(np.maximum, moved) for moved in self.moved]

    def paint(self, part: Part) -> None:
        """Cover the points within the part's shape."""
        window = self._window(part)
        if window is None:
            return
        x, y, z = (moved[window] for moved in self.moved)
        inside = part.shape.depth(x, y, z) + np.float32(part.bumps) * self.bumps[window] > 0
        if part.over:
            inside &= np.isin(np.arange(256), [int(tissue) for tissue in part.over])[self.labels[window]]
        self.labels[window][inside] = part.tissue

    def _window(self, part: Part) -> tuple[slice, slice, slice] | None:
        """Part of the grid beyond which the shape cannot reach."""
        low, high = part.shape.box()
        slack = REACH * abs(part.bumps)
        touched = np.ones(self._lows[0].shape, dtype=bool)
        for lows, highs, start, stop in zip(self._lows, self._highs, low - slack, high + slack, strict=True):
            touched &= (highs >= start) & (lows <= stop)
        if not touched.any():
            return None
        blocks = [np.flatnonzero(touched.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        x, y, z = (slice(BLOCK * int(axis[0]), BLOCK * (int(axis[-1]) + 1)) for axis in blocks)
        return x, y, z


def _blockwise(extreme: np.ufunc, values: Floats) -> Floats:
    """Least or largest value of each block of grid points."""
    for axis, length in enumerate(values.shape):
        values = extreme.reduceat(values, np.arange(0, length, BLOCK), axis=axis)
    return values


def paint(scene: Scene, axes: Axes, rng: np.random.Generator) -> Labels:
    """Tissue of every grid point.

    Args:
        scene: the anatomy.
        axes: positions along x, y and z in mm, rising or falling, within the scene's field of view.
        rng: source of the deformation and the roughness; the same state gives the same anatomy on any grid.

    Returns:
        Values of `Tissue`, shape (len(x), len(y), len(z)).
    """
    bumps = SmoothField.draw(rng, scene.low, scene.high, scene.bump_mm).on(axes)
    grid = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij")
    for points in grid:
        for spacing, amount in scene.warps:
            points += np.float32(amount) * SmoothField.draw(rng, scene.low, scene.high, spacing).on(axes)
    canvas = Canvas((grid[0], grid[1], grid[2]), bumps)
    for part in scene.parts:
        canvas.paint(part)
    return canvas.labels


# ------------------------------------------------------------------------------------------------------- shorthands
def tube(points: Sequence[Point], radii: Sequence[float]) -> list[Capsule]:
    """A bent tube through points (mm) with a radius (mm) at each."""
    links = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return [Capsule(start, end, first, last) for start, end, first, last in links]


def parts(tissue: Tissue, shapes: Iterable[Shape], over: Iterable[Tissue] = (), bumps: float = 0.0) -> list[Part]:
    """Several shapes of one tissue."""
    return [Part(tissue, shape, frozenset(over), bumps) for shape in shapes]


def around(rng: np.random.Generator, mean: float, share: float) -> float:
    """A positive size about `mean`, log-normal with relative deviation `share`, at most 2.5 deviations away."""
    return float(mean * np.exp(share * np.clip(rng.standard_normal(), -2.5, 2.5)))


def near(rng: np.random.Generator, point: Point, spread: float) -> Point:
    """A point about `spread` mm (one deviation an axis, at most 2.5) away."""
    x, y, z = np.asarray(point) + spread * np.clip(rng.standard_normal(3), -2.5, 2.5)
    return float(x), float(y), float(z)
