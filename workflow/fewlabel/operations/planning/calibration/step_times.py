"""Takes the steps of real trainings on made-up slices, and times them. Needs torch."""

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
"""Of the made-up cohort."""
WARM_UP = 1
"""Steps before the clock starts: the first one loads libraries and reserves memory."""
ENOUGH = 100_000
"""Steps: more than fit any share of the time."""


class _TimeIsUp(Exception):  # noqa: N818 - no error
    pass


class _Clock(Checkpoint):
    """Stands where a training keeps its state: it is asked once a step, and so can tell how long steps take."""

    def __init__(self, device: torch.device, share: float, done: Sequence[str] = ()) -> None:
        """`share`: seconds to take steps for; `done`: stages to pass over."""
        super().__init__(None, 0, {})
        self.device, self.share, self.stages_done = device, share, done
        self.taken, self.step_seconds = 0, 0.0
        self.wall = self.own = 0.0

    def load(self) -> dict[str, Any]:
        """Progress in which some stages are done."""
        return {"stage": "", "done": {stage: [] for stage in self.stages_done}, "state": None}

    def due(self) -> bool:
        """Note the time; a GPU is waited for only where the clock starts and stops.

        Raises:
            _TimeIsUp: the share of the time is over.
        """
        self.taken += 1
        if self.taken == WARM_UP:
            self._wait()
            self.wall, self.own = time.monotonic(), time.process_time()
        elif self.taken > WARM_UP and time.monotonic() - self.wall > self.share:
            self._wait()
            wall, own = time.monotonic() - self.wall, time.process_time() - self.own
            self.step_seconds = (own if self.device.type == "cpu" else wall) / (self.taken - WARM_UP)
            raise _TimeIsUp
        return False

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def measure_step(planned: Planned, device: torch.device, precision: Precision, share: float) -> MeasuredStep:
    """Take a step again and again for so many seconds, at least once after warming up."""
    step, store = planned.step, made_up_store(planned.step.matrix)
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


def made_up_store(matrix: tuple[int, int]) -> Store:
    """Random slices of a few subjects, half of each slice target."""
    rng, count = np.random.default_rng(0), SUBJECTS * SLICES
    images = rng.random((count, *matrix), dtype=np.float32).astype(np.float16)
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
        clock.due()


def _common(step: StepWork, precision: Precision) -> dict[str, Any]:
    network = Network(widths=step.widths)
    return {"network": network, "flip": ["columns"], "precision": precision, "deterministic": False, "seed": 0}


def _finetune_settings(planned: Planned, precision: Precision) -> FinetuneSettings:
    budget = Finetuning(steps=ENOUGH, batch=planned.step.batch)
    return FinetuneSettings(
        finetuning=budget,
        augmentation=planned.augmentation,
        labels="all",
        draw=1,
        **_common(planned.step, precision),
    )


def _pretrain_settings(planned: Planned, method: PretrainedBase, precision: Precision) -> PretrainSettings:
    stages = pretraining_stages(method)
    longer = method.model_copy(update={planned.stage: stages[planned.stage].model_copy(update={"steps": ENOUGH})})
    used = dict.fromkeys(stages, planned.augmentation)
    return PretrainSettings(method=longer, augmentations=used, **_common(planned.step, precision))
