"""What a study will cost, told before it runs."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from fewlabel.cli.common import Device, Files, app, read_files, refuse
from fewlabel.utils.errors import InputError

Workers = Annotated[int | None, typer.Option(min=1, help="Cores that jobs share; default: those of this machine.")]
Gpus = Annotated[int, typer.Option(min=0, help="GPUs that train and score, one job each at a time.")]
PlannedDevice = Annotated[
    str | None, typer.Option(help="cpu, cuda, or a part of a measured device's name; default: cuda with --gpus.")
]
Memory = Annotated[float | None, typer.Option(min=1, help="MB that jobs may take together; default: not bounded.")]
Overhead = Annotated[
    float, typer.Option(min=0, help="Seconds to start a job beside its work; on a cluster: its queue and its start.")
]
Table = Annotated[
    Path | None,
    typer.Option(help="Step times of `fewlabel calibrate`.", show_default="results/calibration.json, else the shipped"),
]
Results = Annotated[Path, typer.Option(help="The folder of studies: what is finished there counts as done.")]
LOCAL_OVERHEAD = 0.5
"""Seconds that Snakemake takes to start a job of its own machine and to see its end: an allowance, not measured."""


@app.command()
def plan(
    files: Files,
    workers: Workers = None,
    gpus: Gpus = 0,
    device: PlannedDevice = None,
    memory: Memory = None,
    overhead: Overhead = LOCAL_OVERHEAD,
    calibration: Table = None,
    results: Results = Path("results"),
    whole: Annotated[bool, typer.Option("--whole", help="Plan as if nothing were done.")] = False,
) -> None:
    """Estimate a study's jobs, hours, wall time, memory and disk before it runs, and how to reduce them.

    Problems that a run would refuse follow the plan, with exit code 1, as in `fewlabel validate`.
    """
    from fewlabel.operations.doctor.cohorts import problems
    from fewlabel.operations.planning.calibration.calibration_table import choose
    from fewlabel.operations.planning.plan import cuts, make_plan
    from fewlabel.operations.planning.report import plan_text
    from fewlabel.operations.planning.schedule import Machine

    try:
        experiment = read_files(files)
    except InputError as error:
        refuse(str(error).splitlines())
    found = problems(experiment, results)
    speed = choose(device or ("cuda" if gpus else "cpu"), experiment.precision, calibration)
    on_gpu = (speed.device if speed else device) != "cpu"
    if gpus and not on_gpu:
        raise InputError(f"--gpus {gpus} with --device {device}: no GPU; accepted: cuda, or a GPU that was measured")
    machine = Machine(
        cores=workers or os.cpu_count() or 1,
        gpus=(gpus or 1) if on_gpu else 0,
        memory=None if memory is None else memory * 1e6,
        overhead=overhead,
    )
    try:
        study = make_plan(experiment, machine, speed, results, whole)
        print(plan_text(study, cuts(study)), end="")
    except InputError:
        if not found:
            raise
    if found:
        refuse(found)


@app.command()
def calibrate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Experiment files whose own steps are measured too.", show_default=False)
    ] = None,
    device: Device = "auto",
    precision: Annotated[Literal["auto", "f32", "bf16"], typer.Option(help="Of training.")] = "auto",
    seconds: Annotated[float, typer.Option(min=5, help="About how long to measure.")] = 120,
    table: Annotated[Path | None, typer.Option(help="Written.", show_default="results/calibration.json")] = None,
) -> None:
    """Measure this machine's step times in two minutes, for `fewlabel plan`."""
    from fewlabel.operations.planning import training_steps
    from fewlabel.operations.planning.calibration import calibrate as measure
    from fewlabel.operations.planning.calibration import calibration_table, designs
    from fewlabel.training.devices.device import choose_device, choose_precision, use_threads

    path = table or calibration_table.OWN
    if path.exists():
        calibration_table.read_table(path)
    planned = designs.designed()
    if files:
        planned += training_steps.planned_of(read_files(files))
    # As trainings run: many of them side by side, each on one core.
    use_threads(1)
    where = choose_device(device)
    found = measure.calibrate(planned, where, choose_precision(precision, where), seconds)
    calibration_table.add_to_table(path, found)
    for row in found.steps:
        step, widths = row.step, "-".join(map(str, row.step.widths))
        matrix = f"{step.matrix[0]} x {step.matrix[1]}"
        print(f"{step.stage:<11}{widths:<26}{matrix:>10}  batch {step.batch:>3}  {row.seconds:.4f} s a step")
    print(f"{found.describe()}: written to {path}; `fewlabel plan` takes it from there")
