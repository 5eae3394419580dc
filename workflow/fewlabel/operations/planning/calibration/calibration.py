"""Measured step times, and a model for other steps.

The model is linear in the five counts of a step (`step_work.Work`). Their costs are fitted to the measured steps by
non-negative least squares of the relative errors. Measured steps keep their measured time.
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
"""Make a phantom; read and check a file; resample and write a volume; save and score a mask."""
Start = Literal["fetch", "split", "draw", "prepare", "training", "evaluate", "figure"]
"""A kind of job, by its work before and after the real one: imports, first calls, facts of the run."""


class MeasuredStep(Settings):
    """One measured step time."""

    step: StepWork
    seconds: float = Field(gt=0, le=1_000_000)
    """Seconds of a step. On a CPU: process time, which other load hardly changes."""
    peak_gpu_bytes: int | None = Field(None, ge=0, le=2**53)
    """Peak allocated memory on the GPU."""


class Calibration(Settings):
    """Measurements of one device."""

    device: Literal["cpu", "cuda", "mps"]
    name: str
    """Name of the processor or GPU."""
    precision: Precision
    automatic: bool
    """Whether it is the automatic precision of the device."""
    threads: int = Field(1, ge=1, le=100_000)
    slots: int = Field(1, ge=1, le=1000)
    """Trainings that shared the GPU during the measurement, this one included."""
    measured: datetime
    load: Number | None = None
    """Load average of one minute during the measurement, including the measurement."""
    software: dict[str, str]
    steps: list[MeasuredStep] = Field(min_length=1)
    volume_seconds: dict[VolumeWork, Number]
    """Seconds for a million native voxels on one core."""
    start_seconds: dict[Start, Number]
    """Seconds of a job with minimal work on one core."""

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """The key under which a newer calibration replaces this one."""
        return self.device, self.name, self.precision, self.threads, self.slots

    def describe(self) -> str:
        """Device and date in one line."""
        load = "" if self.load is None else f", load {self.load:.1f}"
        day = self.measured.astimezone(UTC).date()
        shared = f", {self.slots} trainings at once" if self.slots > 1 else ""
        return f"{self.name} ({self.device}, {self.precision}, {self.threads} thread{shared}), measured {day}{load}"

    @cached_property
    def costs(self) -> Work:
        """Seconds for one unit of each count."""
        return fit(self.steps)

    def step_seconds(self, step: StepWork) -> float:
        """Seconds of a step: measured, or from the fit."""
        same = [row.seconds for row in self.steps if row.step == step]
        return float(np.median(same)) if same else cost(step, self.costs)

    def gpu_bytes(self, step: StepWork) -> float | None:
        """Peak GPU memory of a step in bytes; None: not measured."""
        rows = [(step_work(row.step), row.peak_gpu_bytes) for row in self.steps if row.peak_gpu_bytes]
        if not rows:
            return None
        design = [[1.0, work.activations, work.parameters] for work, _ in rows]
        base, activation, parameter = _relative_fit(design, [float(peak or 0) for _, peak in rows])
        work = step_work(step)
        return float(base + activation * work.activations + parameter * work.parameters)


def fit(rows: Sequence[MeasuredStep]) -> Work:
    """Fit the seconds for one unit of each count: non-negative least squares of the relative errors."""
    return Work(*_relative_fit([step_work(row.step).counts() for row in rows], [row.seconds for row in rows]))


def cost(step: StepWork, costs: Work) -> float:
    """Seconds of a step: its counts times their costs."""
    return float(np.dot(step_work(step).counts(), costs.counts()))


def _relative_fit(design: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    relative = np.asarray(design, dtype=np.float64) / np.asarray(values, dtype=np.float64)[:, None]
    # Counts differ by many orders of magnitude: columns are scaled to a maximum of 1.
    scale = np.maximum(relative.max(axis=0), 1e-300)
    solution, _ = nnls(relative / scale, np.ones(len(values)))
    return [float(value) for value in solution / scale]
