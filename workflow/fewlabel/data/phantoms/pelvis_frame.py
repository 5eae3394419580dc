"""Body of the male pelvis phantom: body wall, bones, muscles, vessels.

Positions are in mm from the middle of the prostate, (x, y, z) to the right, the front and the head.
"""

from dataclasses import dataclass

import numpy as np

from fewlabel.data.phantoms.shapes import (
    ENDLESS,
    Capsule,
    Ellipsoid,
    PaintedShape,
    Point,
    Shape,
    around,
    near,
    parts,
    tube,
)
from fewlabel.data.phantoms.signal import Tissue

SOFT = (Tissue.FAT, Tissue.VISCERAL_FAT)
"""Tissues that most organs are painted over."""
SIDES = (1, -1)


@dataclass(frozen=True)
class PelvisFrame:
    """What the organs' places depend on, in mm."""

    prostate: Point  # half-axes of the prostate along x, y and z
    zone: float  # relative size of the transition zone, 1 is average
    rectum: float  # radius of the rectum behind the prostate
    build: float  # relative size of the bony pelvis

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "PelvisFrame":
        """A man; large prostates have large transition zones."""
        size = around(rng, 1, 0.1)
        return cls(
            prostate=(around(rng, 23.5, 0.05) * size, around(rng, 17.5, 0.06) * size, around(rng, 21, 0.06) * size),
            zone=float(np.clip(size, 0.85, 1.15)) * around(rng, 1, 0.05),
            rectum=around(rng, 16, 0.25),
            build=around(rng, 1, 0.05),
        )

    @property
    def rectum_y(self) -> float:
        """Position of the rectum's middle along y."""
        return -(self.prostate[1] + self.rectum + 0.5)


def background(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    """Tissues around the organs; paint them first."""
    return [*_body(rng), *_bones(rng, frame), *_muscles(rng, frame), *_vessels(rng, frame)]


def _body(rng: np.random.Generator) -> list[PaintedShape]:
    front, back = around(rng, 84, 0.08), around(rng, 118, 0.06)
    skin = Ellipsoid((0, (front - back) / 2, 0), (185, (front + back) / 2, ENDLESS), power=2.5)
    wall = Ellipsoid((0, 0, 60), (120, front - around(rng, 16, 0.4), 90), power=2.5)
    # The wall is only in front; behind, bones and muscles bound the pelvis.
    inner = Ellipsoid((0, -40, 60), (135, wall.radii[1] + 31, 110), power=2.5)
    return [
        PaintedShape(Tissue.FAT, skin),
        PaintedShape(Tissue.MUSCLE, wall, bumps=1),
        PaintedShape(Tissue.VISCERAL_FAT, inner, bumps=1),
    ]


def _shelled(bone: list[Shape], marrow: list[Shape]) -> list[PaintedShape]:
    return [*parts(Tissue.BONE, bone, bumps=0.8), *parts(Tissue.MARROW, marrow, (Tissue.BONE,), bumps=0.4)]


def _ball(centre: Point, radii: Point, turn: Point = (0, 0, 0)) -> tuple[Ellipsoid, Ellipsoid]:
    """A bone with 2.5 mm of cortex, and its marrow."""
    bone = Ellipsoid(centre, radii, turn)
    return bone, bone.grown(-2.5)


def _bones(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    painted: list[PaintedShape] = []
    b, height = frame.build, rng.uniform(-8, 10)
    for side in SIDES:
        hip = (side * 90 * b, 14.0, 20 + height)
        sockets = [
            _ball((side * 75 * b, 6, 28 + height), (15 * b, 34, 38), (0, side * 15, -20 * side)),
            _ball((side * 58 * b, -30, -42 + height), (16 * b, 21, 33), (0, 0, 20 * side)),
        ]
        ramus = [
            (side * 66 * b, 26.0, 4 + height),
            (side * 34 * b, 47.0, -8 + height),
            (side * 14 * b, 47, -18 + height),
        ]
        lower = [(side * 12.0, 42.0, -26 + height), (side * 42 * b, -8.0, -58 + height)]
        bone = [shell for shell, _ in sockets] + tube(ramus, [13, 10, 13]) + tube(lower, [9, 9])
        marrow = [core for _, core in sockets] + tube(ramus, [10.5, 7.5, 10.5]) + tube(lower, [6.5, 6.5])
        painted += _shelled(list(bone), list(marrow))
        painted += parts(Tissue.BONE, [Ellipsoid(hip, (27.5 * b,) * 3)], bumps=0.4)
        painted += parts(Tissue.DISC, [Ellipsoid(hip, (25.5 * b,) * 3)], bumps=0.4)  # cartilage of the joint
        painted += parts(Tissue.BONE, [Ellipsoid(hip, (24 * b,) * 3)])
        painted += parts(Tissue.MARROW, [Ellipsoid(hip, (22.5 * b,) * 3)], bumps=0.4)
    painted += parts(Tissue.DISC, [Ellipsoid((0, 47, -18 + height), (3.5, 13, 19))])
    sacrum = tube(
        [(0, frame.rectum_y - 40, -22), (0, frame.rectum_y - 48, 10), (0, frame.rectum_y - 56, 60)], [4, 8, 20]
    )
    core = [Capsule(s.start, s.end, s.start_radius - 2, s.end_radius - 2) for s in sacrum]
    return [*painted, *_shelled(list(sacrum), list(core))]


def _muscles(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    b, thick = frame.build, around(rng, 1, 0.12)
    painted: list[PaintedShape] = []
    for side in SIDES:
        shapes = [
            Ellipsoid((side * 54 * b, 0, 8), (9 * thick, 38, 42), (0, side * 8, side * -12)),  # obturator internus
            Ellipsoid((side * 44 * b, 30, -42), (26, 13 * thick, 22), (0, 0, side * -35)),  # obturator externus
            Ellipsoid((side * 52 * b, 62, -36), (30, 15 * thick, 42), (0, 0, side * -25)),  # pectineus, adductors
            Ellipsoid((side * 78 * b, 52, 24), (20, 15 * thick, 60), (0, 0, side * -20)),  # iliopsoas
            Ellipsoid((side * 62 * b, -84, 0), (56, 20 * thick, 80), (0, 0, side * 28)),  # gluteus maximus
            Ellipsoid((side * 14, 72, 8), (13, 6, 30)),  # rectus
        ]
        streaks = [
            Ellipsoid(near(rng, (side * (44 + 17 * k) * b, -84, 0), 3), (0.6, 16, 50), (0, 0, side * 65))
            for k in range(3)
        ]
        over = (*SOFT, Tissue.MUSCLE)
        painted += [
            *parts(Tissue.MUSCLE, shapes, over, bumps=1),
            *parts(Tissue.FAT, streaks, (Tissue.MUSCLE,), bumps=1),
        ]
    return [*painted, *_levator(rng, frame)]


def _levator(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    """A funnel of muscle around prostate and rectum that closes towards the anus."""
    y, wide, bottom = frame.rectum_y * 0.6, frame.prostate[0] + around(rng, 11, 0.2), -frame.prostate[2] - 34
    thick = around(rng, 3.5, 0.15)
    slope = (wide - 12) / -bottom
    outer = Capsule((0, y, 0), (0, frame.rectum_y, bottom), wide, 12)
    inner = Capsule((0, y, 50), (0, frame.rectum_y, bottom), wide + 50 * slope - thick, 12 - thick)
    levator = frozenset({Tissue.STROMA})
    return [
        PaintedShape(Tissue.STROMA, outer, frozenset(SOFT), bumps=0.6),
        PaintedShape(Tissue.VISCERAL_FAT, inner, levator, bumps=0.6),
        PaintedShape(Tissue.MUSCLE, Capsule(outer.start, outer.end, wide + 4, 16), levator),
    ]


def _vessels(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    b, (rx, ry, rz) = frame.build, frame.prostate
    painted: list[PaintedShape] = []
    for side in SIDES:
        artery = Capsule((side * 56 * b, 66, -60), (side * 62 * b, 48, 60), 5, 5)
        vein = Capsule((side * 46 * b, 62, -60), (side * 52 * b, 42, 60), 6.5, 6.5)
        painted += parts(Tissue.BLOOD, [artery]) + parts(Tissue.SLOW_BLOOD, [vein])
        plexus = []
        for _ in range(int(rng.integers(5, 10))):
            angle, z = rng.uniform(-0.5, 1.4), rng.uniform(-0.8, 0.9) * rz
            start = (side * (rx + 5) * np.cos(angle), (ry + 6) * np.sin(angle), z)
            plexus += tube([start, near(rng, start, 7)], [around(rng, 2.4, 0.3), around(rng, 2.4, 0.3)])
        painted += parts(Tissue.SLOW_BLOOD, plexus, (Tissue.VISCERAL_FAT,), bumps=0.3)
    return painted
