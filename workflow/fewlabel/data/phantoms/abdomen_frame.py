"""Body of the abdomen phantom: body wall, lungs and heart, muscles, bones, great vessels.

Positions are in mm from the middle of the body, (x, y, z) to the right, the front and the head.
"""

from dataclasses import dataclass

import numpy as np

from fewlabel.data.phantoms.shapes import ENDLESS, Capsule, Ellipsoid, PaintedShape, Shape, around, near, parts, tube
from fewlabel.data.phantoms.signal import Tissue

INSIDE = (Tissue.VISCERAL_FAT,)
"""Tissues that organs of the abdominal cavity are painted over."""
SIDES = (1, -1)


@dataclass(frozen=True)
class AbdomenFrame:
    """What the organs' places depend on, in mm."""

    # width, depth: half-axes of the abdominal cavity along x and y
    width: float
    depth: float
    # wall, fat: thickness of the muscles around it, and of the subcutaneous fat
    wall: float
    fat: float
    dome: float  # height of the right diaphragm's top
    spine: float  # y of the middle of the vertebral bodies
    size: float  # relative size of the organs

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "AbdomenFrame":
        """A person."""
        build = around(rng, 1, 0.05)
        depth = around(rng, 92, 0.07) * build
        return cls(
            width=around(rng, 130, 0.05) * build,
            depth=depth,
            wall=around(rng, 12, 0.2),
            fat=min(around(rng, 15, 0.45), 32),
            dome=75 + rng.uniform(-5, 5),
            spine=30 - depth,
            size=around(rng, 1, 0.07) * build,
        )


def background(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    """Tissues around and behind the organs; paint them first."""
    return [*_body(frame), *_heart(rng, frame), *_muscles(rng, frame)]


def skeleton(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    """Bones and great vessels, which dent the organs; paint them last."""
    return [*_spine(rng, frame), *_ribs(rng, frame), *_great_vessels(frame)]


def _body(frame: AbdomenFrame) -> list[PaintedShape]:
    width, depth = frame.width + frame.wall, frame.depth + frame.wall
    skin = Ellipsoid((0, -9, 0), (width + frame.fat, depth + 9 + frame.fat, ENDLESS), power=2.5)
    domes = []
    for side, height in ((1, frame.dome), (-1, frame.dome - 12)):
        radii = (0.66 * frame.width, 1.1 * frame.depth, height + 150)
        domes.append(Ellipsoid((side * 0.5 * frame.width, 0, -150), radii, power=3))
    belly = Ellipsoid((0, 0, -190), (2 * frame.width, 2 * frame.depth, 220), power=4)
    return [
        PaintedShape(Tissue.FAT, skin),
        PaintedShape(Tissue.MUSCLE, Ellipsoid((0, 3, 0), (width, depth, ENDLESS), power=2.5), bumps=1.0),
        PaintedShape(Tissue.LUNG, Ellipsoid((0, 3, 0), (frame.width, frame.depth, ENDLESS), power=2.5), bumps=0.7),
        *parts(Tissue.VISCERAL_FAT, [belly, *domes], (Tissue.LUNG,)),
    ]


def _heart(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    centre = near(rng, (-15, 0.3 * frame.depth, frame.dome + 25), 6)
    over = (Tissue.LUNG,)
    chamber = near(rng, (centre[0] + 8, centre[1] - 5, centre[2]), 4)
    return [
        *parts(Tissue.VISCERAL_FAT, [Ellipsoid(centre, (62, 50, 40), (0, 0, 35))], over, bumps=3),
        *parts(Tissue.MUSCLE, [Ellipsoid(centre, (54, 42, 38), (0, 0, 35))], (*over, Tissue.VISCERAL_FAT), bumps=2),
        PaintedShape(Tissue.BLOOD, Ellipsoid(chamber, (38, 28, 33), (0, 0, 35)), frozenset({Tissue.MUSCLE}), bumps=3),
    ]


def _muscles(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    back = [Ellipsoid((side * 32, 2 - frame.depth, 0), (28, 21, ENDLESS), (0, 0, -12 * side)) for side in SIDES]
    psoas: list[Shape] = []
    for side in SIDES:
        points = [(side * x, frame.spine + y, z) for x, y, z in ((22.0, -2.0, -10.0), (32, 0, -60), (42, 6, -190))]
        psoas += tube(points, [5, around(rng, 15, 0.15), around(rng, 22, 0.15)])
    crura = [tube([(side * 14, frame.spine + 20, 40), (side * 10, frame.spine + 22, -50)], [7, 4])[0] for side in SIDES]
    streaks = [Ellipsoid((side * 22, -frame.depth - 4, 0), (1.5, 18, ENDLESS), (0, 0, -35 * side)) for side in SIDES]
    return [
        *parts(Tissue.MUSCLE, back, bumps=1.5),
        *parts(Tissue.FAT, streaks, (Tissue.MUSCLE,), bumps=1),
        *parts(Tissue.MUSCLE, psoas, INSIDE, bumps=1.5),
        *parts(Tissue.MUSCLE, crura, INSIDE, bumps=1),
    ]


def _spine(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    y, period, shift = frame.spine, around(rng, 33, 0.06), rng.uniform(0, 33)
    levels = [shift + period * k for k in range(-8, 6)]
    bodies = [Ellipsoid((0, y, z), (22, 17, 0.4 * period), power=4) for z in levels]
    marrow = [Ellipsoid((0, y, z), (20.5, 15.5, 0.37 * period), power=4) for z in levels]
    arches = [Ellipsoid((0, y - 44, z - 10), (4, 17, 9), (-20, 0, 0)) for z in levels]
    wings = [Ellipsoid((side * 22, y - 27, z), (17, 5, 6), (0, 0, 20 * side)) for z in levels for side in SIDES]
    return [
        PaintedShape(Tissue.DISC, Ellipsoid((0, y, 0), (20, 16, ENDLESS))),
        *parts(Tissue.BONE, [*bodies, *arches, *wings]),
        *parts(Tissue.MARROW, marrow),
        *parts(Tissue.MARROW, [Ellipsoid(arch.centre, (2.5, 15, 7), arch.turn) for arch in arches]),
        PaintedShape(Tissue.BONE, Ellipsoid((0, y - 25, 0), (13, 10, ENDLESS))),
        PaintedShape(Tissue.FLUID, Ellipsoid((0, y - 25, 0), (10, 7.5, ENDLESS))),
        PaintedShape(Tissue.NERVE, Ellipsoid((0, y - 25, 0), (5, 4, ENDLESS))),
    ]


def _ribs(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    over = (Tissue.MUSCLE, Tissue.FAT)
    spacing, shift = around(rng, 26, 0.08), rng.uniform(0, 26)
    width, depth = frame.width + 0.45 * frame.wall, frame.depth + 0.45 * frame.wall
    angles = np.linspace(-1.25, 1.0, 9)  # from the back to the front, 0 is the side
    painted: list[PaintedShape] = []
    for side in SIDES:
        for level in range(6):
            top = frame.dome + 75 - shift - spacing * level
            points = [
                (side * width * np.cos(a) ** 0.8, 3 + depth * np.sign(a) * abs(np.sin(a)) ** 0.8, top - 32 * (a + 1.25))
                for a in angles[: 9 - level // 2]
            ]
            shapes = tube(points, [5.5] * len(points))
            core = tube(points, [3.5] * len(points))
            painted += [*parts(Tissue.BONE, shapes, over), *parts(Tissue.MARROW, core, (Tissue.BONE,))]
    return painted


def _great_vessels(frame: AbdomenFrame) -> list[PaintedShape]:
    aorta = [Capsule((-13, frame.spine + 26, -200), (-15, frame.spine + 22, 200), 9, 12)]
    lower = Capsule((20, frame.spine + 24, -200), (22, frame.spine + 32, 10), 10, 11)
    upper = Capsule((22, frame.spine + 32, 10), (16, frame.spine + 42, 130), 11, 13)
    return [
        *parts(Tissue.MUSCLE, [Capsule(v.start, v.end, v.start_radius + 1.5, v.end_radius + 1.5) for v in aorta]),
        *parts(Tissue.BLOOD, [*aorta, lower, upper]),
    ]
