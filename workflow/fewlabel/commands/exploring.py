"""The page to explore a finished study."""

from typing import Annotated

import typer

from fewlabel import explorer_jobs
from fewlabel.commands.common import In, Out, app, settings_json
from fewlabel.files import write_text

ExplorerJson = Annotated[
    explorer_jobs.ExplorerSettings,
    typer.Option("--settings", parser=settings_json(explorer_jobs.ExplorerSettings), metavar="JSON"),
]


@app.command()
def explorer(settings: ExplorerJson, results: In, page: Out) -> None:
    """One page to look at a finished study: label curves, volumes with predictions, differences, facts, settings."""
    from fewlabel.explorer.make import explorer_page

    write_text(page, explorer_page(results, settings))
