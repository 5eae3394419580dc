"""The processor, the memory limit of this process, and the output of programs. Imports nothing slow."""

import platform
import re
import subprocess
import sys
from pathlib import Path

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size


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
    """Refuse work that needs more memory than available, before it allocates any.

    Args:
        needed: the least memory that the work needs, in bytes.
        what: place and kind of the work, for the message.
        remedy: what to lower.
        granted: available bytes (default: the limit of this process).

    Raises:
        InputError: the work needs more than available.
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
