"""The NVIDIA driver and its GPUs, without torch."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fewlabel.utils.hardware_info import command_output

LEAST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""Minimum Linux driver by CUDA major version (NVIDIA, CUDA compatibility: minor version compatibility)."""

QUERY = ["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"]


@dataclass(frozen=True)
class Driver:
    """NVIDIA driver and GPUs of this system.

    Attributes:
        version: of the driver; None: no driver is loaded.
        gpus: names from `nvidia-smi`.
        visible: CUDA_VISIBLE_DEVICES; None: not set.
    """

    version: str | None = None
    gpus: tuple[str, ...] = ()
    visible: str | None = None

    @property
    def present(self) -> bool:
        """Whether this machine has an NVIDIA driver or GPU."""
        return self.version is not None or bool(self.gpus)


def ask(visible: str | None) -> Driver:
    """Ask the kernel module and `nvidia-smi`."""
    try:
        module = module_version(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8"))
    except OSError:
        module = None
    version, gpus = listed((command_output(QUERY, seconds=10) if shutil.which(QUERY[0]) else None) or "")
    return Driver(module or version, gpus, visible)


def module_version(text: str) -> str | None:
    """Parse the version from /proc/driver/nvidia/version."""
    found = re.search(r"^NVRM version:.*?\b(\d{3,}\.\d+(?:\.\d+)?)\b", text, re.MULTILINE)
    return found[1] if found else None


def listed(text: str) -> tuple[str | None, tuple[str, ...]]:
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
