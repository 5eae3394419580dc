"""A copy of the workflow that nobody edits."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import frozen
from fewlabel.commands.common import app


@app.command()
def freeze(
    folder: Annotated[Path, typer.Argument(help="The copy, not there yet.")],
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")] = Path(),
) -> None:
    """Copy workflow, package, profiles and experiments, so that a run of the copy goes on whatever is edited here."""
    from fewlabel.revision import commit

    frozen.freeze(workflow, folder, commit(frozen.PACKAGE))
    print(f"Frozen in {folder.resolve()}, without results, data and environment. Run it from here, as usual but for:")
    print(f"  {frozen.command(folder)}")
