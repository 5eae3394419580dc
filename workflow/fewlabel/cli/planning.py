"""Plan a study: check experiment files, estimate costs, calibrate the machine."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from fewlabel.cli.common import Device, Files, Panel, command, read_files, refuse
from fewlabel.utils.errors import InputError

Workers = Annotated[int | None, typer.Option(min=1, help="CPU cores for all jobs. Default: those of this machine.")]
Gpus = Annotated[int, typer.Option(min=0, help="GPUs that run trainings.")]
Slots = Annotated[
    int, typer.Option(min=1, max=100, envvar="FEWLABEL_SLOTS_PER_GPU", help="Trainings that share a GPU.")
]
PlannedDevice = Annotated[
    str | None, typer.Option(help="cpu, cuda, or part of the name of a calibrated device. Default: cuda with --gpus.")
]
Memory = Annotated[float | None, typer.Option(min=1, help="Memory limit of all running jobs in MB. Default: none.")]
Overhead = Annotated[
    float, typer.Option(min=0, help="Seconds to start a job; on a cluster including its wait in the queue.")
]
Table = Annotated[
    Path | None,
    typer.Option(
        help="Step times of `fewlabel calibrate`.",
        show_default="results/calibration.json, else the table of the package",
    ),
]
Results = Annotated[Path, typer.Option(help="Folder of studies; finished jobs there count as done.")]
LOCAL_OVERHEAD = 0.5
"""Seconds that Snakemake needs to start and finish a local job: an allowance, not measured."""


@command(Panel.START, "experiments/paper.yaml")
def validate(
    files: Files,
    results: Annotated[Path, typer.Option(help="Folder of studies, for cohorts that are already fetched.")] = Path(
        "results"
    ),
) -> None:
    """Check experiment files, folders and splits, and print the experiment with all defaults; exit code 1 on problems.

    Volumes are not read; `snakemake` checks them before it trains.
    """
    from fewlabel.config.loading.load import as_yaml
    from fewlabel.operations.doctor.data import problems

    try:
        experiment = read_files(files)
    except InputError as error:
        refuse(str(error).splitlines())
    if lines := problems(experiment, results):
        refuse(lines)
    print(as_yaml(experiment.model_dump(mode="json")), end="")


@command(Panel.START)
def schema() -> None:
    """Print the JSON schema of experiment files."""
    from fewlabel.config.loading.schema import schema as text

    print(text(), end="")


@command(Panel.START, "experiments/paper.yaml --workers 8")
def plan(
    files: Files,
    workers: Workers = None,
    gpus: Gpus = 0,
    slots_per_gpu: Slots = 1,
    device: PlannedDevice = None,
    memory: Memory = None,
    overhead: Overhead = LOCAL_OVERHEAD,
    calibration: Table = None,
    results: Results = Path("results"),
    whole: Annotated[bool, typer.Option("--whole", help="Ignore finished jobs.")] = False,
) -> None:
    """Estimate a study's jobs, hours, wall time, memory and disk before it runs, and how to reduce them.

    Problems that would stop a run follow the plan, with exit code 1, as in `fewlabel validate`.
    """
    from fewlabel.operations.doctor.data import problems
    from fewlabel.operations.hooks.profiles import gpu_names
    from fewlabel.operations.planning.calibration.calibration_table import choose
    from fewlabel.operations.planning.plan import make_plan, savings
    from fewlabel.operations.planning.report import plan_text
    from fewlabel.operations.planning.schedule import Machine
    from fewlabel.utils.environment import processor_name

    try:
        experiment = read_files(files)
    except InputError as error:
        refuse(str(error).splitlines())
    lines = problems(experiment, results)
    kind = device or ("cuda" if gpus else "cpu")
    names = [] if kind == "cpu" else gpu_names()
    chosen = choose(kind, experiment.precision, calibration, [*names, processor_name() or ""], slots_per_gpu)
    speed = chosen.calibration if chosen else None
    on_gpu = (speed.device if speed else device) != "cpu"
    if gpus and not on_gpu:
        raise InputError(f"--device {device} with --gpus {gpus}: not a GPU; accepted: cuda, or a calibrated GPU")
    machine = Machine(
        cores=workers or os.cpu_count() or 1,
        gpus=(gpus or 1) if on_gpu else 0,
        slots=slots_per_gpu if on_gpu else 1,
        memory=None if memory is None else memory * 1e6,
        overhead=overhead,
    )
    try:
        study = make_plan(experiment, machine, speed, results, whole)
        print(plan_text(study, savings(study), chosen, names), end="")
    except InputError:
        if not lines:
            raise
    if lines:
        refuse(lines)


@command(Panel.MACHINE, "experiments/paper.yaml")
def calibrate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Experiment files whose steps are also measured.", show_default=False)
    ] = None,
    device: Device = "auto",
    precision: Annotated[Literal["auto", "f32", "bf16"], typer.Option(help="Precision of training.")] = "auto",
    slots_per_gpu: Annotated[int, typer.Option(min=1, max=100, help="Trainings that share the GPU meanwhile.")] = 1,
    seconds: Annotated[float, typer.Option(min=5, help="Approximate duration in seconds.")] = 120,
    table: Annotated[Path | None, typer.Option(help="Output file.", show_default="results/calibration.json")] = None,
) -> None:
    """Measure the training step times of this machine for `fewlabel plan`, in two minutes."""
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
    # Trainings run in parallel, each on one core.
    use_threads(1)
    where = choose_device(device)
    if slots_per_gpu > 1 and where.type != "cuda":
        raise InputError(f"--slots-per-gpu {slots_per_gpu} on {where.type}: accepted: 1, or more on a GPU (cuda)")
    calibration_ = measure.calibrate(planned, where, choose_precision(precision, where), seconds, slots_per_gpu)
    calibration_table.add_to_table(path, calibration_)
    for row in calibration_.steps:
        step, widths = row.step, "-".join(map(str, row.step.widths))
        matrix = f"{step.matrix[0]} x {step.matrix[1]}"
        print(f"{step.stage:<11}{widths:<26}{matrix:>10}  batch {step.batch:>3}  {row.seconds:.4f} s a step")
    print(f"{calibration_.describe()}: written to {path}; `fewlabel plan` reads it there")
