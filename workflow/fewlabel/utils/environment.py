"""Facts of this process: software, code revision, processor, memory and its limits.

Records leave unknown facts out, and contain no user, host or path. Imports nothing slow: torch only where it is used.
"""

import os
import platform
import re
import resource
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size
from fewlabel.utils.json_files import load_json

if TYPE_CHECKING:
    import torch

PACKAGE = Path(__file__).parents[1]
EXTENSION_GROUPS = ("fewlabel.pretexts", "fewlabel.sources", "fewlabel.figures", "fewlabel.scores")
"""Groups of entry points by which other packages extend this one."""


def software() -> dict[str, Any]:
    """Versions of the package (with its commit, if in git), Python, CUDA and the declared libraries."""
    import torch

    # Without a GPU the query of cuDNN would load the library for nothing.
    cudnn: Any = torch.backends.cudnn.version() if torch.cuda.is_available() else None  # type: ignore[no-untyped-call]
    backends = {"cuda": torch.version.cuda, "cudnn": cudnn and str(cudnn)}
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


def hardware(device: "torch.device") -> dict[str, Any]:
    """Processor, GPU, system, and number of cores available to this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"processor": processor_name(), "cores": cores, "system": platform.system()}
    if device.type == "cuda":
        import torch

        facts["gpu"] = torch.cuda.get_device_name(device)
    return {name: fact for name, fact in facts.items() if fact}


def memory(device: "torch.device", peak: int) -> dict[str, int]:
    """Peak memory of a training in bytes: of the host (`peak`) and of the GPU."""
    facts = {"peak_host_bytes": peak} if peak else {}
    if device.type == "cuda":
        import torch

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


def processor_name() -> str | None:
    """The processor's name."""
    if sys.platform == "darwin":
        return command_output(["sysctl", "-n", "machdep.cpu.brand_string"])
    name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo(), re.MULTILINE)
    return name[1].strip() if name else platform.processor() or platform.machine() or None


def cpuinfo() -> str:
    """Content of Linux's /proc/cpuinfo; empty on other systems."""
    return read_text(Path("/proc/cpuinfo")) or ""


def command_output(command: list[str], seconds: float = 20) -> str | None:
    """Standard output of a command; None if it is missing, fails, or takes longer than `seconds`."""
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout if process.returncode == 0 else None


def memory_limit() -> int | None:
    """The smaller of the machine's memory and its control group's limit (container, Slurm), in bytes; None: unknown."""
    limits = [
        meminfo_bytes(read_text(Path("/proc/meminfo")) or "", "MemTotal"),
        control_group_limit(control_group_file("memory.max")),
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def refuse_above_memory(needed: int, what: str, remedy: str, granted: int | None = None) -> None:
    """Raise an InputError if work needs more memory than available, before it allocates any.

    Args:
        needed: the least memory that the work needs, in bytes.
        what: place and kind of the work, for the message.
        remedy: what to lower.
        granted: available bytes (default: the limit of this process).
    """
    most = granted if granted is not None else memory_limit()
    if most is not None and needed > most:
        raise InputError(
            f"{what} needs {size(needed)} of memory or more; accepted: up to {size(most)}; to fix: {remedy}"
        )


def meminfo_bytes(text: str, name: str) -> int | None:
    """The value of a line of /proc/meminfo, in bytes."""
    value = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(value[1]) * 1024 if value else None


def control_group_limit(text: str | None) -> int | None:
    """A control group's `memory.max` in bytes; None: no limit ("max")."""
    return int(text) if text and text.strip().isdigit() else None


def control_group_file(name: str) -> str | None:
    """Text of a file of this process's control group (version 2)."""
    group = re.search(r"^0::(\S+)$", read_text(Path("/proc/self/cgroup")) or "", re.MULTILINE)
    return read_text(Path("/sys/fs/cgroup") / group[1].lstrip("/") / name) if group else None


def read_text(path: Path) -> str | None:
    """Text of a system file; None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


FROZEN = "frozen.json"
"""File in the package of a snapshot with the commit of the copied checkout."""


def commit(folder: Path) -> dict[str, Any]:
    """The commit of a folder of code and whether files changed since; empty outside git.

    A folder that git does not track (an environment inside a project) has no commit. A frozen copy contains its own.
    """
    with suppress(OSError, ValueError):
        return dict(load_json(folder / FROZEN))
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {}
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", ".")
    if head is None or changed is None:
        return {}
    return {"commit": head.strip(), "dirty": bool(changed.strip())}


def _git(folder: Path, *arguments: str) -> str | None:
    # No optional locks: many trainings read at once, and none of them changes the repository.
    return command_output(["git", "--no-optional-locks", "-C", str(folder), *arguments])
