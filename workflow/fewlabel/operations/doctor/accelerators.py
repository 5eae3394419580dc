"""The build of torch, its devices and their precision."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.utils.environment import command_output
from fewlabel.utils.formatting import size

LEAST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""Minimum Linux driver by CUDA major version (NVIDIA, CUDA compatibility: minor version compatibility)."""

QUERY = ["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"]


@dataclass(frozen=True)
class Driver:
    """NVIDIA driver and GPUs of this system."""

    version: str | None = None  # of the driver; None: no driver is loaded
    gpus: tuple[str, ...] = ()  # names from `nvidia-smi`
    visible: str | None = None  # CUDA_VISIBLE_DEVICES; None: not set

    @property
    def present(self) -> bool:
        """Whether this machine has an NVIDIA driver or GPU."""
        return self.version is not None or bool(self.gpus)


def ask_driver(visible: str | None) -> Driver:
    """Ask the kernel module and `nvidia-smi`."""
    try:
        module = module_version(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8"))
    except OSError:
        module = None
    version, gpus = parse_query((command_output(QUERY, seconds=10) if shutil.which(QUERY[0]) else None) or "")
    return Driver(module or version, gpus, visible)


def module_version(text: str) -> str | None:
    """Parse the version from /proc/driver/nvidia/version."""
    match = re.search(r"^NVRM version:.*?\b(\d{3,}\.\d+(?:\.\d+)?)\b", text, re.MULTILINE)
    return match[1] if match else None


def parse_query(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Parse version and GPUs from `nvidia-smi --query-gpu=driver_version,name`."""
    rows = [row.partition(",") for row in text.splitlines() if re.match(r"\d{3,}\.\d", row)]
    return (rows[0][0].strip() if rows else None), tuple(name.strip() for _, _, name in rows)


def too_old(version: str, cuda: str) -> str | None:
    """The minimum driver of a CUDA version if this driver is older; else None."""
    least = LEAST_DRIVER.get(int(cuda.partition(".")[0]))
    parts = tuple(int(part) for part in version.split(".")[:2])
    return ".".join(map(str, least)) if least and parts < least else None


def newest_cuda(version: str) -> int | None:
    """The newest CUDA major version that a driver supports."""
    fitting = [cuda for cuda in LEAST_DRIVER if too_old(version, str(cuda)) is None]
    return max(fitting, default=None)


FEW_BYTES = 2_000_000_000
GPU_BUILD = (
    "`python -m pip install --constraint envs/cuda.txt 'torch==={version}'` (envs/cuda.yaml: the same for conda)"
)


@dataclass(frozen=True)
class TorchGpu:
    """A GPU as torch sees it; memory in bytes."""

    name: str  # as reported by the driver
    capability: tuple[int, int]  # major and minor number of its architecture
    # free, total: memory
    free: int
    total: int
    bf16: bool  # whether trainings use bfloat16 on it
    failure: str | None = None  # of a test computation; None: passed


@dataclass(frozen=True)
class Torch:
    """The build of torch and its devices; `version` is None where it cannot be imported, for the reason `broken`."""

    version: str | None
    cuda: str | None = None
    architectures: tuple[str, ...] = ()
    gpus: tuple[TorchGpu, ...] = ()
    mps: bool = False
    cpu: str = ""  # precision of trainings on the CPU, with its probe
    cpu_todo: str = ""  # how to probe the CPU, if no probe can be kept
    broken: str = ""


def ask(repeat_probe: bool = False) -> Torch:
    """Import torch, which takes seconds, probe the CPU, and run a test computation on each GPU.

    Args:
        repeat_probe: replace the kept probes.
    """
    try:
        import torch

        from fewlabel.training.devices import device, probe_cache
    except (ImportError, OSError, RuntimeError) as error:
        return Torch(None, broken=str(error).splitlines()[0])
    gpus = tuple(_gpu(index) for index in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    device.keep_freed_memory()  # as trainings do, before they probe
    probes = probe_cache.probe_all(repeat_probe)
    cpu = "; ".join(probe.describe() for probe in probes)
    todo = ""
    if not probes:
        cpu = f"{device.hardware_precision(torch.device('cpu'))}, by its instructions; no probe is kept"
        todo = f"set {probe_cache.CACHE} to a folder that can be written"
    mps = torch.backends.mps.is_available()
    return Torch(torch.__version__, torch.version.cuda, tuple(torch.cuda.get_arch_list()), gpus, mps, cpu, todo)


def _gpu(index: int) -> TorchGpu:
    import torch

    from fewlabel.training.devices.device import choose_precision

    device = torch.device("cuda", index)
    properties = torch.cuda.get_device_properties(device)
    capability, failure, free = (properties.major, properties.minor), None, 0
    try:
        free = torch.cuda.mem_get_info(device)[0]
        if torch.ones(1000, device=device).sum().item() != 1000:
            failure = "wrong result of a test sum"
    except RuntimeError as error:
        failure = str(error).splitlines()[0]
    bf16 = choose_precision("auto", device) == "bf16"
    return TorchGpu(properties.name, capability, free, properties.total_memory, bf16, failure)


def findings(torch: Torch, driver: Driver, need_gpu: bool) -> list[Finding]:
    """Check the build against the driver, each device, and the precision of trainings."""
    if torch.version is None:
        return [problem("torch", f"cannot be imported: {torch.broken}", "recreate the environment: `make clean demo`")]
    devices = [_device(index, gpu, torch) for index, gpu in enumerate(torch.gpus)]
    return [_build(torch, driver, need_gpu), *devices, _precision(torch)]


def _build(torch: Torch, driver: Driver, need_gpu: bool) -> Finding:
    stopping = problem if need_gpu else note
    build = f"{torch.version} for {f'CUDA {torch.cuda}' if torch.cuda else 'CPUs'}"
    if torch.gpus:
        return ok("torch", f"{build}, driver {driver.version or 'unknown'}, {len(torch.gpus)} GPUs")
    if not driver.present:
        if need_gpu:
            todo = "request one from the cluster (`srun --gpus=1`, `--gres=gpu:1`), or use profiles/default"
            return problem("torch", f"{build}, and no NVIDIA GPU or driver here", todo)
        return ok("torch", f"{build}, no NVIDIA GPU here; trainings run on {'MPS' if torch.mps else 'the CPU'}")
    if torch.cuda is None:
        plain = str(torch.version).partition("+")[0]
        text = f"{build}, but this machine has NVIDIA GPUs (driver {driver.version}), which it cannot use"
        return stopping("torch", text, GPU_BUILD.format(version=plain))
    least = too_old(driver.version, torch.cuda) if driver.version else None
    if least:
        newest = newest_cuda(str(driver.version))
        todo = f"update the driver to {least} or newer" + (f", or install a build for CUDA {newest}" if newest else "")
        return stopping("torch", f"{build}, but driver {driver.version} is older than the required {least}", todo)
    return stopping("torch", f"{build}, driver {driver.version}, but torch sees no GPU", _hidden(driver))


def _hidden(driver: Driver) -> str:
    if driver.visible is not None and driver.visible.strip() in ("", "-1", "NoDevFiles"):
        return f"CUDA_VISIBLE_DEVICES={driver.visible!r} hides them: unset it, or request a GPU from the cluster"
    if driver.visible is not None:
        return f"CUDA_VISIBLE_DEVICES={driver.visible!r} selects none of the {len(driver.gpus)} GPUs of the driver"
    return "check `nvidia-smi`; in a container: `--nv` (Apptainer), `--gpus all` (Docker); else reload the driver"


def _device(index: int, gpu: TorchGpu, torch: Torch) -> Finding:
    check = f"GPU {index}"
    major, minor = gpu.capability
    text = f"{gpu.name}, capability {major}.{minor}, {size(gpu.free)} free of {size(gpu.total)}"
    if not covers(torch.architectures, gpu.capability):
        todo = (
            f"use another GPU, or a build of torch with sm_{major}{minor} (this one: {' '.join(torch.architectures)})"
        )
        return problem(check, f"{text}: torch {torch.version} does not support it", todo)
    if gpu.failure is not None:
        return problem(check, f"{text}: {gpu.failure}", "check `nvidia-smi`; use another GPU, or restart this one")
    if gpu.free < FEW_BYTES:
        return note(check, f"{text}: in use by other programs", "wait, or choose another with CUDA_VISIBLE_DEVICES")
    return ok(check, text)


def covers(architectures: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Whether a build supports a GPU: compiled for its major and up to its minor version, or portable (PTX)."""
    for name in architectures:
        kind, _, number = name.partition("_")
        digits = "".join(character for character in number if character.isdigit())
        built = (int(digits[:-1]), int(digits[-1]))
        # Suffix `a`: only this architecture; `f`: its family.
        exact = kind == "sm" and built[0] == capability[0] and built <= capability
        if (exact and (not number.endswith("a") or built == capability)) or (kind == "compute" and built <= capability):
            return True
    return not architectures


def _precision(torch: Torch) -> Finding:
    if torch.gpus:
        where = {gpu.name: "bf16" if gpu.bf16 else "f32" for gpu in torch.gpus}
    else:
        where = {"MPS": "f32"} if torch.mps else {}
    text = ", ".join(f"{name}: {precision}" for name, precision in {**where, "CPU": torch.cpu}.items())
    return note("precision", text, torch.cpu_todo) if torch.cpu_todo else ok("precision", text)
