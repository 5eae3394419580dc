"""Tables of measured step times: that of the package, that of the user, and the choice for a plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from fewlabel.operations.planning.calibration.calibration import Calibration
from fewlabel.training.devices.probe_cache import read_probe
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.environment import cpuinfo
from fewlabel.utils.errors import InputError, first_fault

SHIPPED = Path(__file__).with_name("measured.json")
SHIPPED_GPUS = Path(__file__).with_name("gpus.json")
"""Of GPU models; empty until one is measured. Written by `fewlabel calibrate --device cuda --table`."""
OWN = Path("results/calibration.json")
"""In the folder of studies, so that measurements of a compute node are found on the login node."""
KINDS = ("cpu", "cuda", "mps")
_TABLE = TypeAdapter(list[Calibration])


def read_table(path: Path) -> list[Calibration]:
    """Read the calibrations of a file. Raises InputError: the file is missing or not of `fewlabel calibrate`."""
    try:
        return _TABLE.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); to fix: write it with `fewlabel calibrate`"
        ) from None
    except ValidationError as error:
        raise InputError(
            f"{path}: not a calibration ({first_fault(error)}); to fix: write it with `fewlabel calibrate`"
        ) from None


def add_to_table(path: Path, calibration: Calibration) -> None:
    """Add a calibration to a file; it replaces an older one of the same device, precision and threads."""
    others = [old for old in (read_table(path) if path.exists() else []) if old.key != calibration.key]
    write_text(path, _TABLE.dump_json([*others, calibration], indent=1, exclude_none=True).decode() + "\n")


class Chosen(NamedTuple):
    """A calibration for a plan."""

    calibration: Calibration
    origin: str  # file that holds it, or the table of the package
    others: list[str]  # names of the other devices that were measured and fit as well


def choose(
    device: str,
    precision: Literal["auto", "f32", "bf16"],
    own: Path | None,
    here: Sequence[str] = (),
    slots: int = 1,
) -> Chosen | None:
    """The calibration of a device by the user, else by the package; None: not measured.

    Of several, those of a device of this machine are preferred, then those with as many trainings at once, then the
    newest.

    Args:
        device: `cpu`, `cuda`, `mps`, or part of the name of a calibrated device.
        precision: of the experiment; auto: that of the device.
        own: file of the user; None: the default file, if it exists.
        here: names of the devices of this machine.
        slots: number of trainings that share a GPU.

    Raises:
        InputError: unknown device, or a file of the user without it.
    """
    mine = read_table(own or OWN) if own or OWN.exists() else []
    shipped = [] if own else [*read_table(SHIPPED), *read_table(SHIPPED_GPUS)]
    for table, origin in ((mine, str(own or OWN)), (shipped, "the table of the package")):
        of_device = [entry for entry in table if device == entry.device or device.lower() in entry.name.lower()]
        fitting = [
            entry for entry in of_device if _fits(entry, precision, table is shipped) and entry.slots in (1, slots)
        ]
        if fitting:
            best = max(fitting, key=lambda entry: (entry.name in here, entry.slots == slots, entry.measured))
            return Chosen(best, origin, sorted({entry.name for entry in fitting} - {best.name}))
    if own or device not in KINDS:
        raise InputError(_nothing_measured(device, precision, [*mine, *shipped], own))
    return None


def _fits(entry: Calibration, precision: Literal["auto", "f32", "bf16"], shipped: bool) -> bool:
    """Whether a calibration has the precision of the jobs."""
    if precision != "auto":
        return entry.precision == precision
    if shipped and entry.device == "cpu":
        # Measured on another processor: this processor determines the precision.
        return entry.precision == _own_precision()
    return entry.automatic


def _own_precision() -> str:
    """The precision that this processor chooses: by its probe, else by its instructions."""
    probe = read_probe(1)
    return probe.precision if probe is not None else "bf16" if "avx512_bf16" in cpuinfo() else "f32"


def _nothing_measured(device: str, precision: str, table: Sequence[Calibration], own: Path | None) -> str:
    measured = sorted({f"{entry.name} ({entry.device}, {entry.precision})" for entry in table})
    where = f"{own}: " if own else f"--device {device}: "
    return (
        f"{where}no measurements of {device} in precision {precision}; accepted: {', '.join(KINDS)}, or part of the "
        f"name of a measured device: {', '.join(measured) or 'none'}; to fix: run `fewlabel calibrate` there"
    )
