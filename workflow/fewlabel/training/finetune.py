"""Supervised training on the labelled subjects of one draw."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor

from fewlabel.config.jobs.training import FinetuneSettings
from fewlabel.data.store.slice_store import Store
from fewlabel.training.augmentation import augment
from fewlabel.training.checkpointing.checkpoint import Checkpoint, stage_checkpoint
from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.training.devices.device import Precision
from fewlabel.training.devices.memory_check import refuse_training
from fewlabel.training.loop import train
from fewlabel.training.network import UNet, seeded
from fewlabel.training.sampling import Sampler, Slices, foreground_rows, subjects_of, torch_generator
from fewlabel.training.segmentation import Segmentation
from fewlabel.training.weights import Loaded, load_weights
from fewlabel.utils.errors import InputError
from fewlabel.utils.log import LOG
from fewlabel.utils.seeds import seed64


def finetune(
    store: Store,
    subjects: Sequence[str],
    settings: FinetuneSettings,
    initial: Path | None,
    device: torch.device,
    precision: Precision,
    checkpoint: Checkpoint | None = None,
) -> tuple[UNet, list[HistoryRow], Loaded | None]:
    """Train a network on all slices of the labelled subjects.

    Args:
        subjects: the labelled ones of the draw; no other slice is read.
        settings: network, budget, augmentation, seed and draw; runs of one draw have the same batches and transforms,
            whatever their initialisation.
        initial: pretrained weights; None for random initialisation.
        checkpoint: saves the state, from which an interrupted run resumes; None: an interrupted run restarts.

    Returns:
        The network, the history, and which parameters were loaded (None for random initialisation).

    Raises:
        InputError: too little memory, no target in the subjects' masks, or weights that do not fit.
    """
    refuse_training(settings, store.images.shape[-2:], device)
    # Also the start of every pretraining: runs with and without it differ only in pretraining.
    network = seeded(lambda: UNet(settings.network.widths, settings.inputs, settings.outputs), settings.seed, "network")
    loaded = load_weights(network, initial, settings.network.widths) if initial else None
    LOG.info(f"initialisation: {loaded or 'random'}")
    sampler = _sampler(store, subjects, settings, device)
    states = stage_checkpoint(checkpoint, "finetune", {}, checkpoint.load() if checkpoint else None)
    history = train(
        Segmentation(network, settings.finetuning.loss).to(device),
        sampler.tensors,
        settings.finetuning,
        device,
        precision,
        "finetune",
        states,
        lambda step: subjects_of(store.index, sampler.rows(step)),
    )
    return network, history, loaded


def _sampler(store: Store, subjects: Sequence[str], settings: FinetuneSettings, device: torch.device) -> Sampler:
    """Augmented slices and masks; the random numbers depend on neither method nor N."""
    rows, slices = store.rows(subjects), Slices(store, device, settings.network.context)
    target = store.index["target_px"].to_numpy()[rows] > 0
    if not target.any():
        raise InputError(
            f"{', '.join(subjects)}: no target in their masks on the working grid; to fix: check labels and grid"
        )
    seed, budget = seed64(settings.seed, "finetune", settings.draw), settings.finetuning
    classes = max(1, len(settings.classes))
    batch_rows = partial(foreground_rows, rows, target, budget.batch, budget.foreground, seed)

    def sample(step: int) -> tuple[Tensor | Generator, ...]:
        batch = batch_rows(step)
        generator = torch_generator(device, seed, "augment", step)
        images, masks = augment(
            slices.images(batch), slices.masks(batch), settings.augmentation, settings.flip, generator, classes
        )
        assert masks is not None
        return images, masks

    return Sampler(batch_rows, sample)
