"""NVIDIA's driver and what it sees, without torch."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fewlabel.utils.hardware_info import command_output

LEAST_DRIVER = {11: (450, 80), 12: (525, 60), 13: (580, 65)}
"""The oldest Linux driver that runs programs of a CUDA major version (NVIDIA: CUDA compatibility, minor versions)."""

ASK = ["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"]


@dataclass(frozen=True)
class Driver:
    """What the system says of NVIDIA's GPUs.

    Attributes:
        version: of the driver; None: no driver runs.
        gpus: names, as the driver's own command lists them.
        visible: CUDA_VISIBLE_DEVICES; None: not set.
    """

    version: str | None = None
    gpus: tuple[str, ...] = ()
    visible: str | None = None

    @property
    def present(self) -> bool:
        """Whether this machine has an NVIDIA driver or GPU at all."""
        return self.version is not None or bool(self.gpus)


def ask(visible: str | None) -> Driver:
    """The driver, by its kernel module and its own command."""
    try:
        module = module_version(Path("/proc/driver/nvidia/version").read_text(encoding="utf-8"))
    except OSError:
        module = None
    version, gpus = listed((command_output(ASK, seconds=10) if shutil.which(ASK[0]) else None) or "")
    return Driver(module or version, gpus, visible)


def module_version(text: str) -> str | None:
    """The version in /proc/driver/nvidia/version."""
    found = re.search(r"^NVRM version:.*?\b(\d{3,}\.\d+(?:\.\d+)?)\b", text, re.MULTILINE)
    return found[1] if found else None


def listed(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Version and GPUs of `nvidia-smi --query-gpu=driver_version,name`."""
    rows = [row.partition(",") for row in text.splitlines() if re.match(r"\d{3,}\.\d", row)]
    return (rows[0][0].strip() if rows else None), tuple(name.strip() for _, _, name in rows)


def too_old(version: str, cuda: str) -> str | None:
    """The oldest driver that a CUDA version needs, if this one is older; None where it fits or nothing is known."""
    least = LEAST_DRIVER.get(int(cuda.partition(".")[0]))
    parts = tuple(int(part) for part in version.split(".")[:2])
    return ".".join(map(str, least)) if least and parts < least else None


def newest_cuda(version: str) -> int | None:
    """The newest CUDA major version whose programs a driver runs."""
    fitting = [cuda for cuda in LEAST_DRIVER if too_old(version, str(cuda)) is None]
    return max(fitting, default=None)
