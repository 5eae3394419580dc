"""A pretraining's objectives as they were trained, heads included: how they are kept, and how they are brought back.

Their file holds `training.*` of a regression, `global_stage.*`, `local_stage.*` and `local_stage_start.*` (without the
encoder, which is the global stage's) of a contrastive pretraining, `joint_stage.*` of a joint one, and the same facts
as its weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod
from fewlabel.config.pretexts.joint import JointMethod
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.contrastive import GlobalContrast, LocalContrast
from fewlabel.training.pretexts.joint import Joint
from fewlabel.training.pretexts.regression import Regression
from fewlabel.training.weights import read_weights
from fewlabel.utils.errors import InputError

START = "local_stage_start"


@dataclass(frozen=True)
class Pretext:
    """A pretraining's objectives, on the CPU, not to be trained on.

    Attributes:
        settings: of the pretraining.
        subjects: whose slices it saw.
        regression: of a regression.
        global_stage, local_stage: of a contrastive pretraining; `local_stage` is None where it had none.
        joint: of a joint pretraining.
        local_start: the local stage's objective before its first step.
    """

    settings: PretrainSettings
    subjects: list[str]
    regression: Regression | None = None
    joint: Joint | None = None
    global_stage: GlobalContrast | None = None
    local_stage: LocalContrast | None = None
    local_start: LocalContrast | None = None


def flat(objectives: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors by stage as one mapping: `stage.parameter`."""
    return {f"{stage}.{name}": tensor for stage, tensors in objectives.items() for name, tensor in tensors.items()}


def restore_pretext(path: Path) -> Pretext:
    """The objectives of a `pretext.safetensors`.

    Raises:
        InputError: the file is missing or damaged, or holds something else.
    """
    tensors, facts = read_weights(path)
    try:
        settings = PretrainSettings.model_validate(facts["settings"])
        subjects = [str(name) for name in facts["subjects"]]
    except (KeyError, TypeError, ValidationError):
        raise _other(path, "it does not tell the settings of a pretraining") from None
    stages = {
        stage: _part(tensors, stage) for stage in ("training", "global_stage", "local_stage", START, "joint_stage")
    }
    try:
        # First without memory: wrong shapes are refused before anything is allocated.
        with torch.device("meta"):
            _objectives(settings, {name: {k: v.to("meta") for k, v in each.items()} for name, each in stages.items()})
        return Pretext(settings, subjects, **_objectives(settings, stages))
    except (KeyError, IndexError, RuntimeError) as error:
        raise _other(path, str(error).splitlines()[-1].strip()) from None


def _other(path: Path, why: str) -> InputError:
    return InputError(f"{path.name}: not a whole pretext network ({why}); give pretext.safetensors of a pretraining")


def _part(tensors: Mapping[str, Tensor], stage: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{stage}."): value for name, value in tensors.items() if name.startswith(f"{stage}.")}


def _objectives(settings: PretrainSettings, stages: Mapping[str, dict[str, Tensor]]) -> dict[str, Any]:
    method, widths = settings.method, settings.network.widths
    if isinstance(method, RegressionMethod):
        restoring = Regression(UNet(widths), method.corrupted, method.block, method.noise_scale)
        return {"regression": _filled(restoring, stages["training"])}
    if isinstance(method, JointMethod):
        bottleneck = stages["joint_stage"]["contrast.head.1.weight"].shape[1]
        return {"joint": _filled(Joint.of(method, UNet(widths), bottleneck), stages["joint_stage"])}
    first = method.global_stage
    bottleneck = stages["global_stage"]["head.1.weight"].shape[1]
    contrast = GlobalContrast(
        UNet(widths), bottleneck, first.head, first.positives, first.similar_as_negatives, first.temperature
    )
    objectives: dict[str, Any] = {"global_stage": _filled(contrast, stages["global_stage"])}
    if method.local_stage is not None:
        encoder = {name: value for name, value in stages["global_stage"].items() if name.startswith("encoder.")}
        objectives["local_stage"] = _filled(_local(method, widths), stages["local_stage"])
        objectives["local_start"] = _filled(_local(method, widths), {**encoder, **stages[START]})
    return objectives


def _local(method: ContrastiveMethod, widths: list[int]) -> LocalContrast:
    stage = method.local_stage
    assert stage is not None
    width = widths[-1 - stage.decoder_stages]
    return LocalContrast(
        UNet(widths), stage.decoder_stages, width, stage.head, stage.regions, stage.region_size, stage.temperature,
        stage.freeze_encoder,
    )  # fmt: skip


def _filled(objective: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    objective.load_state_dict(dict(tensors))
    return objective.eval().requires_grad_(False)
