"""Paint a scene onto a smoothly deformed grid.

Positions are (x, y, z) in mm in the patient's frame: x to the right, y to the front, z to the head (RAS+).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from fewlabel.data.phantoms.shapes import PaintedShape, Point, Scene
from fewlabel.data.phantoms.signal import Floats

Labels = NDArray[np.uint8]
Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

BUMP_DEVIATIONS = 3.5
"""Margin of bounding boxes for rough surfaces, in standard deviations of the roughness."""
BLOCK = 8
"""Side of the blocks whose bounds are compared with those of shapes, in grid points."""


@dataclass(frozen=True)
class SmoothField:
    """A random cubic B-spline over a box, with mean 0 and standard deviation about 1, for any grid."""

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
        """Values at grid points inside the box, shape (len(x), len(y), len(z))."""
        bases = [self._basis(i, axis) for i, axis in enumerate(axes)]
        values = np.tensordot(self.coefficients, bases[2], axes=(2, 1))
        values = np.tensordot(bases[1], values, axes=(1, 1))  # (y, control x, z)
        return np.ascontiguousarray(np.tensordot(bases[0], values, axes=(1, 1)), dtype=np.float32)

    def _basis(self, dimension: int, axis: NDArray[np.float64]) -> Floats:
        count = self.coefficients.shape[dimension]
        knots = self.low[dimension] + self.spacing * np.arange(-3, count + 1)
        return np.asarray(BSpline.design_matrix(axis, knots, 3).toarray(), dtype=np.float32)


@dataclass
class PhantomCanvas:
    """A grid of tissues to paint on."""

    # position of each grid point in the undeformed anatomy: x, y and z, each of the grid's shape
    moved: tuple[Floats, Floats, Floats]
    bumps: Floats  # surface roughness, with standard deviation 1
    labels: Labels = field(init=False)  # tissue of each point
    _lows: list[Floats] = field(init=False)
    _highs: list[Floats] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.bumps.shape, dtype=np.uint8)
        self._lows = [_blockwise(np.minimum, moved) for moved in self.moved]
        self._highs = [_blockwise(np.maximum, moved) for moved in self.moved]

    def paint(self, part: PaintedShape) -> None:
        """Set the tissue of the points inside a part."""
        window = self._window(part)
        if window is None:
            return
        x, y, z = (moved[window] for moved in self.moved)
        depth = part.shape.depth(x, y, z)
        if part.bumps:
            depth += np.float32(part.bumps) * self.bumps[window]
        inside = depth > 0
        if part.over:
            inside &= np.isin(np.arange(256), [int(tissue) for tissue in part.over])[self.labels[window]]
        self.labels[window][inside] = part.tissue

    def _window(self, part: PaintedShape) -> tuple[slice, slice, slice] | None:
        """The part of the grid that can contain the shape."""
        low, high = part.shape.box()
        slack = BUMP_DEVIATIONS * abs(part.bumps)
        touched = np.ones(self._lows[0].shape, dtype=bool)
        for lows, highs, start, stop in zip(self._lows, self._highs, low - slack, high + slack, strict=True):
            touched &= (highs >= start) & (lows <= stop)
        if not touched.any():
            return None
        blocks = [np.flatnonzero(touched.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        x, y, z = (slice(BLOCK * int(axis[0]), BLOCK * (int(axis[-1]) + 1)) for axis in blocks)
        return x, y, z


def _blockwise(extreme: np.ufunc, values: Floats) -> Floats:
    """Smallest or largest value of each block of grid points."""
    for axis, length in enumerate(values.shape):
        values = extreme.reduceat(values, np.arange(0, length, BLOCK), axis=axis)
    return values


def paint(scene: Scene, axes: Axes, rng: np.random.Generator) -> Labels:
    """Paint a scene; return values of `Tissue`, shape (len(x), len(y), len(z)).

    Args:
        axes: positions along x, y and z in mm, rising or falling, within the scene's field of view.
        rng: generator of the deformation and the roughness; the same state gives the same anatomy on any grid.
    """
    bumps = SmoothField.draw(rng, scene.low, scene.high, scene.bump_mm).on(axes)
    grid = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij")
    for points in grid:
        for spacing, amount in scene.warps:
            points += np.float32(amount) * SmoothField.draw(rng, scene.low, scene.high, spacing).on(axes)
    canvas = PhantomCanvas((grid[0], grid[1], grid[2]), bumps)
    for part in scene.parts:
        canvas.paint(part)
    return canvas.labels
