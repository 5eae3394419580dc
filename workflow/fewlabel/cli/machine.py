"""Check the machine, its GPUs and studies that run on it; copy the workflow."""

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import Panel, command, write_json
from fewlabel.operations.hooks import snapshot, stale_files
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.formatting import counted, size
from fewlabel.utils.json_files import load_json

if TYPE_CHECKING:
    from fewlabel.operations.doctor.shared_view import SharedView


@command(Panel.MACHINE, "--profile profiles/slurm --configfile experiments/paper.yaml")
def doctor(
    profile: Annotated[Path | None, typer.Option(help="Folder of a profile whose requirements are checked.")] = None,
    configfile: Annotated[list[Path] | None, typer.Option(help="Experiment files whose data are checked.")] = None,
    need_gpu: Annotated[bool, typer.Option("--need-gpu", help="Report a missing GPU as a problem.")] = False,
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
    found, here = examine(Requirements(results, profile, configfile or (), need_gpu, token=json is not None))
    if there is not None:
        found += compare(there, here)
    print(printable(as_text(found)), end="")
    if json is not None:
        write_json(json, {"findings": [asdict(finding) for finding in found], "view": as_facts(here)})
    if stops(found):
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


@command(Panel.START, "../snapshot")
def freeze(
    folder: Annotated[Path, typer.Argument(help="Folder of the copy; must not exist.")],
    workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")] = Path(),
) -> None:
    """Copy workflow, package, profiles and experiments, so that edits here do not affect a run of the copy."""
    from fewlabel.utils.git import commit

    snapshot.freeze(workflow, folder, commit(snapshot.PACKAGE))
    print(f"Copied to {folder.resolve()}, without results, data and environment. Run it from this folder with:")
    print(f"  {snapshot.command(folder)}")


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
    found = available_gpus()
    if not found:
        print(f"{counted(torch.cuda.device_count(), 'GPU')} unknown to `nvidia-smi`: they cannot be reserved")
    folder = lock_folder()
    with FileLock(folder / "choice.lock"):
        for gpu in found:
            who = ", ".join(holder for holder, _ in holders(folder, gpu).values()) or "nobody"
            print(f"{gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; used by: {who}")


@command(Panel.INSPECT, "results/demo")
def state(
    folder: Annotated[Path, typer.Argument(help="Folder of results.")] = Path("results"),
    remove: Annotated[bool, typer.Option("--remove", help="Remove files that no process uses.")] = False,
) -> None:
    """List files left by interrupted work with their sizes; remove them with --remove."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a folder of results, such as results or results/demo")
    found = stale_files.find(folder)
    for leftover in found:
        meaning = f"in use by {leftover.in_use}" if leftover.in_use else stale_files.MEANING[leftover.kind]
        print(f"{size(leftover.size):>9}  {printable(str(leftover.path))}  ({leftover.kind}: {meaning})")
    free = [leftover for leftover in found if leftover.in_use is None]
    everything = size(sum(leftover.size for leftover in found))
    print(f"{len(found)} files or folders, {everything}; {len(free)} not in use")
    if remove:
        for leftover in free:
            stale_files.remove(leftover)
        print(f"{len(free)} removed, {size(sum(leftover.size for leftover in free))}")
    elif free:
        print("--remove removes those not in use; interrupted trainings then start from the beginning")


SHARE = 10
"""Reading a large study on a slow disk takes at most 1/SHARE of the time."""


@command(Panel.INSPECT, "results")
def watch(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, results/<study>, or of all studies.")] = Path(
        "results"
    ),
    once: Annotated[bool, typer.Option("--once", help="Print once and exit (default without a terminal).")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between updates.")] = 2,
) -> None:
    """Show running trainings, here or on a cluster: step, loss, speed, time left; and finished ones.

    Everything is read from the files of the study, so it works wherever they are visible.
    """
    from rich.console import Console
    from rich.live import Live

    from fewlabel.operations.watch.studies import studies, study_status
    from fewlabel.operations.watch.text import plain, pretty

    found = [study_status(study) for study in studies(folder)]
    if once or not sys.stdout.isatty():
        print(plain(found) if found else f"{folder}: no training has started here\n", end="")
        return
    with Live(pretty(found), console=Console(), auto_refresh=False) as screen:
        try:
            while True:
                began = time.monotonic()
                screen.update(pretty([study_status(study) for study in studies(folder)]), refresh=True)
                time.sleep(max(every, (SHARE - 1) * (time.monotonic() - began)))
        except KeyboardInterrupt:
            pass
