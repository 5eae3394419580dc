"""Measured step times, and what they say of steps that were not measured.

The time of a step is taken as a sum: its five counts (`work.Work`), each times what one of it costs on the machine. The
costs are fitted to the measured steps, none of them below zero, so that relative errors are small. A step that was
measured itself is taken as measured.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import Field
from scipy.optimize import nnls

from fewlabel.config.base import Number, Settings
from fewlabel.operations.planning.step_work import StepWork, Work, step_work

Precision = Literal["f32", "bf16"]
VolumeWork = Literal["make abdomen", "make pelvis", "check", "pack", "score"]
"""Make a phantom; read a file and check it; bring a volume onto the grid and write it; save a mask and score it."""
Start = Literal["fetch", "split", "draw", "prepare", "training", "evaluate", "figure"]
"""A kind of job, by what it does beside its real work: imports, first calls, facts of the run."""


class MeasuredStep(Settings):
    """One measured step time."""

    step: StepWork
    seconds: float = Field(gt=0, le=1_000_000)
    """A step. On a CPU: of the process's own time, so that what else runs beside it counts little."""
    peak_gpu_bytes: int | None = Field(None, ge=0, le=2**53)
    """The most that was allocated on the GPU."""


class Calibration(Settings):
    """What was measured on one device."""

    device: Literal["cpu", "cuda", "mps"]
    name: str
    """Of the processor or the GPU."""
    precision: Precision
    automatic: bool
    """Whether this is the precision that the device takes by itself."""
    threads: int = Field(1, ge=1, le=100_000)
    measured: datetime
    load: Number | None = None
    """Processes that wanted to run when it was measured, ours included (one-minute average)."""
    software: dict[str, str]
    steps: list[MeasuredStep] = Field(min_length=1)
    volume_seconds: dict[VolumeWork, Number]
    """For each million native voxels, on one core."""
    start_seconds: dict[Start, Number]
    """Of a job with next to nothing to do, on one core."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What a newer calibration must share to take this one's place."""
        return self.device, self.name, self.precision, self.threads

    def describe(self) -> str:
        """One line: where and when."""
        load = "" if self.load is None else f", load {self.load:.1f}"
        day = self.measured.astimezone(UTC).date()
        return f"{self.name} ({self.device}, {self.precision}, {self.threads} thread), measured {day}{load}"

    @cached_property
    def costs(self) -> Work:
        """Seconds that one of each count costs."""
        return fit(self.steps)

    def step_seconds(self, step: StepWork) -> float:
        """Of one step: as measured, or from the fit."""
        same = [row.seconds for row in self.steps if row.step == step]
        return float(np.median(same)) if same else cost(step, self.costs)

    def gpu_bytes(self, step: StepWork) -> float | None:
        """The most that a step allocates on the GPU; None where that was not measured."""
        rows = [(step_work(row.step), row.peak_gpu_bytes) for row in self.steps if row.peak_gpu_bytes]
        if not rows:
            return None
        design = [[1.0, work.activations, work.parameters] for work, _ in rows]
        base, activation, parameter = _relative_fit(design, [float(peak or 0) for _, peak in rows])
        work = step_work(step)
        return float(base + activation * work.activations + parameter * work.parameters)


def fit(rows: Sequence[MeasuredStep]) -> Work:
    """Seconds that one of each count costs, by least squares of the relative errors; none below 0."""
    return Work(*_relative_fit([step_work(row.step).counts() for row in rows], [row.seconds for row in rows]))


def cost(step: StepWork, costs: Work) -> float:
    """Seconds of a step: its counts times their costs."""
    return float(np.dot(step_work(step).counts(), costs.counts()))


def _relative_fit(design: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    relative = np.asarray(design, dtype=np.float64) / np.asarray(values, dtype=np.float64)[:, None]
    # Counts differ by many orders of magnitude: each column is brought to 1 first.
    scale = np.maximum(relative.max(axis=0), 1e-300)
    solution, _ = nnls(relative / scale, np.ones(len(values)))
    return [float(value) for value in solution / scale]
