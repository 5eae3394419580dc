"""The implementation of a pretext: an objective and a sampler for each of its stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from fewlabel.config.extensions import implementation
from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretext_of
from fewlabel.data.store.slice_store import Store
from fewlabel.training.augmentation import augment
from fewlabel.training.network import UNet
from fewlabel.training.sampling import Rows, Sampler, Slices, torch_generator, uniform_rows
from fewlabel.utils.errors import InputError

START = "_start"
"""Suffix of a stage's key for its objective before the first step."""


@dataclass(frozen=True)
class PretrainingData:
    """The data of a stage: the slices of the pretraining subjects."""

    # store, slices: the cohort's slices, and as tensors on the training device
    store: Store
    slices: Slices
    subjects: Sequence[str]  # of pretraining
    settings: PretrainSettings
    device: torch.device

    def rows(self, batch: int) -> Callable[[int], Rows]:
        """Rows of a step, drawn uniformly from all slices of the subjects."""
        return partial(uniform_rows, self.store.rows(self.subjects), batch, self.settings.seed)

    def view(self, images: Tensor, stage: str, name: str, step: int) -> Tensor:
        """One augmented view of a batch (batch, channel, rows, columns)."""
        generator = self.generator(stage, name, step)
        return augment(images, None, self.settings.augmentations[stage], self.settings.flip, generator)[0]

    def generator(self, *names: int | str) -> Generator:
        """A generator on the training device: a pure function of the seed and these names, including the step."""
        return torch_generator(self.device, self.settings.seed, *names)


@dataclass(frozen=True)
class StageImplementation:
    """Objective and sampler of a stage."""

    # from a method's settings, a network and the number of features of the flattened bottleneck to a module; its call
    # with a sampler's tensors gives the loss, its parameters are the network's and those of heads, which are drawn from
    # PyTorch's global generator, seeded by the stage. Where representations may collapse it has, after a call,
    # `spread`: see `fewlabel.training.pretexts.contrastive.spread`.
    objective: Callable[[Any, UNet, int], nn.Module]
    sampler: Callable[[PretrainingData], Sampler]
    # whether both split a batch over several processes: the sampler's tensors are those of `processes.share`, and the
    # mean over the processes of the loss is the loss of the batch. Else a stage refuses more than one process.
    splits: bool = False


def network_of(settings: PretrainSettings) -> UNet:
    """The network of a pretraining, which restores as many channels as it sees."""
    return UNet(settings.network.widths, settings.inputs, settings.inputs)


def stage_implementations(method: PretrainedBase) -> Mapping[str, StageImplementation]:
    """The implementation of a method's pretext, by stage. Raises InputError: not importable, or lacks a stage."""
    pretext = pretext_of(method)
    mapping = implementation(pretext.implementation, f"pretext {pretext.name}")
    stages: Mapping[str, object] = mapping if isinstance(mapping, Mapping) else {}
    lacking = [key for key in pretext.stages if not isinstance(stages.get(key), StageImplementation)]
    if lacking:
        raise InputError(
            f"pretext {pretext.name}: its implementation {pretext.implementation!r} has no stage "
            f"{', '.join(map(repr, lacking))}; accepted: a mapping with a {StageImplementation.__name__} for each of "
            f"{', '.join(pretext.stages)}; to fix: report this to its authors"
        )
    return mapping  # type: ignore[no-any-return]
