"""Tissues of the phantoms and their T2w spin-echo signal.

Relaxation times are those at 3 T. T1 and T2 of spleen, kidney, pancreas and fat, and T1 of liver, muscle and marrow,
are rounded from de Bazelaire et al. 2004 (Radiology 230:652); T2 of liver and both times of blood from Stanisz et al.
2005 (Magn Reson Med 54:507); T2 of muscle, where both differ most, is in between. Zones and lesions of the prostate
are in the range of Roebuck et al. 2009 (Magn Reson Imaging 27:497). Fat, and marrow as half fat, have an apparent T2
above the measured one, since the refocusing train of a fast spin echo suppresses J-coupling (Henkelman et al. 1992, J
Magn Reson Imaging 2:533). Flowing blood has a reduced proton density, since it leaves the slice between the pulses.
Contents of stomach, bowel and rectum are estimates with wide variation.
"""

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Tissue(IntEnum):
    """Tissue of a point; air outside and inside the body is 0."""

    AIR = 0
    FAT = auto()
    VISCERAL_FAT = auto()
    MUSCLE = auto()
    BONE = auto()
    MARROW = auto()
    DISC = auto()
    NERVE = auto()
    FLUID = auto()
    BLOOD = auto()
    SLOW_BLOOD = auto()
    LUNG = auto()
    LIVER = auto()
    LIVER_VESSEL = auto()
    LIVER_LESION = auto()
    GALLBLADDER = auto()
    SPLEEN = auto()
    KIDNEY_CORTEX = auto()
    KIDNEY_MEDULLA = auto()
    PANCREAS = auto()
    STOMACH_WALL = auto()
    STOMACH_CONTENT = auto()
    BOWEL_WALL = auto()
    BOWEL_FLUID = auto()
    BOWEL_CHYME = auto()
    PERIPHERAL_ZONE = auto()
    TRANSITION_ZONE = auto()
    STROMA = auto()
    BRIGHT_NODULE = auto()
    DARK_NODULE = auto()
    PROSTATE_LESION = auto()
    CAPSULE = auto()
    SEMINAL_VESICLE = auto()
    PENILE_BULB = auto()
    RECTUM_WALL = auto()
    RECTUM_CONTENT = auto()
    BLADDER_WALL = auto()
    URINE = auto()


@dataclass(frozen=True)
class Relaxation:
    """Parameters of spin-echo contrast."""

    pd: float  # proton density, water 1
    # t1, t2: in ms
    t1: float
    t2: float
    # pd_spread, t2_spread: relative (log-normal) deviation between subjects
    pd_spread: float = 0.05
    t2_spread: float = 0.1
    texture: float = 0.05  # relative deviation within the tissue
    follows: Tissue | None = None  # another tissue with the same variation between subjects


RELAXATION: dict[Tissue, Relaxation] = {
    Tissue.AIR: Relaxation(0, 1000, 10),
    Tissue.FAT: Relaxation(0.9, 382, 125, 0.1, 0.12, 0.04),
    Tissue.VISCERAL_FAT: Relaxation(0.85, 382, 120, 0.2, 0.15, 0.07, Tissue.FAT),
    Tissue.MUSCLE: Relaxation(0.8, 900, 42, 0.04, 0.05, 0.1),
    Tissue.BONE: Relaxation(0.15, 500, 15),
    Tissue.MARROW: Relaxation(0.7, 586, 85, 0.1, 0.2, 0.1),
    Tissue.DISC: Relaxation(0.75, 1100, 70, 0.1, 0.3, 0.1),
    Tissue.NERVE: Relaxation(0.75, 1000, 78),
    Tissue.FLUID: Relaxation(1, 4000, 1200, 0.1, 0.2, 0.03),
    Tissue.BLOOD: Relaxation(0.15, 1900, 275, 0.6, 0.1, 0.1),
    Tissue.SLOW_BLOOD: Relaxation(0.7, 1900, 160, 0.3, 0.2, 0.1),
    Tissue.LUNG: Relaxation(0.12, 1200, 40, 0.3, 0.2, 0.3),
    Tissue.LIVER: Relaxation(0.8, 809, 42, 0.04, 0.08, 0.08),
    Tissue.LIVER_VESSEL: Relaxation(0.3, 1900, 200, 1.0, 0.2, 0.1),
    Tissue.LIVER_LESION: Relaxation(0.85, 1500, 130, 0.1, 0.6, 0.1),
    Tissue.GALLBLADDER: Relaxation(1, 2500, 500, 0.1, 0.6, 0.03),
    Tissue.SPLEEN: Relaxation(0.8, 1328, 58, 0.05, 0.2, 0.04),
    Tissue.KIDNEY_CORTEX: Relaxation(0.85, 1142, 76, 0.05, 0.12, 0.05),
    Tissue.KIDNEY_MEDULLA: Relaxation(0.9, 1545, 88, 0.05, 0.12, 0.1),
    Tissue.PANCREAS: Relaxation(0.8, 725, 43, 0.05, 0.15, 0.15),
    Tissue.STOMACH_WALL: Relaxation(0.8, 1000, 45, 0.05, 0.15, 0.1),
    Tissue.STOMACH_CONTENT: Relaxation(0.8, 1500, 55, 0.1, 0.7, 0.15),
    Tissue.BOWEL_WALL: Relaxation(0.8, 1000, 48, 0.05, 0.15, 0.1),
    Tissue.BOWEL_FLUID: Relaxation(0.95, 2500, 300, 0.1, 0.5, 0.1),
    Tissue.BOWEL_CHYME: Relaxation(0.8, 900, 43, 0.05, 0.12, 0.2),
    Tissue.PERIPHERAL_ZONE: Relaxation(0.9, 1600, 140, 0.05, 0.2, 0.1),
    Tissue.TRANSITION_ZONE: Relaxation(0.85, 1450, 85, 0.05, 0.12, 0.15),
    Tissue.STROMA: Relaxation(0.8, 1200, 45, 0.05, 0.15, 0.1),
    Tissue.BRIGHT_NODULE: Relaxation(0.9, 1700, 150, 0.05, 0.2, 0.15),
    Tissue.DARK_NODULE: Relaxation(0.8, 1300, 62, 0.05, 0.12, 0.1),
    Tissue.PROSTATE_LESION: Relaxation(0.85, 1350, 75, 0.05, 0.12, 0.05),
    Tissue.CAPSULE: Relaxation(0.7, 1000, 35, 0.1, 0.15, 0.1),
    Tissue.SEMINAL_VESICLE: Relaxation(0.9, 1700, 170, 0.1, 0.35, 0.2),
    Tissue.PENILE_BULB: Relaxation(0.9, 1700, 140, 0.05, 0.2, 0.1),
    Tissue.RECTUM_WALL: Relaxation(0.8, 1100, 55, 0.05, 0.2, 0.1),
    Tissue.RECTUM_CONTENT: Relaxation(0.6, 1000, 50, 0.6, 0.5, 0.25),
    Tissue.BLADDER_WALL: Relaxation(0.8, 1000, 45, 0.05, 0.15, 0.05),
    Tissue.URINE: Relaxation(1, 3500, 800, 0.05, 0.3, 0.02),
}


def spin_echo(pd: float, t1: float, t2: float, tr: float, te: float) -> float:
    """Signal of a spin echo, PD (1 - exp(-TR / T1)) exp(-TE / T2); times in ms, TE much shorter than TR.

    Returns:
        0 to `pd`, in the units of `pd`. Source: Hahn's echo with saturation recovery, e.g. Bernstein, King and Zhou,
        Handbook of MRI Pulse Sequences (2004), section 14.3.
    """
    return float(pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2))


@dataclass(frozen=True)
class Drawn:
    """Relaxation of one tissue in one subject; times in ms."""

    pd: float
    t1: float
    t2: float


def draw_tissues(rng: np.random.Generator) -> list[Drawn]:
    """Draw the relaxation of all tissues of a subject, indexed by `Tissue`, with the variation in `RELAXATION`."""
    changes = np.clip(rng.standard_normal((len(Tissue), 2)), -2.5, 2.5)
    tissues = []
    for tissue in Tissue:
        table = RELAXATION[tissue]
        pd_change, t2_change = changes[tissue if table.follows is None else table.follows]
        pd = table.pd * np.exp(table.pd_spread * pd_change)
        tissues.append(Drawn(pd, table.t1, table.t2 * np.exp(table.t2_spread * t2_change)))
    return tissues


def tissue_signals(tissues: list[Drawn], tr: float, te: float) -> Floats:
    """Signals of all tissues, about 0 to 1.2, indexed by `Tissue`; `tr`, `te`: in ms."""
    return np.array([spin_echo(tissue.pd, tissue.t1, tissue.t2, tr, te) for tissue in tissues], dtype=np.float32)


def textures() -> Floats:
    """Relative deviation of the signal within each tissue, indexed by `Tissue`."""
    return np.array([RELAXATION[tissue].texture for tissue in Tissue], dtype=np.float32)


def rician(signal: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    """Magnitude of a complex signal with Gaussian noise in each channel (Gudbjartsson and Patz 1995).

    Args:
        signal: noise-free magnitude, 0 or more, any shape.
        sigma: standard deviation of the noise in each of the two channels, in the units of `signal`.

    Returns:
        sqrt((signal + n1)^2 + n2^2), float32. For a signal of 0: Rayleigh, mean sigma * sqrt(pi / 2).
    """
    real = signal + np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)
