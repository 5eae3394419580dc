"""Trainings of FewLabel, by the functions that its commands call."""

import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmarks.pipelines.steps import BATCH, WIDTHS, Laps, Timed, slices
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage, LocalStage
from fewlabel.config.pretexts.registry import pretraining_stages
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.config.training import Finetuning, Network, Training
from fewlabel.training.checkpointing.checkpoint import Checkpoint
from fewlabel.training.devices.device import choose_precision, use_threads
from fewlabel.training.finetune import finetune
from fewlabel.training.kernels.library import OFF
from fewlabel.training.pretrain import pretrain

STEPS = 100_000
"""More than are measured."""


class _EnoughError(Exception):
    """The measurement is over."""


@dataclass
class _Stopwatch(Checkpoint):
    """A checkpoint that counts steps, since a training asks it once a step what to save."""

    laps: Laps = field(default_factory=lambda: Laps(0))
    skipped: Sequence[str] = ()  # stages that count as done

    def load(self) -> dict[str, Any]:
        return {"stage": "", "done": {stage: [] for stage in self.skipped}, "state": None}

    def agree(self) -> tuple[bool, bool]:
        if self.laps.done():
            raise _EnoughError
        return False, False


def common(widths: Sequence[int]) -> dict[str, Any]:
    """Settings that finetuning and pretraining share."""
    network = Network(widths=list(widths))
    return {"network": network, "flip": ["columns"], "precision": "auto", "deterministic": False, "seed": 0}


def finetuning_settings(budget: Finetuning, widths: Sequence[int] = WIDTHS, draw: int = 1) -> FinetuneSettings:
    """Finetuning with extensive augmentation."""
    augmentation = AUGMENTATIONS["extensive"]
    return FinetuneSettings(finetuning=budget, augmentation=augmentation, labels="all", draw=draw, **common(widths))


def timed(given: Timed) -> dict[str, float]:
    """Wall and CPU seconds of a step; call it in a process of its own."""
    use_threads(given.threads)
    if not given.kernels:
        os.environ[OFF] = "off"
    device, store = torch.device("cpu"), slices(given.side)
    precision = choose_precision(given.precision, device)
    names, laps = list(store.subjects["subject"]), Laps(given.seconds)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(_EnoughError):
        if given.stage == "finetune":
            settings = finetuning_settings(Finetuning(steps=STEPS, batch=BATCH))
            finetune(store, names, settings, None, device, precision, _Stopwatch(None, 0, {}, laps=laps))
        else:
            method, stage = _method(given)
            stages = pretraining_stages(method)
            augmentations = {name: AUGMENTATIONS[each.augmentation] for name, each in stages.items()}
            pretraining = PretrainSettings(method=method, augmentations=augmentations, **common(WIDTHS))
            watch = _Stopwatch(None, 0, {}, laps=laps, skipped=list(stages)[: list(stages).index(stage)])
            pretrain(store, names, pretraining, device, precision, watch)
    return laps.per_step()


def _method(given: Timed) -> tuple[RegressionMethod | ContrastiveMethod, str]:
    """A pretext whose stages have the defaults, and the name of the stage."""
    budget: dict[str, Any] = {"steps": STEPS, "batch": BATCH}
    if given.stage == "regression":
        return RegressionMethod(pretext="regression", training=Training(augmentation="geometry", **budget)), "training"
    method = ContrastiveMethod(
        pretext="contrastive", global_stage=GlobalStage(**budget), local_stage=LocalStage(**budget)
    )
    return method, f"{given.stage}_stage"
