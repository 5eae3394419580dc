"""Measure the step times of a machine in about two minutes. Needs torch."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from fewlabel.operations.planning.calibration.calibration import Calibration, MeasuredStep
from fewlabel.operations.planning.calibration.designs import Planned
from fewlabel.operations.planning.calibration.shared_gpu import other_trainings
from fewlabel.operations.planning.calibration.startup_times import measure_starts
from fewlabel.operations.planning.calibration.step_times import measure_step
from fewlabel.operations.planning.calibration.volume_times import measure_volumes
from fewlabel.training.devices.device import Precision, choose_precision
from fewlabel.utils import environment
from fewlabel.utils.progress import Progress

ROUNDS = 2
"""Measurements of each step, spread over time, so that short load has no effect."""
SHARE = 0.6
"""Share of the time for steps; the rest is for volumes, starts and warm-up."""


def calibrate(
    planned: Sequence[Planned], device: torch.device, precision: Precision, seconds: float, slots: int = 1
) -> Calibration:
    """Measure steps, volumes and starts in about `seconds`, with the threads that the caller has set.

    Args:
        slots: trainings that share the GPU while steps are measured, the measured one included.
    """
    load = os.getloadavg()[0]
    hardware = environment.hardware(device)
    with other_trainings(slots - 1, device, precision):
        steps = measure_steps(planned, device, precision, seconds * SHARE)
    return Calibration(
        device=device.type,
        name=str(hardware.get("gpu") or hardware.get("processor") or "unknown"),
        precision=precision,
        automatic=precision == choose_precision("auto", device),
        threads=torch.get_num_threads(),
        slots=slots,
        volume_seconds=measure_volumes(),
        start_seconds=measure_starts(),
        steps=steps,
        load=round((load + os.getloadavg()[0]) / 2, 1),
        measured=datetime.now(UTC).replace(microsecond=0),
        software={name: version(name) for name in ("fewlabel", "torch")},
    )


def measure_steps(
    planned: Sequence[Planned], device: torch.device, precision: Precision, seconds: float
) -> list[MeasuredStep]:
    """Measure all steps in several rounds; the fastest counts, since other load only slows steps."""
    share = seconds / (ROUNDS * len(planned))
    rounds: list[list[MeasuredStep]] = []
    with Progress("calibrate", ROUNDS * len(planned), "measurement") as progress:
        for _ in range(ROUNDS):
            rounds.append([])
            for each in planned:
                rounds[-1].append(measure_step(each, device, precision, share))
                progress.advance(note=f"{each.step.stage}: {rounds[-1][-1].seconds:.3g} s a step")
    return [min(rows, key=lambda row: row.seconds) for rows in zip(*rounds, strict=True)]
