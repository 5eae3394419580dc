"""Run studies: copy the workflow, watch trainings, list what interrupted work left."""

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import Panel, command
from fewlabel.config.loading.workflow_files import PACKAGE
from fewlabel.operations.hooks import snapshot as snapshots
from fewlabel.operations.hooks import stale_files as stale
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.formatting import size


@command(Panel.START, "study")
def init(
    folder: Annotated[Path, typer.Argument(help="New or existing folder; nothing in it is replaced.")] = Path(),
) -> None:
    """Copy workflow, profiles and experiments into a folder, to run studies there without a clone."""
    snapshots.copy_workflow(folder)
    place = folder.resolve()
    print(f"Copied the workflow to {place}. Run it there:")
    print(f"  cd {shlex.quote(str(place))}")
    print("  snakemake -n      # what would run; without -n: the demo, in minutes")


@command(Panel.START, "../snapshot")
def snapshot(
    folder: Annotated[Path, typer.Argument(help="Folder of the copy; must not exist.")],
    workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")] = Path(),
) -> None:
    """Copy workflow, package, profiles and experiments, so that edits here do not affect a run of the copy."""
    from fewlabel.utils.environment import commit

    snapshots.take(workflow, folder, commit(PACKAGE))
    print(f"Copied to {folder.resolve()}, without results, data and environment. Run it from this folder with:")
    print(f"  {snapshots.command(folder)}")


@command(Panel.INSPECT, "results/demo")
def stale_files(
    folder: Annotated[Path, typer.Argument(help="Folder of results.")] = Path("results"),
    remove: Annotated[bool, typer.Option("--remove", help="Remove files that no process uses.")] = False,
) -> None:
    """List files left by interrupted work with their sizes; remove them with --remove."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a folder of results, such as results or results/demo")
    found = stale.find(folder)
    for leftover in found:
        meaning = f"in use by {leftover.in_use}" if leftover.in_use else stale.MEANING[leftover.kind]
        print(f"{size(leftover.size):>9}  {printable(str(leftover.path))}  ({leftover.kind}: {meaning})")
    free = [leftover for leftover in found if leftover.in_use is None]
    everything = size(sum(leftover.size for leftover in found))
    print(f"{len(found)} files or folders, {everything}; {len(free)} not in use")
    if remove:
        for leftover in free:
            stale.remove(leftover)
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
