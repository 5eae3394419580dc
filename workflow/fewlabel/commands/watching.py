"""What runs now."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import app

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

    from fewlabel.watching.studies import standing, studies
    from fewlabel.watching.text import plain, pretty

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
