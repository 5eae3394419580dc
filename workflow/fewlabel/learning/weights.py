"""Weights as safetensors with JSON metadata; a network takes them only where they fit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fewlabel.errors import InputError
from fewlabel.files import whole
from fewlabel.learning.network import UNet


@dataclass(frozen=True)
class Loaded:
    """What became of each parameter when weights were loaded."""

    matched: list[str]
    missing: list[str]

    def __str__(self) -> str:
        """One line for a log."""
        fresh = sorted(
            {
                ".".join(name.split(".")[:3]) if name.startswith("decoder") else name.split(".")[0]
                for name in self.missing
            }
        )
        return f"{len(self.matched)} parameters loaded, {len(self.missing)} start at random" + (
            f" ({', '.join(fresh)})" if fresh else ""
        )


def save_weights(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors (as float32 on the CPU) and facts, whole or not at all.

    Args:
        path: of the `.safetensors` file.
        tensors: by parameter name of the `UNet`.
        facts: JSON values; `widths` (of the U-Net) is required to load the file again.
    """
    plain = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    with whole(path) as partial:
        # Not by the library's own `save_file`, which makes files that nobody else on a cluster may read.
        partial.write_bytes(save(plain, metadata={"fewlabel": json.dumps(dict(facts), sort_keys=True)}))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file.

    Raises:
        InputError: missing, damaged, or not written by `save_weights`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return tensors, dict(json.loads(metadata["fewlabel"]))
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such weights file") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path.name}: damaged, or not weights of fewlabel ({error}); make them again") from None


def load_weights(network: UNet, path: Path, widths: list[int]) -> Loaded:
    """Give a network the parameters of a file; those that the file does not hold keep their random initialisation.

    Raises:
        InputError: another architecture, parameters that the network does not have, other shapes, or no encoder.
    """
    tensors, facts = read_weights(path)
    own = network.state_dict()
    problems = (
        []
        if facts.get("widths") == widths
        else [f"network.widths are {widths}, the weights were made with {facts.get('widths')}"]
    )
    problems += [f"parameter {name} is unknown to this network" for name in tensors if name not in own]
    problems += [
        f"parameter {name} has shape {tuple(tensor.shape)}, expected {tuple(own[name].shape)}"
        for name, tensor in tensors.items()
        if name in own and tensor.shape != own[name].shape
    ]
    problems += [
        f"parameter {name} of the encoder is missing"
        for name in own
        if name.startswith("encoder.") and name not in tensors
    ]
    if problems:
        shown = problems[:5] + ([f"and {len(problems) - 5} more"] if len(problems) > 5 else [])
        raise InputError.of(shown, f"{path.name}: these weights do not fit; pretrain again with the same network")
    network.load_state_dict(tensors, strict=False)
    return Loaded(matched=sorted(tensors), missing=sorted(set(own) - set(tensors)))


def restore_network(path: Path) -> tuple[UNet, dict[str, Any]]:
    """The whole network of a file, with its facts.

    Raises:
        InputError: the file is damaged or holds only a part of a network.
    """
    tensors, facts = read_weights(path)
    network = UNet(facts["widths"])
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(
            f"{path.name}: not a whole network ({str(error).splitlines()[-1].strip()}); use finetuned weights"
        ) from None
    return network, facts


def transferable(network: nn.Module, decoder_stages: int) -> dict[str, Tensor]:
    """What pretraining hands on: the encoder and its trained decoder stages, never the output convolution or a head."""
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.startswith("encoder.")
        or (name.startswith("decoder.stages.") and int(name.split(".")[2]) < decoder_stages)
    }
