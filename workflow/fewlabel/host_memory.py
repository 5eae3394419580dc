"""Memory that this process may use at most: of the machine, or of its control group. Nothing slow is imported."""

import re
from pathlib import Path

from fewlabel.errors import InputError
from fewlabel.units import size


def most_bytes() -> int | None:
    """The smaller of the machine's memory and what the control group (container, Slurm) grants; None: unknown."""
    known = [kilobytes(read(Path("/proc/meminfo")) or "", "MemTotal"), limit(control("memory.max"))]
    return min((bound for bound in known if bound is not None), default=None)


def refuse_beyond(needed: int, what: str, remedy: str, granted: int | None = None) -> None:
    """Refuse work that cannot fit, before any of it is allocated.

    Args:
        needed: bytes that the work takes at least.
        what: place and kind of the work, for the message.
        remedy: what to lower.
        granted: bytes that there are (default: those of this process).

    Raises:
        InputError: it needs more than there are.
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
    """A text of the system; None where it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
