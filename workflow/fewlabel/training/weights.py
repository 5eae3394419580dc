"""Weights files: safetensors with JSON metadata, checked before use."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fewlabel.config.base import Classes, Text
from fewlabel.config.training import Widths
from fewlabel.training.network import UNet
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import atomic_file
from fewlabel.utils.errors import InputError, first_fault, plain
from fewlabel.utils.formatting import first_lines, listed
from fewlabel.utils.json_files import parse_json

FLOATS = ("F16", "BF16", "F32", "F64")
REMEDY = "to fix: make them again"
_CLASSES: TypeAdapter[dict[str, list[int]]] = TypeAdapter(Classes)
SHOWN = 5
"""Number of problems or names that a message lists."""


@dataclass(frozen=True)
class Loaded:
    """Names of the parameters that a file contained and lacked."""

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
    """Write tensors (as float32) and facts atomically.

    Args:
        tensors: by parameter name of the `UNet`.
        facts: JSON values; `widths` (of the U-Net) is required to load the file again.
    """
    plain = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as partial:
        # The library's `save_file` makes files that other users of a cluster may not read.
        partial.write_bytes(save(plain, metadata={"fewlabel": json.dumps(dict(facts), sort_keys=True)}))


class Facts(BaseModel):
    """Required facts of a weights file and their types; further facts are allowed."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, strict=True)

    widths: Widths
    subjects: list[Text] = Field([], max_length=1_000_000)
    settings: dict[str, Any] = Field(default_factory=dict)
    prepared: dict[str, Any] = Field(default_factory=dict)
    decoder_stages: int = Field(0, ge=0, le=7)


def class_names(facts: Mapping[str, Any]) -> list[str]:
    """Names of the classes that a finetuned network segments, in the order of their numbers; empty: one without a name.

    Raises:
        InputError: they are no classes.
    """
    try:
        return list(_CLASSES.validate_python(facts.get("settings", {}).get("classes", {})))
    except ValidationError as error:
        raise InputError(f"settings.classes of the weights: {first_fault(error)}; {REMEDY}") from None


@dataclass(frozen=True)
class WeightsHeader:
    """Header of a weights file."""

    facts: dict[str, Any]  # the facts passed to `save_weights`
    shapes: dict[str, tuple[int, ...]]  # shape of each tensor, by name


def context_of(facts: Mapping[str, Any]) -> int:
    """Number of neighbouring slices that a network sees (`Network.context`)."""
    context = facts.get("settings", {}).get("network", {}).get("context", 1)
    return context if isinstance(context, int) and context in range(1, 16, 2) else 1


def read_header(path: Path) -> WeightsHeader:
    """Read facts and shapes of a weights file, without its tensors.

    Raises:
        InputError: the file is missing, damaged, not written by `save_weights`, or has facts of wrong types.
    """
    with _opened(path) as file:
        metadata = file.metadata() or {}
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        types = {name: each.get_dtype() for name, each in slices.items()}
        shapes = {name: tuple(each.get_shape()) for name, each in slices.items()}
    if "fewlabel" not in metadata:
        raise _damaged(path, "it contains no metadata of fewlabel")
    if other := sorted({kind for kind in types.values() if kind not in FLOATS}):
        raise InputError(f"{path.name}: numbers of type {', '.join(other)}; accepted: {', '.join(FLOATS)}; {REMEDY}")
    return WeightsHeader(_facts(path, metadata["fewlabel"]), shapes)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and facts of a weights file. Raises InputError: as `read_header`, or NaN or infinite values."""
    header = read_header(path)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in header.shapes}
    if broken := [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]:
        raise InputError(
            f"{path.name}: NaN or infinite values in {listed(broken, SHOWN)}; accepted: finite weights; {REMEDY}"
        )
    return tensors, header.facts


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file with an unchanged hash; errors of the library become an InputError."""
    recorded_hashes.check(path)
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such weights file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); accepted: a weights file") from None
    except SafetensorError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path.name}: damaged, or not weights of fewlabel ({why}); {REMEDY}")


def _facts(path: Path, text: str) -> dict[str, Any]:
    """The facts of a file, with checked types."""
    try:
        facts = parse_json(text)
        Facts.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "metadata"
        value = plain(repr(first["input"]))
        raise _damaged(path, f"{place}: {first['msg']}, but it is {value}") from None
    except ValueError as error:
        raise _damaged(path, f"its metadata is not JSON: {plain(str(error))}") from None
    return dict(facts)


def load_weights(network: UNet, path: Path, widths: list[int]) -> Loaded:
    """Load the parameters of a file into a network; other parameters keep their random initialisation.

    Raises:
        InputError: other widths or shapes, parameters that the network lacks, or no encoder.
    """
    header = read_header(path)
    own = _shapes(network)
    problems = []
    if header.facts["widths"] != widths:
        problems.append(f"network.widths are {widths}, those of the weights {header.facts['widths']}")
    problems += _mismatches(header.shapes, own)
    problems += [
        f"parameter {name} of the encoder is missing"
        for name in own
        if name.startswith("encoder.") and name not in header.shapes
    ]
    if problems:
        raise InputError.of(
            first_lines(problems, SHOWN),
            f"{path.name}: weights do not fit; to fix: pretrain again with the same network",
        )
    tensors, _ = read_weights(path)
    network.load_state_dict(tensors, strict=False)
    return Loaded(matched=sorted(tensors), missing=sorted(set(own) - set(tensors)))


def restore_network(path: Path) -> tuple[UNet, dict[str, Any]]:
    """Read the complete network of a weights file, with its facts.

    Raises:
        InputError: the file is damaged, does not match its widths, or contains only a part of a network.
    """
    header = read_header(path)
    shapes = header.shapes
    inputs = shapes.get("encoder.stages.0.0.weight", (1, 1))[1:2]
    outputs = shapes.get("output.weight", (1,))[:1]
    build = partial(UNet, header.facts["widths"], *(max(1, *sides) if sides else 1 for sides in (inputs, outputs)))
    # Parameters on the device "meta" have shapes but use no memory.
    with torch.device("meta"):
        own = _shapes(build())
    problems = _mismatches(header.shapes, own)
    problems += [f"parameter {name} is missing" for name in own if name not in header.shapes]
    if problems:
        raise InputError(f"{path.name}: not a complete network ({listed(problems, 3)}); accepted: finetuned weights")
    tensors, facts = read_weights(path)
    network = build()
    network.load_state_dict(tensors)
    return network, facts


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _mismatches(shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Messages on parameters that the network lacks or has in another shape."""
    unknown = [f"parameter {plain(name)} is unknown to this network" for name in shapes if name not in expected]
    return unknown + [
        f"parameter {name} has shape {shape}, expected {expected[name]}"
        for name, shape in shapes.items()
        if name in expected and shape != expected[name]
    ]


def transferable(network: nn.Module, decoder_stages: int) -> dict[str, Tensor]:
    """Tensors that pretraining transfers: the encoder and the first decoder stages, without output layer and heads."""
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.startswith("encoder.")
        or (name.startswith("decoder.stages.") and int(name.split(".")[2]) < decoder_stages)
    }
