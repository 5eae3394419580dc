"""The abdomen phantom, from the lung bases to the bowel, with the liver as target.

Sizes are those of adults in anatomical atlases, with wide variation. Positions are in mm from the middle of the body,
(x, y, z) to the right, the front and the head.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fewlabel.data.phantoms.abdomen_frame import INSIDE, SIDES, AbdomenFrame, background, skeleton
from fewlabel.data.phantoms.shapes import (
    Capsule,
    Ellipsoid,
    PaintedShape,
    Point,
    Scene,
    Union,
    around,
    near,
    parts,
    tube,
)
from fewlabel.data.phantoms.signal import Tissue

TARGET = frozenset({Tissue.LIVER, Tissue.LIVER_VESSEL, Tissue.LIVER_LESION})
"""Tissues of the mask: the whole liver."""


def abdomen(rng: np.random.Generator) -> Scene:
    """A random abdomen with a field of view 340 to 400 mm wide, 260 to 320 mm deep and 222 to 258 mm high."""
    frame = AbdomenFrame.draw(rng)
    organs = [
        *background(rng, frame),
        *_liver(rng, frame),
        *_spleen(rng, frame),
        *_kidneys(rng, frame),
        *_stomach(rng, frame),
        *_bowel(rng, frame),
        *_mesentery(rng, frame),
        *skeleton(rng, frame),
    ]
    width = np.clip(2 * (frame.width + frame.wall + frame.fat) + rng.uniform(15, 45), 340, 400) / 2
    depth = np.clip(2 * (frame.depth + frame.wall + frame.fat) + rng.uniform(25, 55), 260, 320) / 2
    x, y, top = rng.uniform(-8, 8), rng.uniform(-14, -4), frame.dome + rng.uniform(22, 44)
    low = (float(x - width), float(y - depth), float(top - rng.uniform(222, 258)))
    return Scene(organs, low, (float(x + width), float(y + depth), float(top)), ((75.0, 6.0), (35.0, 2.5)), 18.0)


def _liver(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    size, left = frame.size * around(rng, 0.93, 0.05), around(rng, 1, 0.2)
    z = frame.dome - 74 * size + rng.uniform(-6, 4)
    right = near(rng, (0.5 * frame.width, 0, z), 3)
    radii = (0.56 * frame.width * size, 0.85 * frame.depth * size, around(rng, 84, 0.05) * size)
    tip = Ellipsoid(
        (0.66 * frame.width, 2, z - around(rng, 42, 0.3)),
        (28 * size, 46 * size, 48 * size),
        (0, 10, rng.uniform(-15, 15)),
    )
    left_turn = (rng.uniform(-10, 10), rng.uniform(0, 20), rng.uniform(-15, 15))
    left_lobe = Ellipsoid(
        near(rng, (0.02 * frame.width, 0.42 * frame.depth, z + 26), 5), (66 * left, 35 * left, 36 * left), left_turn
    )
    caudate = Ellipsoid(near(rng, (10, frame.spine + 52, z + 20), 3), (18, 16, 26 * size))
    whole = Union((Ellipsoid(right, radii, (0, 8, rng.uniform(-8, 8)), 2.5), tip, left_lobe, caudate), blend=10)
    hollow = Ellipsoid(near(rng, (2, -6, z - 58), 7), (around(rng, 62, 0.12), 62, around(rng, 56, 0.1)), (0, 25, 0))
    fissure = Ellipsoid(near(rng, (8, 0.55 * frame.depth, z - 2), 4), (2.5, 26, around(rng, 32, 0.2)), (0, 0, -15))
    return [
        PaintedShape(Tissue.LIVER, whole, frozenset(INSIDE), bumps=around(rng, 2, 0.3)),
        *parts(Tissue.VISCERAL_FAT, [hollow], (Tissue.LIVER,), bumps=2.5),
        *parts(Tissue.VISCERAL_FAT, [fissure], (Tissue.LIVER,), bumps=0.7),
        *_liver_vessels(rng, frame, z),
        *_lesions(rng, frame, z),
        *_gallbladder(rng, frame, z),
    ]


def _liver_vessels(rng: np.random.Generator, frame: AbdomenFrame, z: float) -> list[PaintedShape]:
    hilum = near(rng, (22, frame.spine + 62, z - 12), 3)
    confluence = (18.0, frame.spine + 36, z + 52)
    vessels: list[Capsule] = []
    for target in ((70, -10, z - 5), (55, 25, z - 15), (-15, 40, z + 20)):  # portal branches: right twice, left
        vessels += _branches(rng, hilum, near(rng, target, 6), 5.0, 2)
    for target in ((85, -5, z + 5), (50, 40, z + 10), (-25, 35, z + 28)):  # hepatic veins
        vessels += _branches(rng, confluence, near(rng, target, 6), 4.5, 2)
    trunk = tube([(-15, hilum[1] - 12, z - 45), hilum], [6, 6])
    return [
        *parts(Tissue.VISCERAL_FAT, [Ellipsoid(hilum, (13, 11, 10))], (Tissue.LIVER,), bumps=1.5),
        *parts(Tissue.LIVER_VESSEL, vessels, (Tissue.LIVER,)),
        *parts(Tissue.BLOOD, trunk, INSIDE),
    ]


def _branches(rng: np.random.Generator, start: Point, end: Point, radius: float, order: int) -> list[Capsule]:
    """A bent vessel whose end forks `order` times into thinner and shorter ones."""
    middle = near(rng, tuple(np.mean([start, end], axis=0)), 4)
    vessel = tube([start, middle, end], [radius, 0.85 * radius, 0.7 * radius])
    if not order:
        return vessel
    ahead = 0.55 * np.subtract(end, middle)
    for _ in range(2):
        fork = near(rng, tuple(np.add(end, ahead)), 14)
        vessel += _branches(rng, end, fork, 0.7 * radius, order - 1)
    return vessel


def _lesions(rng: np.random.Generator, frame: AbdomenFrame, z: float) -> list[PaintedShape]:
    count = int(rng.integers(1, 6)) if rng.random() < 0.3 else 0
    spheres = []
    for _ in range(count):
        centre = near(rng, (0.5 * frame.width, 5, z + 5), 28)
        spheres.append(Ellipsoid(centre, tuple(around(rng, 7, 0.5) * np.array([1, 0.9, 1.1]))))
    return parts(Tissue.LIVER_LESION, spheres, (Tissue.LIVER,), bumps=0.6)


def _gallbladder(rng: np.random.Generator, frame: AbdomenFrame, z: float) -> list[PaintedShape]:
    if rng.random() < 0.15:  # removed
        return []
    centre = near(rng, (44, 0.4 * frame.depth, z - 42), 6)
    radii = (around(rng, 13, 0.2), around(rng, 17, 0.2), around(rng, 27, 0.2))
    shape = Ellipsoid(centre, radii, (25, rng.uniform(-20, 20), 0))
    return parts(Tissue.GALLBLADDER, [shape], (*INSIDE, Tissue.LIVER), bumps=0.6)


def _spleen(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    size = frame.size * around(rng, 1, 0.13) * (1.4 if rng.random() < 0.15 else 1)
    centre = near(rng, (-0.68 * frame.width, -0.38 * frame.depth, frame.dome - 52), 7)
    turn = (rng.uniform(-15, 15), rng.uniform(-25, 5), rng.uniform(-35, -5))
    body = Ellipsoid(centre, (27 * size, 44 * size, 46 * size), turn, power=2.5)
    dent = Ellipsoid((centre[0] + 38 * size, centre[1] + 14, centre[2] - 4), (24 * size, 26, 40 * size), turn)
    return [
        *parts(Tissue.SPLEEN, [body], INSIDE, bumps=1.5),
        *parts(Tissue.VISCERAL_FAT, [dent], (Tissue.SPLEEN,), bumps=1.5),
    ]


def _kidneys(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    painted: list[PaintedShape] = []
    absent = int(rng.choice(SIDES)) if rng.random() < 0.05 else 0
    for side, lower in ((1, 12.0), (-1, 0.0)):
        centre = near(rng, (side * 0.42 * frame.width, 0.62 * frame.spine - 16, -38 - lower), 6)
        size = frame.size * around(rng, 1, 0.08)
        turn = (rng.uniform(-12, 2), side * rng.uniform(-15, 0), side * rng.uniform(25, 50))
        radii = np.array([24, 28, 54]) * size
        capsule = Ellipsoid(centre, tuple(radii + around(rng, 9, 0.4)), turn)
        painted += parts(Tissue.VISCERAL_FAT, [capsule], (Tissue.LIVER, Tissue.SPLEEN), bumps=1)
        if side != absent:
            painted += _kidney(rng, centre, radii, turn, side)
    return painted


def _kidney(
    rng: np.random.Generator, centre: Point, radii: NDArray[np.float64], turn: Point, side: int
) -> list[PaintedShape]:
    cortex, medulla = Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA
    hilum = (centre[0] - 0.45 * side * radii[0], centre[1] + 0.25 * radii[1], centre[2])
    pelvis = Ellipsoid(near(rng, hilum, 2), (around(rng, 6, 0.4), 6, 10))
    return [
        *parts(cortex, [Ellipsoid(centre, tuple(radii), turn)], INSIDE, bumps=1),
        *parts(medulla, [Ellipsoid(centre, tuple(0.76 * radii), turn)], (cortex,), bumps=4),
        *parts(Tissue.VISCERAL_FAT, [Ellipsoid(hilum, tuple(0.5 * radii), turn)], (cortex, medulla), bumps=2.5),
        *parts(Tissue.FLUID, [pelvis], INSIDE, bumps=1),
    ]


def _stomach(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    full = around(rng, 1, 0.2)
    fundus = near(rng, (-0.42 * frame.width, 0.1 * frame.depth, frame.dome - 45), 6)
    bend = near(rng, (-0.42 * frame.width, 0.42 * frame.depth, frame.dome - 95), 9)
    antrum = near(rng, (12, 0.4 * frame.depth, frame.dome - 118), 9)
    radii = [38 * full, 27 * full, 13 * full]
    over = (*INSIDE, Tissue.STOMACH_WALL)
    content = (Tissue.STOMACH_CONTENT,)
    wall = tube([fundus, bend, antrum], radii)
    lumen = tube([fundus, bend, antrum], [radius - 4.5 for radius in radii])
    gas_level = fundus[1] + full * rng.uniform(8, 32)
    gas = Ellipsoid((fundus[0], gas_level + 100, fundus[2] - 50), (150, 100, 150), power=4)
    return [
        *parts(Tissue.STOMACH_WALL, [Union(tuple(wall), 8)], INSIDE, bumps=2),
        *parts(Tissue.STOMACH_CONTENT, [Union(tuple(lumen), 8)], over, bumps=3),
        *parts(Tissue.AIR, [gas], content),
        *_pancreas(rng, frame),
    ]


def _pancreas(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    y, z = frame.spine + 50, frame.dome - 105
    points = [
        near(rng, p, 4)
        for p in ((34.0, y - 4, z - 20), (5.0, y + 8, z), (-30.0, y - 4, z + 12), (-64.0, y - 28, z + 26))
    ]
    return parts(Tissue.PANCREAS, [Union(tuple(tube(points, [14, 9, 9, 7])), 5)], INSIDE, bumps=2.5)


def _bowel(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    x, y = 0.74 * frame.width, 0.5 * frame.depth
    right: list[Point] = [(x, -12, -180), (x, -5, -120), (0.7 * x, y, -75 + rng.uniform(-15, 15))]
    left: list[Point] = [(-x, -20, -180), (-x, -20, -80), (-0.9 * x, 0, -15 + rng.uniform(-15, 15))]
    across = [right[-1], near(rng, (0, 1.4 * y, -85), 10), left[-1]]
    colon = [segment for points in (right, across, left) for segment in _loop(rng, points, around(rng, 20, 0.15), 3)]
    painted = _lumens(rng, colon, 3, (Tissue.BOWEL_CHYME, Tissue.BOWEL_CHYME, Tissue.AIR))
    for _ in range(int(rng.integers(16, 44))):
        start = (rng.uniform(-0.75, 0.7) * frame.width, rng.uniform(-0.15, 0.8) * frame.depth, rng.uniform(-190, -40))
        ends = [start, near(rng, start, 24), near(rng, start, 34)]
        loop = _loop(rng, ends, around(rng, 15, 0.15), 2)
        painted += _lumens(rng, loop, 2.5, (Tissue.BOWEL_FLUID, Tissue.BOWEL_CHYME, Tissue.BOWEL_CHYME))
    return painted


def _mesentery(rng: np.random.Generator, frame: AbdomenFrame) -> list[PaintedShape]:
    """Small vessels in the fat."""
    twigs: list[Capsule] = []
    for _ in range(40):
        start = (rng.uniform(-0.7, 0.7) * frame.width, rng.uniform(-0.3, 0.8) * frame.depth, rng.uniform(-190, 50))
        twigs += tube([start, near(rng, start, 14)], [around(rng, 2.2, 0.3), 1.2])
    return parts(Tissue.BLOOD, twigs, INSIDE)


def _loop(rng: np.random.Generator, points: list[Point], radius: float, pieces: int) -> list[Capsule]:
    """A winding tube through the points, in pieces of varying radius."""
    path = [np.add(a, np.subtract(b, a) * k / pieces) for a, b in pairwise(points) for k in range(pieces)]
    bent = [near(rng, tuple(point), 4) for point in [*path, np.asarray(points[-1])]]
    return tube(bent, [around(rng, radius, 0.18) for _ in bent])


def _lumens(
    rng: np.random.Generator, loop: list[Capsule], wall: float, contents: tuple[Tissue, ...]
) -> list[PaintedShape]:
    painted = parts(Tissue.BOWEL_WALL, loop, INSIDE, bumps=0.8)
    for piece in loop:
        lumen = Capsule(piece.start, piece.end, piece.start_radius - wall, piece.end_radius - wall)
        tissue = contents[rng.integers(len(contents))]
        painted += parts(tissue, [lumen], (Tissue.BOWEL_WALL,), bumps=1.2)
    return painted
