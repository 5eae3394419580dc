"""Software, hardware and memory of a run, for its record. Unknown facts are left out; no user, host or path is kept."""

import os
import platform
import re
import resource
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import Any

import torch

from fewlabel.utils.git import commit
from fewlabel.utils.hardware_info import processor_name

PACKAGE = Path(__file__).parents[1]
EXTENSION_GROUPS = ("fewlabel.pretexts", "fewlabel.sources", "fewlabel.figures", "fewlabel.scores")
"""Groups of entry points by which other packages extend this one."""


def software() -> dict[str, Any]:
    """Versions of the package (with its commit, if in git), Python, CUDA and the declared libraries."""
    backends = {"cuda": torch.version.cuda, "cudnn": _cudnn()}
    return {
        "fewlabel": version("fewlabel"),
        **commit(PACKAGE),
        "python": platform.python_version(),
        **{name: number for name, number in backends.items() if number},
        "packages": packages(),
    }


def packages() -> dict[str, str]:
    """Installed versions of the libraries that the package declares, and of the packages that extend it, by name."""
    owners = (entry.dist for group in EXTENSION_GROUPS for entry in entry_points(group=group))
    versions = {owner.name: owner.version for owner in owners if owner is not None}
    for requirement in requires("fewlabel") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
    return dict(sorted(versions.items()))


def hardware(device: torch.device) -> dict[str, Any]:
    """Processor, GPU, system, and number of cores available to this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"processor": processor_name(), "cores": cores, "system": platform.system()}
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return {name: fact for name, fact in facts.items() if fact}


def memory(device: torch.device, peak: int) -> dict[str, int]:
    """Peak memory of a training in bytes: of the host (`peak`) and of the GPU."""
    facts = {"peak_host_bytes": peak} if peak else {}
    if device.type == "cuda":
        facts["peak_gpu_bytes"] = torch.cuda.max_memory_allocated(device)
        # Includes torch's cache, which other processes cannot use.
        facts["reserved_gpu_bytes"] = torch.cuda.max_memory_reserved(device)
    return facts


def peak_host_bytes() -> int | None:
    """Peak resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) or None


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as a date and time in UTC (ISO 8601)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _cudnn() -> str | None:
    # Without a GPU the query would load the library for nothing.
    number: int | None = torch.backends.cudnn.version() if torch.cuda.is_available() else None  # type: ignore[no-untyped-call]
    return str(number) if number else None
