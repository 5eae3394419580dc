"""What people ask of finished results: publish them, and compare them with others."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.commands.common import app, write_json
from fewlabel.files import write_text

Folder = Annotated[Path, typer.Argument(help="results/<study> or results/published/<study>.", show_default=False)]


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
        print("The histories of the trainings are left out: there are none, or they are too large.")
    print(f"Draw its figures and tables again: make figures STUDY={done.folder.name}")


@app.command()
def compare(
    a: Folder,
    b: Folder,
    csv: Annotated[Path | None, typer.Option(help="Also write the table of scores.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write everything.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Exit code 1 if anything in the scores differs.")] = False,
) -> None:
    """Tell what differs between two studies: settings, versions, inputs and scores."""
    from fewlabel.reporting.compare import compare as compared
    from fewlabel.reporting.compare_text import as_text

    comparison = compared(a, b)
    if csv:
        write_text(csv, comparison.cells.to_csv(index=False))
    if json:
        write_json(json, comparison.facts())
    print(as_text(comparison), end="")
    if exact and not comparison.exact:
        raise typer.Exit(1)
