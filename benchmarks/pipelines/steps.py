"""A training to time, the slices that it reads, and the count of its steps."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared import Clock
from fewlabel.data.store.slice_store import Store
from fewlabel.operations.planning.calibration.step_times import synthetic_store

WIDTHS = [16, 32, 64, 128, 128]
BATCH = 8
WARM_UP = 2
"""Steps before timing: the first load libraries and reserve memory."""
FEWEST = 3
"""Timed steps, at least."""


@dataclass(frozen=True)
class Timed:
    """A training: its stage, and how it is run."""

    stage: Literal["finetune", "regression", "global", "local"]
    side: int  # of the matrix, in pixels
    precision: Literal["auto", "f32", "bf16"] = "f32"
    threads: int = 1
    workers: int = 0  # that load data; MONAI's alone
    kernels: bool = True  # FewLabel's compiled ones; otherwise PyTorch's operations
    seconds: float = 3.0  # of timed steps


class Laps:
    """Times steps after a warm-up, until enough seconds have passed."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps = seconds, -WARM_UP
        self.clock = Clock()

    def done(self) -> bool:
        """Count a step; whether the measurement is over."""
        self.steps += 1
        if self.steps == 0:
            self.clock = Clock()
        return self.steps >= FEWEST and self.clock.seconds()["wall"] >= self.seconds

    def per_step(self) -> dict[str, float]:
        """Wall and CPU seconds of a step."""
        return {name: seconds / self.steps for name, seconds in self.clock.seconds().items()}


def slices(side: int) -> Store:
    """Random slices of eight subjects, sixteen each; half of each slice is target."""
    return synthetic_store((side, side))


def arrays(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same slices and masks as float32 arrays (slice, row, column)."""
    store = slices(side)
    return store.images.astype(np.float32), store.masks.astype(np.float32)
