"""Disk quota of the user, where a command of the system reports it."""

import os
import re
import shutil
from pathlib import Path

from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.utils.formatting import size
from fewlabel.utils.hardware_info import command_output

LITTLE = 0.05
"""Remaining share of the quota below which a note is printed."""

NUMBER = re.compile(r"(\d+)\*?")


def ask(folder: Path, kind: str | None) -> tuple[int, int] | None:
    """Used and granted bytes on the disk of a folder; None: no quota, or unknown.

    Asks `lfs quota` on Lustre, else `quota`, which also knows NFS.
    """
    if kind == "lustre" and shutil.which("lfs"):
        return used_and_granted(command_output(["lfs", "quota", "-q", "-u", str(os.getuid()), str(folder)], 4) or "")
    if shutil.which("quota"):
        # Exit code 1 means that the quota is exceeded: the output is then None, and the write test reports it.
        return used_and_granted(command_output(["quota", "-w", "-p", "-f", str(folder)], 4) or "")
    return None


def used_and_granted(text: str) -> tuple[int, int] | None:
    """Parse `quota -w -p` or `lfs quota -q`: kilobytes used, soft and hard limit."""
    for row in text.splitlines():
        cells = row.split()
        numbers = [NUMBER.fullmatch(cell) for cell in cells[1:4]]
        if len(cells) >= 4 and all(numbers):
            used, soft, hard = (int(found[1]) * 1024 for found in numbers if found)
            granted = min((bound for bound in (soft, hard) if bound), default=0)
            return (used, granted) if granted else None
    return None


def findings(quota: tuple[int, int] | None) -> list[Finding]:
    """Check the quota; no finding where it is unknown."""
    if quota is None:
        return []
    used, granted = quota
    text = f"{size(used)} of {size(granted)} used"
    todo = "remove unused files (`fewlabel state` lists those of interrupted work), or request a larger quota"
    if used >= granted:
        return [problem("quota", text, todo)]
    return [note("quota", text, todo) if granted - used < LITTLE * granted else ok("quota", text)]
