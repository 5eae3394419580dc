"""Time the steps of real trainings on synthetic slices. Needs torch."""

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretraining_stages
from fewlabel.config.training import Finetuning, Network
from fewlabel.data.store.slice_store import Store
from fewlabel.inference.evaluate import predict
from fewlabel.operations.planning.calibration.calibration import MeasuredStep
from fewlabel.operations.planning.calibration.designs import Planned
from fewlabel.operations.planning.step_work import StepWork
from fewlabel.training.checkpointing.checkpoint import Checkpoint
from fewlabel.training.devices.device import Precision
from fewlabel.training.finetune import finetune
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretrain import pretrain
from fewlabel.training.sampling import Slices

SUBJECTS, SLICES = 8, 16
"""Size of the synthetic cohort."""
WARM_UP = 1
"""Steps before timing: the first loads libraries and reserves memory."""
ENOUGH = 100_000
"""Number of steps that no share of the time reaches."""


class _TimeIsUp(Exception):  # noqa: N818 - no error
    pass


class _Clock(Checkpoint):
    """A checkpoint that times steps, since a training calls it once a step."""

    def __init__(self, device: torch.device, share: float, done: Sequence[str] = ()) -> None:
        """`share`: seconds of steps; `done`: stages to skip."""
        super().__init__(None, 0, {})
        self.device, self.share, self.stages_done = device, share, done
        self.taken, self.step_seconds = 0, 0.0
        self.wall = self.own = 0.0

    def load(self) -> dict[str, Any]:
        """A state with the skipped stages done."""
        return {"stage": "", "done": {stage: [] for stage in self.stages_done}, "state": None}

    def agree(self) -> tuple[bool, bool]:
        """Count a step; synchronise the GPU only where timing starts and stops. Raises _TimeIsUp: time has passed."""
        self.taken += 1
        if self.taken == WARM_UP:
            self._wait()
            self.wall, self.own = time.monotonic(), time.process_time()
        elif self.taken > WARM_UP and time.monotonic() - self.wall > self.share:
            self._wait()
            wall, own = time.monotonic() - self.wall, time.process_time() - self.own
            self.step_seconds = (own if self.device.type == "cpu" else wall) / (self.taken - WARM_UP)
            raise _TimeIsUp
        return False, False

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def measure_step(planned: Planned, device: torch.device, precision: Precision, share: float) -> MeasuredStep:
    """Repeat a step for `share` seconds, at least once after the warm-up."""
    step, store = planned.step, synthetic_store(planned.step.matrix)
    stages = [*(pretraining_stages(planned.method) if planned.method else ()), planned.stage]
    clock = _Clock(device, share, stages[: stages.index(planned.stage)])
    names = list(store.subjects["subject"])
    work: Callable[[], object]
    if step.stage == "predict":
        work = lambda: _predict(store, step, device, precision, clock)  # noqa: E731
    elif planned.method is None:
        settings = _finetune_settings(planned, precision)
        work = lambda: finetune(store, names, settings, None, device, precision, clock)  # noqa: E731
    else:
        pretraining = _pretrain_settings(planned, planned.method, precision)
        work = lambda: pretrain(store, names, pretraining, device, precision, clock)  # noqa: E731
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(_TimeIsUp):
        work()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return MeasuredStep(step=step, seconds=clock.step_seconds, peak_gpu_bytes=peak)


def synthetic_store(matrix: tuple[int, int]) -> Store:
    """Random slices of a few subjects; half of each slice is target."""
    generator, count = np.random.default_rng(0), SUBJECTS * SLICES
    images = generator.random((count, *matrix), dtype=np.float32).astype(np.float16)
    masks = np.zeros(images.shape, np.uint8)
    masks[:, : matrix[0] // 2] = 1
    names = np.repeat([f"subject_{number}" for number in range(SUBJECTS)], SLICES)
    index = pd.DataFrame({"subject": names, "slice": np.tile(np.arange(SLICES), SUBJECTS)})
    return Store(images, masks, index.assign(target_px=masks.sum(axis=(1, 2))), index[["subject"]].drop_duplicates())


def _predict(store: Store, step: StepWork, device: torch.device, precision: Precision, clock: _Clock) -> None:
    network = seeded(lambda: UNet(step.widths), 0, "network").to(device)
    slices, rows = Slices(store, device), np.arange(step.batch)
    while True:
        predict(network, slices, rows, precision)
        clock.agree()


def _common(step: StepWork, precision: Precision) -> dict[str, Any]:
    network = Network(widths=step.widths)
    return {"network": network, "flip": ["columns"], "precision": precision, "deterministic": False, "seed": 0}


def _finetune_settings(planned: Planned, precision: Precision) -> FinetuneSettings:
    budget = Finetuning(steps=ENOUGH, batch=planned.step.batch)
    return FinetuneSettings(
        finetuning=budget, augmentation=planned.augmentation, labels="all", draw=1, **_common(planned.step, precision)
    )


def _pretrain_settings(planned: Planned, method: PretrainedBase, precision: Precision) -> PretrainSettings:
    stages = pretraining_stages(method)
    endless = method.model_copy(update={planned.stage: stages[planned.stage].model_copy(update={"steps": ENOUGH})})
    used = dict.fromkeys(stages, planned.augmentation)
    return PretrainSettings(method=endless, augmentations=used, **_common(planned.step, precision))
