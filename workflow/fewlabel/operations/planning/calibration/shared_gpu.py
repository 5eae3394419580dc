"""Trainings in other processes that share the GPU while steps are measured. Needs torch."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn, cast

import torch

from fewlabel.operations.planning.calibration.designs import designed
from fewlabel.operations.planning.calibration.step_times import measure_step
from fewlabel.training.devices.device import Precision, use_threads
from fewlabel.utils.errors import InputError

SHARE = 0.5
"""Seconds of each kind of step before the next."""
START = f"import sys; from {__name__} import take_steps; take_steps(*sys.argv[1:])"


@contextmanager
def other_trainings(count: int, device: torch.device, precision: Precision) -> Iterator[None]:
    """Run finetuning steps in `count` processes during the block. Raises InputError: one of them failed."""
    command = [sys.executable, "-c", START, str(device), precision]
    with ExitStack() as stack:
        started = [stack.enter_context(_process(command)) for _ in range(count)]
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "step":
                last = process.communicate()[1].strip().splitlines()[-1:]
                reason = last[0] if last else "no message"
                raise InputError(
                    f"--slots-per-gpu {count + 1}: a training beside the measured one failed ({reason}); "
                    "accepted: as many as fit the GPU; to fix: lower it"
                )
        yield


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended after the block."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def take_steps(device: str, precision: str) -> NoReturn:
    """Take finetuning steps of all designs in turn until killed; print a line after each kind."""
    use_threads(1)
    kinds = [planned for planned in designed() if planned.step.stage == "finetune"]
    while True:
        for planned in kinds:
            measure_step(planned, torch.device(device), cast(Precision, precision), SHARE)
            # Once the reader has gone, printing ends this process.
            print("step", flush=True)
