"""What interrupted work left over."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import leftovers
from fewlabel.commands.common import app
from fewlabel.errors import InputError, printable
from fewlabel.units import size


@app.command()
def state(
    folder: Annotated[Path, typer.Argument(help="A folder of results.")] = Path("results"),
    remove: Annotated[bool, typer.Option("--remove", help="Remove what nobody works on.")] = False,
) -> None:
    """List what interrupted work left over, and its size; remove it when asked."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; accepted: a folder of results, such as results or results/demo")
    found = leftovers.find(folder)
    for leftover in found:
        meaning = f"in use by {leftover.in_use}" if leftover.in_use else leftovers.MEANING[leftover.kind]
        print(f"{size(leftover.size):>9}  {printable(str(leftover.path))}  ({leftover.kind}: {meaning})")
    free = [leftover for leftover in found if leftover.in_use is None]
    everything = size(sum(leftover.size for leftover in found))
    print(f"{len(found)} left over, {everything}; nobody works on {len(free)} of them")
    if remove:
        for leftover in free:
            leftovers.remove(leftover)
        print(f"{len(free)} removed, {size(sum(leftover.size for leftover in free))}")
    elif free:
        print("--remove removes these; interrupted trainings then begin again")
