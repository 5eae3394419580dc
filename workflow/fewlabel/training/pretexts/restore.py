"""Restore the trained objectives of a pretraining, with heads.

Their file contains the parameters of each stage's objective (`<stage>.*`), for some pretexts also before the first step
(`<stage>_start.*`, without the encoder, which is that of the previous stage), and the same facts as the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.registry import pretext_of, pretraining_stages
from fewlabel.training.pretexts.base import START, network_of, stage_implementations
from fewlabel.training.weights import read_weights
from fewlabel.utils.errors import InputError

Objective = TypeVar("Objective", bound=nn.Module)


@dataclass(frozen=True)
class RestoredPretext:
    """A pretraining's objectives, on the CPU and frozen."""

    settings: PretrainSettings
    subjects: list[str]  # of pretraining
    objectives: Mapping[str, nn.Module]  # by stage

    def find(self, stage: str, kind: type[Objective]) -> Objective | None:
        """The objective of a stage if it is of that class; None: there is no such one."""
        objective = self.objectives.get(stage)
        return objective if isinstance(objective, kind) else None


def flat(objectives: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors by stage as one mapping: `stage.parameter`."""
    return {f"{stage}.{name}": tensor for stage, tensors in objectives.items() for name, tensor in tensors.items()}


def restore_pretext(path: Path) -> RestoredPretext:
    """The objectives of a `pretext.safetensors`. Raises InputError: the file is missing or no such file."""
    tensors, facts = read_weights(path)
    try:
        settings = PretrainSettings.model_validate(facts["settings"])
        subjects = [str(name) for name in facts["subjects"]]
    except (KeyError, TypeError, ValidationError):
        raise _other(path, "it has no settings of a pretraining") from None
    try:
        # First without memory: wrong shapes are refused before anything is allocated.
        with torch.device("meta"):
            _objectives(settings, {name: tensor.to("meta") for name, tensor in tensors.items()})
        return RestoredPretext(settings, subjects, _objectives(settings, tensors))
    except (KeyError, IndexError, RuntimeError) as error:
        raise _other(path, str(error).splitlines()[-1].strip()) from None


def _other(path: Path, why: str) -> InputError:
    return InputError(
        f"{path.name}: not a whole pretext network ({why}); accepted: pretext.safetensors of a pretraining"
    )


def _part(tensors: Mapping[str, Tensor], stage: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{stage}."): value for name, value in tensors.items() if name.startswith(f"{stage}.")}


def _objectives(settings: PretrainSettings, tensors: Mapping[str, Tensor]) -> dict[str, nn.Module]:
    method, implementations = settings.method, stage_implementations(settings.method)
    objectives: dict[str, nn.Module] = {}
    before: dict[str, Tensor] = {}
    for key in pretraining_stages(method):
        own = _part(tensors, key)
        # The first layer of a head on the flattened bottleneck has its number of features.
        heads = (value.shape[1] for name, value in own.items() if name.endswith("head.1.weight") and value.ndim == 2)
        features = next(heads, 0)
        ends = {key: own}
        if pretext_of(method).stages[key].keeps_start:
            ends[key + START] = before | _part(tensors, key + START)
        for name, parameters in ends.items():
            objective = implementations[key].objective(method, network_of(settings), features)
            objective.load_state_dict(parameters)
            objectives[name] = objective.eval().requires_grad_(False)
        before = {name: value for name, value in own.items() if name.startswith("encoder.")}
    return objectives
