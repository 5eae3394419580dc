"""Pretraining without labels: run the stages of a pretext, each with an objective and a sampler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.registry import outlines, pretext_of, pretraining_stages
from fewlabel.data.store.slice_store import Store
from fewlabel.training.checkpointing.checkpoint import (
    Checkpoint,
    finished_objectives,
    finished_stages,
    stage_checkpoint,
)
from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.training.devices import processes
from fewlabel.training.devices.device import Precision
from fewlabel.training.devices.memory_check import refuse_training
from fewlabel.training.loop import train
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.base import START, PretrainingData, network_of, stage_implementations
from fewlabel.training.sampling import Slices, subjects_of
from fewlabel.utils.errors import InputError


@dataclass(frozen=True)
class Pretrained:
    """The result of pretraining."""

    network: UNet  # all of it, what was not trained at its random start
    decoder_stages: int  # how many were trained, coarsest first
    history: Mapping[str, Sequence[HistoryRow]]  # of each stage
    # parameters of each stage's objective as it ended, heads included, by stage; where a pretext asks for it also as
    # they began (`<stage>_start`), without the encoder, which is that of the stage before
    objectives: Mapping[str, Mapping[str, Tensor]]


def pretrain(
    store: Store,
    subjects: Sequence[str],
    settings: PretrainSettings,
    device: torch.device,
    precision: Precision,
    checkpoint: Checkpoint | None = None,
) -> Pretrained:
    """Run all stages of a method on the slices of these subjects; their masks are never read.

    Args:
        settings: network, method, augmentations and seed.
        checkpoint: saves the state, from which an interrupted run resumes; None: an interrupted run restarts.

    Raises:
        InputError: no subject to pretrain on, or too few for the method's positives, or see `refuse_uneven`.
    """
    if not subjects:
        raise InputError("pretraining: no subject is left for it; to fix: lower `test`, or add unlabelled subjects")
    refuse_uneven(settings, processes.count())
    refuse_training(settings, store.images.shape[-2:], device)
    network = seeded(partial(network_of, settings), settings.seed, "network").to(device)
    data = PretrainingData(store, Slices(store, device, settings.network.context), subjects, settings, device)
    implementations, features = stage_implementations(settings.method), _features(settings, store)
    saved = processes.from_first(checkpoint.load) if checkpoint else None
    history, objectives = finished_stages(saved), finished_objectives(saved)
    starts: dict[str, dict[str, Tensor]] = {}
    for stage, budget in pretraining_stages(settings.method).items():
        if stage in history:
            continue
        sampler = implementations[stage].sampler(data)
        build = partial(implementations[stage].objective, settings.method, network, features)
        objective = seeded(build, settings.seed, stage)
        what = f"pretrain, {stage.replace('_', ' ')}"
        if pretext_of(settings.method).stages[stage].keeps_start:
            starts[stage + START] = _copied(objective, without="encoder.")
        states = stage_checkpoint(checkpoint, stage, history, saved, objectives)
        history[stage] = train(
            objective.to(device),
            sampler.tensors,
            budget,
            device,
            precision,
            what,
            states,
            lambda step, rows=sampler.rows: subjects_of(store.index, rows(step)),  # type: ignore[misc]
        )
        objectives[stage] = _copied(objective)
    return Pretrained(
        network.requires_grad_(True), _decoder_stages_trained(settings), history, {**objectives, **starts}
    )


def refuse_uneven(settings: PretrainSettings, count: int) -> None:
    """Raise an InputError if processes cannot share the batch of a stage equally, or its pretext does not split it."""
    if count == 1:
        return
    implementations, problems = stage_implementations(settings.method), []
    for stage, budget in pretraining_stages(settings.method).items():
        if not implementations[stage].splits:
            problems.append(
                f"method.{stage}: the pretext {settings.method.pretext} does not split its batches, which {count} "
                "processes need; accepted: 1 process; to fix: --processes 1 (`gpus_per_pretraining: 1` in the profile)"
            )
        elif budget.batch % count:
            divisors = [number for number in range(1, count) if budget.batch % number == 0]
            problems.append(
                f"method.{stage}.batch: {budget.batch} slices cannot be shared equally by {count} processes; accepted: "
                f"a multiple of {count}, or {', '.join(map(str, divisors))} processes; to fix: change batch in the "
                "experiment, or --processes (`gpus_per_pretraining` in the profile)"
            )
    if problems:
        raise InputError.of(problems)


def _copied(objective: nn.Module, without: str | None = None) -> dict[str, Tensor]:
    """A copy of its parameters on the CPU, except those with the prefix `without`."""
    return {
        name: tensor.detach().cpu().clone()
        for name, tensor in objective.state_dict().items()
        if without is None or not name.startswith(without)
    }


def _decoder_stages_trained(settings: PretrainSettings) -> int:
    """Number of decoder stages that finetuning uses, coarsest first."""
    if settings.method.transfer == "encoder":
        return 0
    available = len(settings.network.widths) - 1
    return max(stage.decoder_stages(available) for stage in outlines(settings.method).values())


def _features(settings: PretrainSettings, store: Store) -> int:
    """Numbers in the coarsest feature map of a slice."""
    side, (rows, columns) = settings.network.reduction, store.images.shape[-2:]
    return int(settings.network.widths[-1] * (rows // side) * (columns // side))
