"""CPU cores and memory available to this process."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from fewlabel.operations.doctor.finding import Finding, note, ok
from fewlabel.utils.environment import control_group_file, control_group_limit, meminfo_bytes, read_text
from fewlabel.utils.formatting import size

TRAINING_MEMORY = 3_000_000_000
"""Memory in bytes that a training requests at its first attempt."""


@dataclass(frozen=True)
class Hardware:
    """Memory in bytes; None where it is unknown."""

    cores: int  # available to this process
    all_cores: int
    core_time: float | None = None  # CPU time limit of the container or allocation, in cores; None: no limit
    threads: str | None = None  # OMP_NUM_THREADS
    free: int | None = None  # available memory
    total: int | None = None  # memory of the machine
    limit: int | None = None  # memory limit of the container or allocation


def ask() -> Hardware:
    """Collect the facts of this machine."""
    all_cores = os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else all_cores
    memory = read_text(Path("/proc/meminfo")) or ""
    return Hardware(
        cores,
        all_cores,
        core_time=core_time(control_group_file("cpu.max")),
        threads=os.environ.get("OMP_NUM_THREADS"),
        free=meminfo_bytes(memory, "MemAvailable"),
        total=meminfo_bytes(memory, "MemTotal"),
        limit=control_group_limit(control_group_file("memory.max")),
    )


def findings(machine: Hardware) -> list[Finding]:
    """Check cores and memory."""
    return [_cores(machine), _memory(machine)]


def core_time(text: str | None) -> float | None:
    """The CPU limit in cores of a control group's `cpu.max` ("150000 100000" is 1.5); None: no limit."""
    match = re.fullmatch(r"(\d+) (\d+)\s*", text or "")
    return int(match[1]) / int(match[2]) if match else None


def _cores(machine: Hardware) -> Finding:
    threads = f", OMP_NUM_THREADS={machine.threads}" if machine.threads else ""
    text = f"{machine.cores} of {machine.all_cores}{threads}"
    if machine.core_time is not None and machine.core_time < machine.cores:
        limited = f"{text}, limited to the CPU time of {machine.core_time:g}"
        return note("cores", limited, f"run with `--cores {max(1, int(machine.core_time))}`")
    return ok("cores", text)


def _memory(machine: Hardware) -> Finding:
    bounds = [bound for bound in (machine.free, machine.limit) if bound is not None]
    if not bounds:
        return note("memory", "unknown on this system", "set `resources: mem_mb` of the profile by hand")
    free = min(bounds)
    text = f"{size(free)} free" + (f" of {size(machine.total)}" if machine.total else "")
    text += f", {size(machine.limit)} granted" if machine.limit is not None else ""
    if free < TRAINING_MEMORY:
        todo = (
            "close other programs, request more memory, or run fewer jobs in parallel (`--cores`, `resources: mem_mb`)"
        )
        return note("memory", f"{text}: less than the {size(TRAINING_MEMORY)} that a training requests", todo)
    return ok("memory", text)
