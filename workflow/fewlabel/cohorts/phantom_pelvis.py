"""The male pelvis phantom, target the prostate.

Positions are mm from the middle of the prostate, (x, y, z) to the right, the front and the head.
"""

from dataclasses import dataclass

import numpy as np

from fewlabel.cohorts.phantom_shapes import (
    ENDLESS,
    Capsule,
    Ellipsoid,
    Part,
    Point,
    Scene,
    Shape,
    Union,
    around,
    near,
    parts,
    tube,
)
from fewlabel.cohorts.phantom_signal import Tissue

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
"""What the mask holds: both zones of the prostate and what lies in them."""
SOFT = (Tissue.FAT, Tissue.VISCERAL_FAT)
SIDES = (1, -1)


@dataclass(frozen=True)
class Frame:
    """What the organs' places depend on, in mm.

    Attributes:
        prostate: half-axes of the prostate along x, y and z.
        zone: relative size of the transition zone, 1 is average.
        rectum: radius of the rectum behind the prostate.
        build: relative size of the bony pelvis.
    """

    prostate: Point
    zone: float
    rectum: float
    build: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Frame":
        """A man; large prostates have large transition zones."""
        size = around(rng, 1, 0.12)
        return cls(
            prostate=(around(rng, 25, 0.05) * size, around(rng, 18.5, 0.06) * size, around(rng, 22.5, 0.07) * size),
            zone=float(np.clip(size, 0.85, 1.15)) * around(rng, 1, 0.05),
            rectum=around(rng, 16, 0.25),
            build=around(rng, 1, 0.05),
        )

    @property
    def rectum_y(self) -> float:
        """Where the middle of the rectum lies behind the middle of the prostate."""
        return -(self.prostate[1] + self.rectum + 0.5)


def pelvis(rng: np.random.Generator) -> Scene:
    """A random male pelvis.

    Args:
        rng: source of all of its sizes, places and shapes.

    Returns:
        A scene whose field of view is 180 to 200 mm square and 82 to 100 mm high.
    """
    frame = Frame.draw(rng)
    organs = [
        *_body(rng),
        *_bones(rng, frame),
        *_muscles(rng, frame),
        *_vessels(rng, frame),
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


def _body(rng: np.random.Generator) -> list[Part]:
    front, back = around(rng, 84, 0.08), around(rng, 118, 0.06)
    skin = Ellipsoid((0, (front - back) / 2, 0), (185, (front + back) / 2, ENDLESS), power=2.5)
    wall = Ellipsoid((0, 0, 60), (120, front - around(rng, 16, 0.4), 90), power=2.5)
    # The wall lies in front only: behind, bones and muscles bound the pelvis.
    inner = Ellipsoid((0, -40, 60), (135, wall.radii[1] + 31, 110), power=2.5)
    return [
        Part(Tissue.FAT, skin),
        Part(Tissue.MUSCLE, wall, bumps=1),
        Part(Tissue.VISCERAL_FAT, inner, bumps=1),
    ]


def _shelled(bone: list[Shape], marrow: list[Shape]) -> list[Part]:
    return [*parts(Tissue.BONE, bone, bumps=0.8), *parts(Tissue.MARROW, marrow, (Tissue.BONE,), bumps=0.4)]


def _ball(centre: Point, radii: Point, turn: Point = (0, 0, 0)) -> tuple[Ellipsoid, Ellipsoid]:
    """A bone and, beneath 2.5 mm of cortex, its marrow."""
    x, y, z = radii
    return Ellipsoid(centre, radii, turn), Ellipsoid(centre, (x - 2.5, y - 2.5, z - 2.5), turn)


def _bones(rng: np.random.Generator, frame: Frame) -> list[Part]:
    painted: list[Part] = []
    b, height = frame.build, rng.uniform(-8, 10)
    for side in SIDES:
        hip = (side * 90 * b, 14.0, 20 + height)
        sockets = [
            _ball((side * 75 * b, 6, 28 + height), (15 * b, 34, 38), (0, side * 15, -20 * side)),
            _ball((side * 58 * b, -30, -42 + height), (16 * b, 21, 33), (0, 0, 20 * side)),
        ]
        ramus = [(side * 66 * b, 26.0, 4 + height), (side * 34 * b, 47.0, -8 + height), (side * 14 * b, 47, -18 + height)]
        lower = [(side * 12.0, 42.0, -26 + height), (side * 42 * b, -8.0, -58 + height)]
        bone = [shell for shell, _ in sockets] + tube(ramus, [13, 10, 13]) + tube(lower, [9, 9])
        marrow = [core for _, core in sockets] + tube(ramus, [10.5, 7.5, 10.5]) + tube(lower, [6.5, 6.5])
        painted += _shelled(list(bone), list(marrow))
        painted += parts(Tissue.BONE, [Ellipsoid(hip, (27.5 * b,) * 3)], bumps=0.4)
        painted += parts(Tissue.DISC, [Ellipsoid(hip, (25.5 * b,) * 3)], bumps=0.4)  # cartilage of the joint
        painted += parts(Tissue.BONE, [Ellipsoid(hip, (24 * b,) * 3)])
        painted += parts(Tissue.MARROW, [Ellipsoid(hip, (22.5 * b,) * 3)], bumps=0.4)
    painted += parts(Tissue.DISC, [Ellipsoid((0, 47, -18 + height), (3.5, 13, 19))])
    sacrum = tube([(0, frame.rectum_y - 40, -22), (0, frame.rectum_y - 48, 10), (0, frame.rectum_y - 56, 60)], [4, 8, 20])
    core = [Capsule(s.start, s.end, s.start_radius - 2, s.end_radius - 2) for s in sacrum]
    return [*painted, *_shelled(list(sacrum), list(core))]


def _muscles(rng: np.random.Generator, frame: Frame) -> list[Part]:
    b, thick = frame.build, around(rng, 1, 0.12)
    painted: list[Part] = []
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
            Ellipsoid(near(rng, (side * (44 + 17 * k) * b, -84, 0), 3), (0.6, 16, 50), (0, 0, side * 65)) for k in range(3)
        ]
        over = (*SOFT, Tissue.MUSCLE)
        painted += [*parts(Tissue.MUSCLE, shapes, over, bumps=1), *parts(Tissue.FAT, streaks, (Tissue.MUSCLE,), bumps=1)]
    return [*painted, *_levator(rng, frame)]


def _levator(rng: np.random.Generator, frame: Frame) -> list[Part]:
    """A funnel of muscle around prostate and rectum that closes towards the anus."""
    y, wide, bottom = frame.rectum_y * 0.6, frame.prostate[0] + around(rng, 11, 0.2), -frame.prostate[2] - 34
    thick = around(rng, 3.5, 0.15)
    slope = (wide - 12) / -bottom
    outer = Capsule((0, y, 0), (0, frame.rectum_y, bottom), wide, 12)
    inner = Capsule((0, y, 50), (0, frame.rectum_y, bottom), wide + 50 * slope - thick, 12 - thick)
    levator = frozenset({Tissue.STROMA})
    return [
        Part(Tissue.STROMA, outer, frozenset(SOFT), bumps=0.6),
        Part(Tissue.VISCERAL_FAT, inner, levator, bumps=0.6),
        Part(Tissue.MUSCLE, Capsule((0, 0, -300), (0, 0, 300), 300, 300), levator),
    ]


def _vessels(rng: np.random.Generator, frame: Frame) -> list[Part]:
    b, (rx, ry, rz) = frame.build, frame.prostate
    painted: list[Part] = []
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


def _bowel(rng: np.random.Generator, frame: Frame) -> list[Part]:
    painted: list[Part] = []
    for _ in range(int(rng.integers(3, 8))):
        start = (rng.uniform(-45, 45), rng.uniform(-30, 55), frame.prostate[2] + rng.uniform(18, 50))
        points = [start, near(rng, start, 13), near(rng, start, 20)]
        radii = [around(rng, 11, 0.2) for _ in points]
        over = (Tissue.VISCERAL_FAT,)
        content = (Tissue.BOWEL_FLUID, Tissue.BOWEL_CHYME, Tissue.BOWEL_CHYME, Tissue.AIR)[rng.integers(4)]
        painted += parts(Tissue.BOWEL_WALL, tube(points, radii), over, bumps=0.6)
        painted += parts(content, tube(points, [radius - 2.5 for radius in radii]), (Tissue.BOWEL_WALL,), bumps=0.6)
    return painted


def _rectum(rng: np.random.Generator, frame: Frame) -> list[Part]:
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


def _bladder(rng: np.random.Generator, frame: Frame) -> list[Part]:
    _, ry, rz = frame.prostate
    radii = np.array([around(rng, 36, 0.2), around(rng, 30, 0.2), around(rng, 27, 0.35)])
    wall = around(rng, 4, 0.3)
    centre = near(rng, (0, 0.35 * ry + 8, 0.75 * rz + radii[2]), 3)
    over = (*SOFT, Tissue.BOWEL_WALL, Tissue.BOWEL_FLUID, Tissue.BOWEL_CHYME, Tissue.AIR)
    turn = (rng.uniform(-10, 25), 0, 0)
    return [
        *parts(Tissue.BLADDER_WALL, [Ellipsoid(centre, tuple(radii + wall), turn, 2.5)], over, bumps=0.6),
        *parts(Tissue.URINE, [Ellipsoid(centre, tuple(radii), turn, 2.5)], (Tissue.BLADDER_WALL,), bumps=0.8),
    ]


def _perineum(rng: np.random.Generator, frame: Frame) -> list[Part]:
    rz = frame.prostate[2]
    bulb = near(rng, (0, 6, -rz - 24), 3)
    sphincter = Capsule((0, 2, -rz - 14), (0, 0, -rz), 8, 8)
    urethra = Capsule((0, 2, -rz - 16), (0, 0, -rz), 2.5, 2.5)
    crura = [
        tube([(side * 30, 0, -rz - 32), (side * 12, 22, -rz - 24), (side * 5, 34, -rz - 22)], [7, 7, 6]) for side in SIDES
    ]
    return [
        *parts(Tissue.MUSCLE, [sphincter]),
        *parts(Tissue.PENILE_BULB, [Ellipsoid(bulb, (12, 15, 12))], bumps=0.6),
        *parts(Tissue.PENILE_BULB, [urethra, *crura[0], *crura[1]], (*SOFT, Tissue.MUSCLE), bumps=0.5),
    ]


def _seminal_vesicles(rng: np.random.Generator, frame: Frame) -> list[Part]:
    rx, ry, rz = frame.prostate
    over = (*SOFT, Tissue.BLADDER_WALL, Tissue.URINE)
    painted: list[Part] = []
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


# ---------------------------------------------------------------------------------------------------------- prostate
def _prostate(rng: np.random.Generator, frame: Frame) -> list[Part]:
    rx, ry, rz = frame.prostate
    skew = rng.normal(0, 0.04)
    turn = (rng.uniform(-18, 2), rng.uniform(-5, 5), rng.uniform(-5, 5))
    middle = Ellipsoid((0, 0, 0.1 * rz), (rx, ry, 0.9 * rz), turn, 2.5)
    horns: list[Shape] = [
        Ellipsoid((side * 0.42 * rx, -0.2 * ry, 0), (0.55 * rx * (1 + side * skew), 0.72 * ry, 0.75 * rz)) for side in SIDES
    ]
    apex = Ellipsoid((0, 0, -0.6 * rz), (0.6 * rx, 0.66 * ry, 0.42 * rz))
    gland = Union((middle, *horns, apex), 3)
    rim = Ellipsoid(middle.centre, (rx + 1.3, ry + 1.3, 0.9 * rz + 1.3), turn, 2.5)
    return [
        Part(Tissue.CAPSULE, rim, bumps=0.5),
        Part(Tissue.PERIPHERAL_ZONE, gland, bumps=0.6),
        *_transition_zone(rng, frame),
        *_lesion(rng, frame),
    ]


def _transition_zone(rng: np.random.Generator, frame: Frame) -> list[Part]:
    rx, ry, rz = frame.prostate
    zone, within = frame.zone, (Tissue.TRANSITION_ZONE,)
    lobes = [
        Ellipsoid(
            near(rng, (side * 0.3 * rx, 0.26 * ry, 0.18 * rz), 1),
            (0.48 * rx * zone * around(rng, 1, 0.08), 0.68 * ry * zone, 0.68 * rz * zone),
        )
        for side in SIDES
    ]
    rim = [Ellipsoid(lobe.centre, tuple(radius + 1.1 for radius in lobe.radii)) for lobe in lobes]
    stroma = Ellipsoid((0, 0.92 * ry, 0), (around(rng, 0.42, 0.2) * rx, 0.26 * ry, 0.75 * rz))
    urethra = Capsule((0, 0.35 * ry, rz), (0, 0.05 * ry, -rz), 2.6, 2.2)
    zones = (Tissue.PERIPHERAL_ZONE, Tissue.TRANSITION_ZONE)
    return [
        *parts(Tissue.STROMA, rim, zones, bumps=0.5),
        *parts(Tissue.TRANSITION_ZONE, lobes, (Tissue.PERIPHERAL_ZONE, Tissue.STROMA), bumps=0.6),
        *_nodules(rng, lobes, within),
        *parts(Tissue.STROMA, [stroma, urethra], (*zones, Tissue.BRIGHT_NODULE, Tissue.DARK_NODULE), bumps=0.8),
    ]


def _nodules(rng: np.random.Generator, lobes: list[Ellipsoid], within: tuple[Tissue, ...]) -> list[Part]:
    painted: list[Part] = []
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


def _lesion(rng: np.random.Generator, frame: Frame) -> list[Part]:
    if rng.random() < 0.55:
        return []
    rx, ry, rz = frame.prostate
    centre = near(rng, (rng.choice(SIDES) * 0.55 * rx, -0.55 * ry, rng.uniform(-0.5, 0.4) * rz), 2)
    shape = Ellipsoid(centre, (around(rng, 7, 0.3), around(rng, 4.5, 0.3), around(rng, 6, 0.3)))
    return parts(Tissue.PROSTATE_LESION, [shape], (Tissue.PERIPHERAL_ZONE,), bumps=1)
