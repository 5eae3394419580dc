"""Check this machine and its GPUs."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import Panel, command, write_json
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.formatting import counted
from fewlabel.utils.json_files import load_json

if TYPE_CHECKING:
    from fewlabel.operations.doctor.shared_view import SharedView


@command(Panel.MACHINE, "--profile profiles/slurm --configfile experiments/paper.yaml")
def doctor(
    profile: Annotated[Path | None, typer.Option(help="Folder of a profile whose requirements are checked.")] = None,
    configfile: Annotated[list[Path] | None, typer.Option(help="Experiment files whose data are checked.")] = None,
    need_gpu: Annotated[bool, typer.Option("--need-gpu", help="Report a missing GPU as a problem.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Probe again which precision and threads are fastest here.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
    json: Annotated[Path | None, typer.Option(help="Also write a report for --against on another machine.")] = None,
    against: Annotated[Path | None, typer.Option(help="Report of another machine to compare with.")] = None,
) -> None:
    """Check software, devices, disks, cluster and data of this machine in seconds; exit code 1 on problems.

    To compare a compute node with the login node: `fewlabel doctor --json login.json`, then
    `srun fewlabel doctor --against login.json`.
    """
    from fewlabel.operations.doctor.examine import Requirements, examine
    from fewlabel.operations.doctor.finding import as_text, stops
    from fewlabel.operations.doctor.shared_view import as_facts, compare

    there = _report(against) if against else None
    findings, here = examine(Requirements(results, profile, configfile or (), need_gpu, probe, token=json is not None))
    if there is not None:
        findings += compare(there, here)
    print(printable(as_text(findings)), end="")
    if json is not None:
        write_json(json, {"findings": [asdict(finding) for finding in findings], "view": as_facts(here)})
    if stops(findings):
        raise typer.Exit(1)


def _report(file: Path) -> "SharedView":
    from fewlabel.operations.doctor.shared_view import SharedView

    try:
        return SharedView(**load_json(file)["view"])
    except FileNotFoundError:
        hint = "a file written on another machine must be in a shared folder"
        raise InputError(
            f"{file}: no such file; {hint}; to fix: write it with `fewlabel doctor --json {file}`"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{file}: not a report of this version's `fewlabel doctor --json`; to fix: write it again"
        ) from None


@command(Panel.MACHINE)
def gpus() -> None:
    """List the GPUs that trainings may use and the processes that use them; exit code 1 without a GPU."""
    import torch
    from filelock import FileLock

    from fewlabel.training.devices.device import available_gpus
    from fewlabel.training.devices.gpu_slots import holders, lock_folder
    from fewlabel.training.devices.gpus import REMEDY

    if not torch.cuda.is_available():
        cause = "its build has no CUDA" if torch.version.cuda is None else "no GPU, or no matching driver"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        visible = "" if hidden is None else f", CUDA_VISIBLE_DEVICES={hidden!r}"
        raise InputError(f"no GPU for trainings: torch {torch.__version__} finds none ({cause}{visible}); {REMEDY}")
    devices = available_gpus()
    if not devices:
        print(f"{counted(torch.cuda.device_count(), 'GPU')} unknown to `nvidia-smi`: they cannot be reserved")
    folder = lock_folder()
    with FileLock(folder / "choice.lock"):
        for gpu in devices:
            who = ", ".join(holder for holder, _ in holders(folder, gpu).values()) or "nobody"
            print(f"{gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; used by: {who}")
