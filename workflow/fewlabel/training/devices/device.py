"""Where training runs and in which precision."""

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import torch

from fewlabel.training.devices.gpu_slots import Slot, take
from fewlabel.training.devices.gpus import NEXT, Gpu, ask_driver, usable, visible
from fewlabel.utils.errors import InputError

Precision = Literal["f32", "bf16"]

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def take_device(name: str, need: Callable[[str], int | None]) -> tuple[torch.device, Slot | None]:
    """The device to train on; on a GPU with a place that this process holds until it ends, waiting for one if need be.

    Args:
        name: as for `choose_device`; `auto` and `cuda` take any GPU that CUDA_VISIBLE_DEVICES leaves, `cuda:1` the
            second of these.
        need: the GPU memory in bytes that the run will need on a GPU of that name; None: unknown.

    Raises:
        InputError: the device is not there.
    """
    gpus = my_gpus() if name.startswith(("auto", "cuda")) else []
    if gpus:
        needs = [need(model) for model in sorted({gpu.name for gpu in usable(name, gpus)})]
        known = [size for size in needs if size is not None]
        slot = take(lambda: usable(name, my_gpus()), max(known) if len(known) == len(needs) else None, slots_per_gpu())
        # From here on torch sees this GPU alone, as its first: before it is asked for the first time.
        os.environ["CUDA_VISIBLE_DEVICES"] = slot.gpu.uuid
        print(f"device: {slot}", file=sys.stderr, flush=True)
        return choose_device("cuda"), slot
    device = choose_device(name)
    alone = " (`nvidia-smi` tells nothing: no place is kept on it)" if device.type == "cuda" else ""
    print(f"device: {device}{alone}", file=sys.stderr, flush=True)
    return device, None


def my_gpus() -> list[Gpu]:
    """The GPUs that this process may use and torch can; none where the driver cannot be asked (torch then may know)."""
    if torch.version.cuda is None:
        return []
    return visible(ask_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES"))


def slots_per_gpu() -> int:
    """How many runs may share a GPU: FEWLABEL_SLOTS_PER_GPU, else one.

    Raises:
        InputError: it is no number from 1 on.
    """
    text = os.environ.get("FEWLABEL_SLOTS_PER_GPU", "1")
    if not (text.isdigit() and int(text)):
        raise InputError(
            f"FEWLABEL_SLOTS_PER_GPU={text}: accepted: a number from 1 on (`slots_per_gpu` of profiles/gpu)"
        )
    return int(text)


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name, without a place on it.

    Args:
        name: `auto` (CUDA, else MPS, else CPU), `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        InputError: the device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--device {name}: not available here ({reason}); accepted: auto, cpu, cuda, cuda:0 …, mps; {NEXT}"
        ) from None
    return device


def choose_precision(wanted: Literal["auto", "f32", "bf16"], device: torch.device) -> Precision:
    """bf16 where the hardware computes it: measured 1.4 to 1.7 times faster on CPUs with AVX512-BF16, more on GPUs."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "f32"
    return "bf16" if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() else "f32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """The context of a forward pass."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def deterministic() -> None:
    """Refuse operations of a GPU whose bits differ from run to run; to be called before the first of them."""
    # cuBLAS reads it when it starts: without a fixed workspace its sums depend on timing.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def use_threads(threads: int) -> None:
    """Bound the job to its threads: idle OpenMP threads spin and take the cores of other jobs. Freed memory is kept."""
    _keep_freed_memory()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def _keep_freed_memory() -> None:
    """Let glibc keep what tensors free: given back to the system after each step, it is cleared anew page by page."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, size in ((M_TRIM_THRESHOLD, 2**31 - 1), (M_MMAP_THRESHOLD, 2**30)):
            mallopt(parameter, size)
