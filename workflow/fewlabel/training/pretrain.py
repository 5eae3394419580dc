"""Pretraining without labels: each stage is an objective and a sampler for the one loop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn

from fewlabel.config.jobs.training import PretrainSettings, pretraining_stages
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.data.store.slice_store import Store
from fewlabel.training.augmentation import augment, intensity
from fewlabel.training.checkpointing.checkpoint import Checkpoint, finished_stages, kept_stages, stage_checkpoint
from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.training.devices.device import Precision
from fewlabel.training.devices.memory_check import refuse_training
from fewlabel.training.loop import train
from fewlabel.training.network import UNet, seeded
from fewlabel.training.pretexts.contrastive import GlobalContrast, LocalContrast
from fewlabel.training.pretexts.joint import Joint
from fewlabel.training.pretexts.regression import Regression
from fewlabel.training.sampling import (
    Rows,
    Sampler,
    Slices,
    partition_rows,
    rows_by_volume,
    subjects_of,
    torch_generator,
    uniform_rows,
)
from fewlabel.training.thin_volumes import refuse_lone_slices
from fewlabel.utils.errors import InputError


@dataclass(frozen=True)
class Pretrained:
    """What pretraining gives.

    Attributes:
        network: all of it, what was not trained at its random start.
        decoder_stages: how many were trained, coarsest first.
        history: of each stage.
        objectives: parameters of each stage's objective as it ended, heads included, by stage; those of the local stage
            also as they began, without the encoder, which it took from the global stage (`local_stage_start`).
    """

    network: UNet
    decoder_stages: int
    history: Mapping[str, Sequence[HistoryRow]]
    objectives: Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Work:
    """What every stage is built from: a network, and the slices of the subjects that may be seen."""

    network: UNet
    store: Store
    slices: Slices
    subjects: Sequence[str]
    settings: PretrainSettings
    device: torch.device

    def view(self, images: Tensor, stage: str, name: str, step: int) -> Tensor:
        """One augmented view of a batch."""
        chance = torch_generator(self.device, self.settings.seed, stage, name, step)
        return augment(images, None, self.settings.augmentations[stage], self.settings.flip, chance)[0]


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
        store: the cohort's slices.
        subjects: whose slices are seen.
        settings: network, method, augmentations and seed.
        device, precision: where and how the network is trained.
        checkpoint: keeps the state of an interrupted run; None: an interrupted run begins again.

    Raises:
        InputError: no subject to pretrain on, or too few for the method's positives.
    """
    if not subjects:
        raise InputError("pretraining: no subject is left for it; lower `test`, or add unlabelled subjects")
    refuse_training(settings, store.images.shape[1:], device)
    network = seeded(lambda: UNet(settings.network.widths), settings.seed, "network").to(device)
    work = Work(network, store, Slices(store, device), subjects, settings, device)
    saved = checkpoint.load() if checkpoint else None
    history, kept = finished_stages(saved), kept_stages(saved)
    starts: dict[str, dict[str, Tensor]] = {}
    for stage, budget in pretraining_stages(settings.method).items():
        if stage in history:
            continue
        objective, sampler = seeded(lambda stage=stage: STAGES[stage](work), settings.seed, stage)  # type: ignore[misc]
        what = f"pretrain, {stage.replace('_', ' ')}"
        if stage == "local_stage":
            starts[f"{stage}_start"] = _copied(objective, without="encoder.")
        states = stage_checkpoint(checkpoint, stage, history, saved, kept)
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
        kept[stage] = _copied(objective)
    return Pretrained(network.requires_grad_(True), _decoder_stages_trained(settings), history, {**kept, **starts})


def _copied(objective: nn.Module, without: str | None = None) -> dict[str, Tensor]:
    """Its parameters as they are now, on the CPU; those with the prefix `without` are left out."""
    return {
        name: tensor.detach().cpu().clone()
        for name, tensor in objective.state_dict().items()
        if without is None or not name.startswith(without)
    }


def _decoder_stages_trained(settings: PretrainSettings) -> int:
    if settings.method.transfer == "encoder":
        return 0
    if isinstance(settings.method, (RegressionMethod, JointMethod)):
        return len(settings.network.widths) - 1
    return settings.method.local_stage.decoder_stages if settings.method.local_stage else 0


def _regression(work: Work) -> tuple[nn.Module, Sampler]:
    method, seed = work.settings.method, work.settings.seed
    assert isinstance(method, RegressionMethod)
    rows = partial(uniform_rows, work.store.rows(work.subjects), method.training.batch, seed)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        images = work.slices.images(rows(step))
        return work.view(images, "training", "view", step), torch_generator(work.device, seed, "corruption", step)

    return Regression(work.network, method.corrupted, method.block, method.noise_scale), Sampler(rows, sample)


def _global_contrast(work: Work) -> tuple[nn.Module, Sampler]:
    method = work.settings.method
    assert isinstance(method, ContrastiveMethod)
    stage = method.global_stage
    drawn, sample = _pairs(work, "global_stage", stage)
    return GlobalContrast(
        work.network, _bottleneck(work), stage.head, stage.positives, stage.similar_as_negatives, stage.temperature
    ), Sampler(lambda step: drawn(step)[0], sample)


def _joint(work: Work) -> tuple[nn.Module, Sampler]:
    method, seed = work.settings.method, work.settings.seed
    assert isinstance(method, JointMethod)
    drawn, pairs = _pairs(work, "joint_stage", method.joint_stage)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        return *pairs(step), torch_generator(work.device, seed, "corruption", step)

    objective = Joint.of(method, work.network, _bottleneck(work))
    return objective, Sampler(lambda step: drawn(step)[0], sample)


def _bottleneck(work: Work) -> int:
    """Numbers in the coarsest feature map of a slice."""
    side, (_, rows, columns) = work.settings.network.reduction, work.store.images.shape
    return int(work.settings.network.widths[-1] * (rows // side) * (columns // side))


def _pairs(
    work: Work, name: str, stage: GlobalStage
) -> tuple[Callable[[int], tuple[Rows, Rows, Rows]], Callable[[int], tuple[Tensor, ...]]]:
    """Of a stage that contrasts slices: the rows of each step; their two views, parts and volumes."""
    refuse_lone_slices(name, stage, work.store.index, work.subjects)
    volumes = rows_by_volume(work.store.index, work.subjects)
    if "anatomy" in stage.positives and len(volumes) < 2:
        raise InputError(
            "positives by anatomy need at least two subjects to pretrain on; use positives: [augmentation]"
        )

    drawn = partial(partition_rows, volumes, stage.partitions, stage.batch, work.settings.seed)

    def sample(step: int) -> tuple[Tensor, ...]:
        rows, parts, owners = drawn(step)
        images = work.slices.images(rows)
        first, second = (work.view(images, name, view, step) for view in ("first", "second"))
        return first, second, *(torch.from_numpy(numbers).to(work.device) for numbers in (rows, parts, owners))

    return drawn, sample


def _local_contrast(work: Work) -> tuple[nn.Module, Sampler]:
    method, seed = work.settings.method, work.settings.seed
    assert isinstance(method, ContrastiveMethod) and method.local_stage is not None
    stage = method.local_stage
    rows = partial(uniform_rows, work.store.rows(work.subjects), stage.batch, seed)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        images = work.slices.images(rows(step))
        chance = torch_generator(work.device, seed, "regions", step)
        views = (
            intensity(
                images,
                work.settings.augmentations["local_stage"],
                torch_generator(work.device, seed, "local_stage", view, step),
            )
            for view in ("first", "second")
        )
        return (*views, chance)

    width = work.settings.network.widths[-1 - stage.decoder_stages]
    return (
        LocalContrast(
            work.network,
            stage.decoder_stages,
            width,
            stage.head,
            stage.regions,
            stage.region_size,
            stage.temperature,
            stage.freeze_encoder,
        ),
        Sampler(rows, sample),
    )


STAGES: dict[str, Callable[[Work], tuple[nn.Module, Sampler]]] = {
    "training": _regression,
    "global_stage": _global_contrast,
    "local_stage": _local_contrast,
    "joint_stage": _joint,
}
