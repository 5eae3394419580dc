"""Is this machine, or this node, fit to run a study?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import app, write_json
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.json_files import load_json

if TYPE_CHECKING:
    from fewlabel.operations.doctor.shared_view import Sight
import os
import sys
import time

from fewlabel.operations.hooks import snapshot, stale_files
from fewlabel.utils.formatting import size


@app.command()
def doctor(
    profile: Annotated[Path | None, typer.Option(help="A profile's folder: is all there that it needs?")] = None,
    configfile: Annotated[list[Path] | None, typer.Option(help="Overlays on config.yaml: are their data here?")] = None,
    need_gpu: Annotated[bool, typer.Option("--need-gpu", help="Trainings must find a GPU here.")] = False,
    results: Annotated[Path, typer.Option(help="Where results are written.")] = Path("results"),
    json: Annotated[Path | None, typer.Option(help="Also write a report, for --against on another machine.")] = None,
    against: Annotated[Path | None, typer.Option(help="Report of another machine: is the same seen here?")] = None,
) -> None:
    """Check this machine or node in seconds: software, devices, disks, cluster, data; exit code 1 for a problem.

    Whether nodes see what the login node sees: `fewlabel doctor --json login.json`, then
    `srun fewlabel doctor --against login.json`.
    """
    from fewlabel.operations.doctor.examine import Wish, examine
    from fewlabel.operations.doctor.finding import as_text, stops
    from fewlabel.operations.doctor.shared_view import as_facts, compare

    there = _report(against) if against else None
    found, here = examine(Wish(results, profile, configfile or (), need_gpu, token=json is not None))
    if there is not None:
        found += compare(there, here)
    print(printable(as_text(found)), end="")
    if json is not None:
        write_json(json, {"findings": [asdict(finding) for finding in found], "sight": as_facts(here)})
    if stops(found):
        raise typer.Exit(1)


def _report(file: Path) -> "Sight":
    from fewlabel.operations.doctor.shared_view import Sight

    try:
        return Sight(**load_json(file)["sight"])
    except FileNotFoundError:
        hint = "if it was written elsewhere, this machine does not see that folder"
        raise InputError(f"{file}: no such report; {hint}: `fewlabel doctor --json {file}` makes one") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file}: no report of `fewlabel doctor --json`, or of another version of it") from None


@app.command()
def freeze(
    folder: Annotated[Path, typer.Argument(help="The copy, not there yet.")],
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")] = Path(),
) -> None:
    """Copy workflow, package, profiles and experiments, so that a run of the copy goes on whatever is edited here."""
    from fewlabel.utils.git import commit

    snapshot.freeze(workflow, folder, commit(snapshot.PACKAGE))
    print(f"Frozen in {folder.resolve()}, without results, data and environment. Run it from here, as usual but for:")
    print(f"  {snapshot.command(folder)}")


@app.command()
def gpus() -> None:
    """List the GPUs that trainings may take, and who holds a place on them; the exit code is 1 if there is none."""
    import torch
    from filelock import FileLock

    from fewlabel.training.devices.device import my_gpus
    from fewlabel.training.devices.gpu_slots import holders, lock_folder
    from fewlabel.training.devices.gpus import NEXT

    if not torch.cuda.is_available():
        cause = "its build has no CUDA" if torch.version.cuda is None else "no GPU or no driver that fits"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        left = "" if hidden is None else f", CUDA_VISIBLE_DEVICES={hidden!r}"
        raise InputError(f"no GPU for trainings: torch {torch.__version__} finds none ({cause}{left}); {NEXT}")
    found = my_gpus()
    if not found:
        print(f"{torch.cuda.device_count()} GPU(s), of which `nvidia-smi` tells nothing: no places are kept on them")
    folder = lock_folder()
    with FileLock(folder / "choice.lock"):
        for gpu in found:
            who = ", ".join(holder for holder, _ in holders(folder, gpu).values()) or "nobody"
            print(f"{gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; on it: {who}")


@app.command()
def state(
    folder: Annotated[Path, typer.Argument(help="A folder of results.")] = Path("results"),
    remove: Annotated[bool, typer.Option("--remove", help="Remove what nobody works on.")] = False,
) -> None:
    """List what interrupted work left over, and its size; remove it when asked."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a folder of results, such as results or results/demo")
    found = stale_files.find(folder)
    for leftover in found:
        meaning = f"in use by {leftover.in_use}" if leftover.in_use else stale_files.MEANING[leftover.kind]
        print(f"{size(leftover.size):>9}  {printable(str(leftover.path))}  ({leftover.kind}: {meaning})")
    free = [leftover for leftover in found if leftover.in_use is None]
    everything = size(sum(leftover.size for leftover in found))
    print(f"{len(found)} left over, {everything}; nobody works on {len(free)} of them")
    if remove:
        for leftover in free:
            stale_files.remove(leftover)
        print(f"{len(free)} removed, {size(sum(leftover.size for leftover in free))}")
    elif free:
        print("--remove removes these; interrupted trainings then begin again")


SHARE = 10
"""Looking at large studies on a slow disk takes at most one in so many parts of the time."""


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="A study (results/<study>), or the folder of studies.")] = Path(
        "results"
    ),
    once: Annotated[bool, typer.Option("--once", help="List once and end; so it is too where no terminal is.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2,
) -> None:
    """Show the trainings that run, here or on a cluster: step, loss, speed, time left; and what is finished.

    All of it is read from the study's files, so it works wherever they can be seen.
    """
    from rich.console import Console
    from rich.live import Live

    from fewlabel.operations.watch.studies import standing, studies
    from fewlabel.operations.watch.text import plain, pretty

    found = [standing(study) for study in studies(folder)]
    if once or not sys.stdout.isatty():
        print(plain(found) if found else f"{folder}: no training was begun here yet\n", end="")
        return
    with Live(pretty(found), console=Console(), auto_refresh=False) as screen:
        try:
            while True:
                began = time.monotonic()
                screen.update(pretty([standing(study) for study in studies(folder)]), refresh=True)
                time.sleep(max(every, (SHARE - 1) * (time.monotonic() - began)))
        except KeyboardInterrupt:
            pass
