"""Device, precision and threads of a training."""

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import torch

from fewlabel.training.devices import processes
from fewlabel.training.devices.gpu_slots import Slot, acquire_slots
from fewlabel.training.devices.gpus import REMEDY, Gpu, query_driver, usable_gpus, visible_gpus
from fewlabel.training.devices.probe import Precision as Precision  # re-exported
from fewlabel.training.devices.probe import Probe
from fewlabel.training.devices.probe_cache import probe_machine
from fewlabel.utils.errors import InputError
from fewlabel.utils.log import LOG

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def acquire_device(name: str, need: Callable[[str], int | None]) -> tuple[torch.device, Slot | None]:
    """Choose the device to train on; on a GPU, wait for a slot and hold it until this process ends.

    Of several processes of a training, each has a GPU of its own. The first of a machine holds the slots of all.

    Args:
        name: as for `choose_device`; `auto` and `cuda` use any GPU of CUDA_VISIBLE_DEVICES, `cuda:1` the second of
            these.
        need: returns the memory in bytes that the run needs on a GPU of that model; None: unknown.

    Raises:
        InputError: no such device.
    """
    gpus = available_gpus() if name.startswith(("auto", "cuda")) else []
    if gpus:
        needs = [need(model) for model in sorted({gpu.name for gpu in usable_gpus(name, gpus)})]
        measured = [size for size in needs if size is not None]
        largest = max(measured) if len(measured) == len(needs) else None
        refuse_fewer(name, len(usable_gpus(name, gpus)))
        slot = processes.one_each(
            lambda: acquire_slots(
                lambda: usable_gpus(name, available_gpus()), largest, slots_per_gpu(), processes.count_of_node()
            )
        )
        # Set before torch initialises CUDA, so that torch sees this GPU alone.
        os.environ["CUDA_VISIBLE_DEVICES"] = slot.gpu.uuid
        LOG.info(f"device: {slot}")
        return choose_device("cuda"), slot
    device = choose_device(name)
    if device.type != "cpu" and processes.count_of_node() > 1:
        refuse_fewer(name, torch.cuda.device_count() if name in ("auto", "cuda") else 1)
        device = torch.device("cuda", processes.number_on_node())
    note = " (`nvidia-smi` is not available: no slot is reserved)" if device.type == "cuda" else ""
    LOG.info(f"device: {device}{note}")
    return device, None


def available_gpus() -> list[Gpu]:
    """GPUs that this process may use and torch supports; empty if the driver cannot be queried."""
    if torch.version.cuda is None:
        return []
    return visible_gpus(query_driver() or [], os.environ.get("CUDA_VISIBLE_DEVICES"))


def refuse_fewer(name: str, gpus: int) -> None:
    """Raise an InputError if this machine has fewer usable GPUs than processes of this training."""
    if (needed := processes.count_of_node()) > gpus:
        raise InputError(
            f"--processes {needed}: each process needs a GPU, and --device {name} leaves {gpus} here; accepted: up to "
            f"{gpus}; to fix: lower it (`gpus_per_pretraining` of a profile), or use another machine"
        )


def slots_per_gpu() -> int:
    """Runs that may share a GPU: FEWLABEL_SLOTS_PER_GPU, by default 1. Raises InputError: not a whole number from 1."""
    text = os.environ.get("FEWLABEL_SLOTS_PER_GPU", "1")
    if not (text.isdigit() and int(text)):
        raise InputError(
            f"FEWLABEL_SLOTS_PER_GPU={text}: accepted: a whole number from 1 (`slots_per_gpu` of profiles/gpu)"
        )
    return int(text)


def choose_device(name: str = "auto") -> torch.device:
    """The device `auto` (CUDA, else MPS, else CPU), `cpu`, `cuda`, `cuda:1` or `mps`, without reserving a slot.

    Raises:
        InputError: no such device.
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
            f"--device {name}: not available here ({reason}); accepted: auto, cpu, cuda, cuda:0 …, mps; {REMEDY}"
        ) from None
    return device


def choose_precision(setting: Literal["auto", "f32", "bf16"], device: torch.device) -> Precision:
    """The precision of a training: for `auto`, the faster on a CPU by its probe, and bf16 on GPUs that compute it.

    On a CPU without a kept probe, the first call of a machine probes for one or two seconds.
    """
    if setting != "auto":
        return setting
    probe = probe_device(setting, device)
    return probe.precision if probe is not None else hardware_precision(device)


def probe_device(setting: Literal["auto", "f32", "bf16"], device: torch.device) -> Probe | None:
    """The probe of a CPU with the threads of this process; None: precision is set, no CPU, or no cache to keep it."""
    return probe_machine(torch.get_num_threads()) if setting == "auto" and device.type == "cpu" else None


def hardware_precision(device: torch.device) -> Precision:
    """bf16 where the hardware has instructions for it, which need not be faster; otherwise f32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "f32"
    return "bf16" if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() else "f32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """The context of a forward pass."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def use_deterministic_algorithms() -> None:
    """Use only deterministic GPU operations; call before the first operation."""
    # cuBLAS reads it at its start: without a fixed workspace its sums depend on timing.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def use_full_f32() -> None:
    """Compute f32 in 32 bits on GPUs, where PyTorch lets convolutions round to TF32; bf16 is the fast precision."""
    torch.backends.cudnn.allow_tf32 = False


def use_threads(threads: int) -> None:
    """Limit this process to its threads, since idle OpenMP threads take cores of other jobs; keep freed memory."""
    keep_freed_memory()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory: memory returned to the system is cleared again page by page at each step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for parameter, size in ((M_TRIM_THRESHOLD, 2**31 - 1), (M_MMAP_THRESHOLD, 2**30)):
            mallopt(parameter, size)
