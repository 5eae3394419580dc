"""Load the compiled kernels, and call them with tensors."""

import ctypes
import os
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from fewlabel.utils.log import LOG

VERSION = 2
"""Of the functions' arguments; `kernels.c` has the same number."""
MODULE = f"{__package__}.compiled"
"""The shared library, as setuptools names it; it is no Python module."""
OFF = "FEWLABEL_KERNELS"
"""Environment variable; `off`: PyTorch's operations instead."""


class NormalisationArguments(ctypes.Structure):
    """`struct normalisation` of kernels.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("features", "weight", "bias", "mean", "inverse", "output", "pooled")),
        *((name, ctypes.c_void_p) for name in ("output_gradient", "pooled_gradient", "gradient")),
        *((name, ctypes.c_void_p) for name in ("weight_gradient", "bias_gradient")),
        *((name, ctypes.c_int64) for name in ("samples", "rows", "columns", "channels")),
        ("epsilon", ctypes.c_float),
        ("is_bfloat16", ctypes.c_int32),
    ]


class ConcatenationArguments(ctypes.Structure):
    """`struct concatenation` of kernels.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("phases", "skip", "joined")),
        *((name, ctypes.c_int64) for name in ("samples", "rows", "columns", "bytes")),
    ]


class Library:
    """The functions of the shared library."""

    def __init__(self, loaded: ctypes.CDLL) -> None:
        # PyTorch's own OpenMP: a second one would have threads of its own, which take the cores of the first.
        everything = ctypes.CDLL(None)
        region = getattr(everything, "GOMP_parallel", None)
        self._parallel = ctypes.cast(region, ctypes.c_void_p) if region else None
        self.widest: int = loaded.widest()
        self._normalise, self._concatenate = loaded.normalise, loaded.concatenate
        number, address = ctypes.c_int, ctypes.c_void_p
        self._normalise.argtypes = [ctypes.POINTER(NormalisationArguments), number, number, number, address]
        self._concatenate.argtypes = [ctypes.POINTER(ConcatenationArguments), number, number, address]
        self._normalise.restype = self._concatenate.restype = None

    def normalise(self, backward: bool, **arguments: Any) -> None:
        """Call `normalise` with the fields of `NormalisationArguments`."""
        lanes = next(lanes for lanes in (16, 8, 4) if lanes <= self.widest and arguments["channels"] % lanes == 0)
        filled = _filled(NormalisationArguments, arguments)
        self._normalise(filled, lanes, backward, torch.get_num_threads(), self._parallel)

    def concatenate(self, backward: bool, **arguments: Any) -> None:
        """Call `concatenate` with the fields of `ConcatenationArguments`."""
        filled = _filled(ConcatenationArguments, arguments)
        self._concatenate(filled, backward, torch.get_num_threads(), self._parallel)


def _filled(structure: type[ctypes.Structure], arguments: dict[str, Any]) -> ctypes.Structure:
    return structure(
        **{name: value.data_ptr() if isinstance(value, Tensor) else value for name, value in arguments.items()}
    )


def kernels_in_use(device: torch.device) -> str | None:
    """Name and version of the kernels with which trainings on this device run; None: PyTorch's operations."""
    return f"compiled {VERSION}" if device.type == "cpu" and library() is not None else None


@cache
def library() -> Library | None:
    """The compiled kernels; None: not compiled at installation, of another version, or switched off (`OFF`)."""
    if os.environ.get(OFF, "").lower() == "off":
        return None
    spec = find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    try:
        loaded = ctypes.CDLL(spec.origin)
        version = loaded.version()
    except (OSError, AttributeError) as error:
        LOG.info(f"{spec.origin}: not loaded ({error}); training is slower; to fix: install FewLabel again")
        return None
    if version != VERSION:
        LOG.info(
            f"{spec.origin}: version {version}; accepted: {VERSION}; training is slower; to fix: install FewLabel again"
        )
        return None
    return Library(loaded)
