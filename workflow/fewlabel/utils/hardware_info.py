"""What the system says of itself. Nothing slow is imported."""

import platform
import re
import subprocess
import sys
from pathlib import Path


def processor() -> str | None:
    """The processor's name."""
    if sys.platform == "darwin":
        return output(["sysctl", "-n", "machdep.cpu.brand_string"])
    found = re.search(r"^model name\s*:\s*(.+)$", processor_facts(), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or None


def processor_facts() -> str:
    """What Linux says of the processors; empty elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def output(command: list[str], seconds: float = 20) -> str | None:
    """What a command prints; None where it is not there, fails, or takes longer."""
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout if process.returncode == 0 else None
