"""The table of measured step times: what is shipped, what this user measured, and which of it a plan is told from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from fewlabel.operations.planning.calibration.calibration import Calibration
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import InputError
from fewlabel.utils.hardware_info import cpuinfo

SHIPPED = Path(__file__).with_name("measured.json")
OWN = Path("results/calibration.json")
"""Beside the studies, so that what is measured on a node of a cluster is found from where jobs are submitted."""
KINDS = ("cpu", "cuda", "mps")
_TABLE = TypeAdapter(list[Calibration])


def read_table(path: Path) -> list[Calibration]:
    """The calibrations of a file.

    Raises:
        InputError: missing, or not written by `fewlabel calibrate`.
    """
    try:
        return _TABLE.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); write it with `fewlabel calibrate`") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: no calibration ({where}: {first['msg']}); `fewlabel calibrate` writes one") from None


def add_to_table(path: Path, found: Calibration) -> None:
    """Write a calibration into a file; it takes the place of an older one of the same device, precision and threads."""
    others = [old for old in (read_table(path) if path.exists() else []) if old.key != found.key]
    write_text(path, _TABLE.dump_json([*others, found], indent=1, exclude_none=True).decode() + "\n")


def choose(device: str, precision: Literal["auto", "f32", "bf16"], own: Path | None) -> Calibration | None:
    """The newest own calibration of a device, else the shipped one.

    Args:
        device: `cpu`, `cuda`, `mps`, or a part of a measured device's name.
        precision: of the experiment; auto: what the device computes best.
        own: a file that the user named; None: the usual one, if it is there.

    Returns:
        None where nothing was measured on such a device.

    Raises:
        InputError: no such device, or a named file that has none of it.
    """
    mine = read_table(own or OWN) if own or OWN.exists() else []
    shipped = [] if own else read_table(SHIPPED)
    for table in (mine, shipped):
        of_device = [entry for entry in table if device == entry.device or device.lower() in entry.name.lower()]
        fitting = [entry for entry in of_device if _fits(entry, precision, table is shipped)]
        if fitting:
            return max(fitting, key=lambda entry: entry.measured)
    if own or device not in KINDS:
        raise InputError(_nothing_measured(device, precision, [*mine, *shipped], own))
    return None


def _fits(entry: Calibration, precision: Literal["auto", "f32", "bf16"], shipped: bool) -> bool:
    """Whether a calibration is of the precision in which jobs will run."""
    if precision != "auto":
        return entry.precision == precision
    if shipped:
        # It was measured on another processor: what this one computes decides.
        return entry.precision == ("bf16" if "avx512_bf16" in cpuinfo() else "f32")
    return entry.automatic


def _nothing_measured(device: str, precision: str, table: Sequence[Calibration], own: Path | None) -> str:
    measured = sorted({f"{entry.name} ({entry.device}, {entry.precision})" for entry in table})
    where = f"{own}: " if own else f"--device {device}: "
    return (
        f"{where}nothing was measured on {device} in precision {precision}; accepted: {', '.join(KINDS)}, or a part of "
        f"the name of a measured device: {', '.join(measured) or 'none'}; measure one with `fewlabel calibrate` there"
    )
