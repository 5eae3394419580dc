"""The report of a whole study."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import In, Out, app


@app.command()
def report(
    experiment: In,
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")],
    html: Out,
) -> None:
    """Put figures, tables, captions, rules and runtimes of a finished study into one page, made by Snakemake."""
    from fewlabel.reporting.report import write_report

    write_report(experiment, workflow, html)
