"""What people ask of finished results: publish them, and compare them with others."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import app


@app.command()
def publish(
    results: Annotated[Path, typer.Argument(help="results/<study>, of a finished study.", show_default=False)],
    to: Annotated[Path | None, typer.Option(help="Default: published/<study> beside it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is published there.")] = False,
    anonymise: Annotated[bool, typer.Option("--anonymise", help="Codes instead of ids of subjects.")] = False,
) -> None:
    """Copy the small tables of a finished study to where its figures are drawn from without data or GPU."""
    from fewlabel.reporting.publish import publish as put

    target = to or results.parent / "published" / results.resolve().name
    done = put(results, target, replace, anonymise)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    if anonymise:
        print("Ids of subjects and patients are replaced by codes.")
    else:
        print("Ids of subjects and patients are published as they are; --anonymise puts codes in their place.")
    if not done.histories:
        print("The histories of the trainings are too large and left out.")
    print(f"Draw its figures and tables again: make figures STUDY={done.folder.name}")
