"""The male pelvis phantom, with the prostate as target.

Positions are in mm from the middle of the prostate, (x, y, z) to the right, the front and the head.
"""

import numpy as np

from fewlabel.data.phantoms.pelvis_frame import SIDES, SOFT, PelvisFrame, background
from fewlabel.data.phantoms.shapes import (
    Capsule,
    Ellipsoid,
    PaintedShape,
    Scene,
    Shape,
    Union,
    around,
    near,
    parts,
    tube,
)
from fewlabel.data.phantoms.signal import Tissue

TARGET = frozenset(
    {
        Tissue.PERIPHERAL_ZONE,
        Tissue.TRANSITION_ZONE,
        Tissue.STROMA,
        Tissue.BRIGHT_NODULE,
        Tissue.DARK_NODULE,
        Tissue.PROSTATE_LESION,
    }
)
"""Tissues of the mask: both zones of the prostate and their contents."""


def pelvis(rng: np.random.Generator) -> Scene:
    """A random male pelvis with a field of view 180 to 200 mm square and 82 to 100 mm high."""
    frame = PelvisFrame.draw(rng)
    organs = [
        *background(rng, frame),
        *_bowel(rng, frame),
        *_rectum(rng, frame),
        *_bladder(rng, frame),
        *_perineum(rng, frame),
        *_seminal_vesicles(rng, frame),
        *_prostate(rng, frame),
    ]
    half = rng.uniform(90, 100)
    x, y, z = rng.uniform(-9, 9), rng.uniform(-14, 8), rng.uniform(-6, 9)
    height = rng.uniform(82, 100) / 2
    low, high = (x - half, y - half, z - height), (x + half, y + half, z + height)
    return Scene(organs, low, high, ((55.0, 3.5), (25.0, 1.3)), 9.0)


def _bowel(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    painted: list[PaintedShape] = []
    for _ in range(int(rng.integers(3, 8))):
        start = (rng.uniform(-45, 45), rng.uniform(-30, 55), frame.prostate[2] + rng.uniform(18, 50))
        points = [start, near(rng, start, 13), near(rng, start, 20)]
        radii = [around(rng, 11, 0.2) for _ in points]
        over = (Tissue.VISCERAL_FAT,)
        content = (Tissue.BOWEL_FLUID, Tissue.BOWEL_CHYME, Tissue.BOWEL_CHYME, Tissue.AIR)[rng.integers(4)]
        painted += parts(Tissue.BOWEL_WALL, tube(points, radii), over, bumps=0.6)
        painted += parts(content, tube(points, [radius - 2.5 for radius in radii]), (Tissue.BOWEL_WALL,), bumps=0.6)
    return painted


def _rectum(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    r, y, rz = frame.rectum, frame.rectum_y, frame.prostate[2]
    points = [
        (0.0, frame.rectum_y + 4, -rz - 60),
        (0.0, y + 0.2 * r, -rz - 18),
        near(rng, (0, y, -5), 2),
        near(rng, (0, y - 8, rz + 8), 4),
        near(rng, (0, y - 14, rz + 50), 9),
    ]
    radii = [11, 12, r, around(rng, r, 0.15), around(rng, r, 0.15)]
    wall = Union(tuple(tube(points, radii)), 4)
    lumen = Union(tuple(tube(points, [1, 3, *(radius - 3.5 for radius in radii[2:])])), 4)
    over = (Tissue.RECTUM_WALL,)
    gas = Ellipsoid((0, y + rng.uniform(-0.6, 1.2) * r + 40, 0), (60, 40, 90), power=4)
    return [
        *parts(Tissue.RECTUM_WALL, [wall], bumps=0.6),
        *parts(Tissue.RECTUM_CONTENT, [lumen], over, bumps=1.2),
        *parts(Tissue.AIR, [gas], (Tissue.RECTUM_CONTENT,), bumps=0.5),
    ]


def _bladder(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    _, ry, rz = frame.prostate
    radii = (around(rng, 36, 0.2), around(rng, 30, 0.2), around(rng, 27, 0.35))
    centre = near(rng, (0, 0.35 * ry + 8, 0.75 * rz + radii[2]), 3)
    lumen = Ellipsoid(centre, radii, (rng.uniform(-10, 25), 0, 0), 2.5)
    over = (*SOFT, Tissue.SLOW_BLOOD, Tissue.BOWEL_WALL, Tissue.BOWEL_FLUID, Tissue.BOWEL_CHYME, Tissue.AIR)
    return [
        *parts(Tissue.BLADDER_WALL, [lumen.grown(around(rng, 4, 0.3))], over, bumps=0.6),
        *parts(Tissue.URINE, [lumen], (Tissue.BLADDER_WALL,), bumps=0.8),
    ]


def _perineum(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    rz = frame.prostate[2]
    bulb = near(rng, (0, 6, -rz - 24), 3)
    sphincter = Capsule((0, 2, -rz - 14), (0, 0, -rz), 8, 8)
    urethra = Capsule((0, 2, -rz - 16), (0, 0, -rz), 2.5, 2.5)
    crura = [
        tube([(side * 30, 0, -rz - 32), (side * 12, 22, -rz - 24), (side * 5, 34, -rz - 22)], [7, 7, 6])
        for side in SIDES
    ]
    return [
        *parts(Tissue.MUSCLE, [sphincter]),
        *parts(Tissue.PENILE_BULB, [Ellipsoid(bulb, (12, 15, 12))], bumps=0.6),
        *parts(Tissue.PENILE_BULB, [urethra, *crura[0], *crura[1]], (*SOFT, Tissue.MUSCLE), bumps=0.5),
    ]


def _seminal_vesicles(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    _, ry, rz = frame.prostate
    over = (*SOFT, Tissue.BLADDER_WALL)
    painted: list[PaintedShape] = []
    for side in SIDES:
        reach, lift, thick = around(rng, 30, 0.2), rng.uniform(2, 16), around(rng, 4.2, 0.25)
        turns = np.linspace(0.1, 1, 8)
        points = [
            near(rng, (side * (3 + reach * t), -ry * (0.75 - 0.1 * t), 0.8 * rz + 3 + lift * t + 3.5 * (-1) ** k), 1.2)
            for k, t in enumerate(turns)
        ]
        sheath = Union(tuple(tube(points, [thick + 1] * 8)), 2)
        lumen = tube(points, [around(rng, thick - 0.8, 0.2) for _ in points])
        painted += parts(Tissue.CAPSULE, [sheath], over, bumps=0.5)
        painted += parts(Tissue.SEMINAL_VESICLE, lumen, (Tissue.CAPSULE,), bumps=0.4)
    return painted


def _prostate(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    rx, ry, rz = frame.prostate
    skew = rng.normal(0, 0.04)
    turn = (rng.uniform(-18, 2), rng.uniform(-5, 5), rng.uniform(-5, 5))
    middle = Ellipsoid((0, 0, 0.1 * rz), (rx, ry, 0.9 * rz), turn, 2.5)
    horns: list[Shape] = [
        Ellipsoid((side * 0.42 * rx, -0.2 * ry, 0), (0.55 * rx * (1 + side * skew), 0.72 * ry, 0.75 * rz))
        for side in SIDES
    ]
    apex = Ellipsoid((0, 0, -0.6 * rz), (0.6 * rx, 0.66 * ry, 0.42 * rz))
    gland = Union((middle, *horns, apex), 3)
    return [
        PaintedShape(Tissue.CAPSULE, middle.grown(1.3), bumps=0.5),
        PaintedShape(Tissue.PERIPHERAL_ZONE, gland, bumps=0.6),
        *_transition_zone(rng, frame),
        *_lesion(rng, frame),
    ]


def _transition_zone(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    rx, ry, rz = frame.prostate
    zone, within = frame.zone, (Tissue.TRANSITION_ZONE,)
    lobes = [
        Ellipsoid(
            near(rng, (side * 0.3 * rx, 0.26 * ry, 0.18 * rz), 1),
            (0.48 * rx * zone * around(rng, 1, 0.08), 0.68 * ry * zone, 0.68 * rz * zone),
        )
        for side in SIDES
    ]
    rim = [lobe.grown(1.1) for lobe in lobes]
    stroma = Ellipsoid((0, 0.92 * ry, 0), (around(rng, 0.42, 0.2) * rx, 0.26 * ry, 0.75 * rz))
    urethra = Capsule((0, 0.35 * ry, rz), (0, 0.05 * ry, -rz), 2.6, 2.2)
    zones = (Tissue.PERIPHERAL_ZONE, Tissue.TRANSITION_ZONE)
    return [
        *parts(Tissue.STROMA, rim, zones, bumps=0.5),
        *parts(Tissue.TRANSITION_ZONE, lobes, (Tissue.PERIPHERAL_ZONE, Tissue.STROMA), bumps=0.6),
        *_nodules(rng, lobes, within),
        *parts(Tissue.STROMA, [stroma, urethra], (*zones, Tissue.BRIGHT_NODULE, Tissue.DARK_NODULE), bumps=0.8),
    ]


def _nodules(rng: np.random.Generator, lobes: list[Ellipsoid], within: tuple[Tissue, ...]) -> list[PaintedShape]:
    painted: list[PaintedShape] = []
    for lobe in lobes:
        for _ in range(int(rng.integers(1, 6))):
            place = np.asarray(lobe.centre) + 0.55 * np.asarray(lobe.radii) * np.clip(rng.standard_normal(3), -1, 1)
            radius = around(rng, 4.5, 0.35)
            tissue = Tissue.BRIGHT_NODULE if rng.random() < 0.5 else Tissue.DARK_NODULE
            over = (*within, Tissue.BRIGHT_NODULE, Tissue.DARK_NODULE)
            centre = tuple(place)
            painted += parts(Tissue.STROMA, [Ellipsoid(centre, (radius + 0.8,) * 3)], over, bumps=0.5)
            painted += parts(tissue, [Ellipsoid(centre, (radius, radius, 1.1 * radius))], (Tissue.STROMA,), bumps=0.5)
    return painted


def _lesion(rng: np.random.Generator, frame: PelvisFrame) -> list[PaintedShape]:
    if rng.random() < 0.55:
        return []
    rx, ry, rz = frame.prostate
    centre = near(rng, (rng.choice(SIDES) * 0.55 * rx, -0.55 * ry, rng.uniform(-0.5, 0.4) * rz), 2)
    shape = Ellipsoid(centre, (around(rng, 7, 0.3), around(rng, 4.5, 0.3), around(rng, 6, 0.3)))
    return parts(Tissue.PROSTATE_LESION, [shape], (Tissue.PERIPHERAL_ZONE,), bumps=1)
