"""Step times that `fewlabel plan` ships: measured anew, against those that it had of this machine.

In full mode the table of the package is written: measured.json of processors in both precisions, gpus.json of a GPU.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.shared import Row, Section, apart, significant

TITLE = "Step times for plans"


def calibration(device: str, precision: str, seconds: float, largest: int) -> str:
    """The calibration of this machine as JSON, from steps with matrices of at most `largest` pixels a side."""
    import torch

    from fewlabel.operations.planning.calibration.calibrate import calibrate
    from fewlabel.operations.planning.calibration.designs import designed
    from fewlabel.training.devices.device import use_threads

    use_threads(1)
    assert precision in ("f32", "bf16")
    planned = [each for each in designed() if each.step.matrix[0] <= largest]
    return calibrate(planned, torch.device(device), precision, seconds).model_dump_json()  # type: ignore[arg-type]


def measure(quick: bool) -> Section:
    import torch

    from fewlabel.operations.planning.calibration import calibration_table as tables
    from fewlabel.operations.planning.calibration.calibration import Calibration

    kinds = [("cpu", "f32", tables.SHIPPED), *([] if quick else [("cpu", "bf16", tables.SHIPPED)])]
    kinds += [("cuda", "bf16", tables.SHIPPED_GPUS)] if torch.cuda.is_available() else []
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        for device, precision, table in kinds:
            new = Calibration.model_validate_json(
                apart(calibration, device, precision, *((1.0, 64) if quick else (180.0, 512)))
            )
            old = next((entry for entry in tables.read_table(table) if entry.key == new.key), None)
            for row in new.steps:
                before = old.step_seconds(row.step) if old else None
                rows.append(
                    {
                        "device": f"{new.name}, {precision}",
                        "step": f"{row.step.stage} {'-'.join(map(str, row.step.widths))}",
                        "batch": f"{row.step.batch} x {row.step.matrix[0]} x {row.step.matrix[1]}",
                        "ms": significant(1000 * row.seconds),
                        "ms before": significant(1000 * before) if before else "",
                    }
                )
            tables.add_to_table(Path(folder) / "table.json" if quick else table, new)
    text = (
        "One step of each design, on a CPU in CPU time of one thread; the fastest of two rounds. `fewlabel plan` fits "
        "its model to them. Before: what the package shipped of this device."
    )
    return Section(text, {"Milliseconds a step": rows}, versions=("fewlabel",))
