"""The processor, the memory limit of this process, and the output of programs. Imports nothing slow."""

import platform
import re
import subprocess
import sys
from pathlib import Path

from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size


def processor() -> str | None:
    """The processor's name."""
    if sys.platform == "darwin":
        return output(["sysctl", "-n", "machdep.cpu.brand_string"])
    found = re.search(r"^model name\s*:\s*(.+)$", processor_facts(), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or None


def processor_facts() -> str:
    """What Linux says of the processors; empty elsewhere."""
    return read(Path("/proc/cpuinfo")) or ""


def output(command: list[str], seconds: float = 20) -> str | None:
    """What a command prints; None where it is not there, fails, or takes longer."""
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout if process.returncode == 0 else None


def most_bytes() -> int | None:
    """The smaller of the machine's memory and the limit of the control group (container, Slurm); None: unknown."""
    known = [kilobytes(read(Path("/proc/meminfo")) or "", "MemTotal"), limit(control("memory.max"))]
    return min((bound for bound in known if bound is not None), default=None)


def refuse_beyond(needed: int, what: str, remedy: str, granted: int | None = None) -> None:
    """Refuse work that cannot fit, before any of it is allocated.

    Args:
        needed: the least memory that the work needs, in bytes.
        what: place and kind of the work, for the message.
        remedy: what to lower.
        granted: available bytes (default: the limit of this process).

    Raises:
        InputError: the work needs more than available.
    """
    most = granted if granted is not None else most_bytes()
    if most is not None and needed > most:
        raise InputError(
            f"{what} needs {size(needed)} of memory or more; accepted: up to {size(most)}; to fix: {remedy}"
        )


def kilobytes(text: str, name: str) -> int | None:
    """A line of /proc/meminfo, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def limit(text: str | None) -> int | None:
    """A control group's `memory.max` in bytes; None: no limit ("max")."""
    return int(text) if text and text.strip().isdigit() else None


def control(name: str) -> str | None:
    """A file of this process's control group (version 2)."""
    found = re.search(r"^0::(\S+)$", read(Path("/proc/self/cgroup")) or "", re.MULTILINE)
    return read(Path("/sys/fs/cgroup") / found[1].lstrip("/") / name) if found else None


def read(path: Path) -> str | None:
    """Text of a system file; None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
