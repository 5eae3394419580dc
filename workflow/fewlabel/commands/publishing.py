"""What people ask of finished results: publish them, and compare them with others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.commands.common import app, write_json
from fewlabel.errors import printable
from fewlabel.files import write_text

if TYPE_CHECKING:
    from fewlabel.reporting.publish import Published

Folder = Annotated[Path, typer.Argument(help="results/<study> or results/published/<study>.", show_default=False)]


@app.command()
def publish(
    results: Annotated[Path, typer.Argument(help="results/<study>, of a finished study.", show_default=False)],
    to: Annotated[Path | None, typer.Option(help="Default: published/<study> beside it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is published there.")] = False,
    anonymise: Annotated[bool, typer.Option("--anonymise", help="Codes instead of ids of subjects.")] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="cohort/method/N/draw: its weights too, with a model card; repeat.", show_default=False),
    ] = None,
    largest_mb: Annotated[float, typer.Option(min=0, help="Most MB of all weights together.")] = 10,
) -> None:
    """Copy the small tables of a finished study to where its figures are drawn from without data or GPU."""
    from fewlabel.reporting.publish import publish as put

    target = to or results.parent / "published" / results.resolve().name
    done = put(results, target, replace, anonymise, weights or [], largest_mb)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    if anonymise:
        print("Ids of subjects and patients are replaced by codes.")
    else:
        print("Ids of subjects and patients are published as they are; --anonymise puts codes in their place.")
    _tell_weights(done)
    if not done.histories:
        print("The histories of the trainings are left out: there are none, or they are too large.")
    print(f"Draw its figures and tables again: make figures STUDY={done.folder.name}")


@app.command()
def join(
    studies: Annotated[list[Path], typer.Argument(help="results/published/<study>, two or more.", show_default=False)],
    to: Annotated[Path, typer.Option(help="results/published/<name>.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is published there.")] = False,
) -> None:
    """Join published studies of one experiment with other N, methods or draws: a grid in parts becomes one study."""
    from fewlabel.reporting.join import join as joined

    done = joined(studies, to, replace)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    _tell_weights(done)
    print(f"Draw its figures and tables again: make figures STUDY={done.folder.name}")


def _tell_weights(done: "Published") -> None:
    from fewlabel.units import size

    for name, count in done.weights.items():
        print(f"{name}: {size(count)}, with its model card")


@app.command("model-card")
def model_card(
    results: Folder,
    run: Annotated[str, typer.Argument(help="cohort/method/N/draw, such as liver/scratch/4/1.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file; default: printed.")] = None,
) -> None:
    """Tell what a finetuned network was made of and how, its scores with intervals, and its limits."""
    from fewlabel.reporting.model_card import chosen_run
    from fewlabel.reporting.model_card import model_card as card
    from fewlabel.reporting.results_folder import read_results

    study = read_results(results)
    text = card(study, chosen_run(study, run))
    if output:
        write_text(output, text)
    else:
        print(text, end="")


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
    from fewlabel.reporting.table_forms import as_csv_text

    comparison = compared(a, b)
    if csv:
        write_text(csv, as_csv_text(comparison.cells).to_csv(index=False))
    if json:
        write_json(json, comparison.facts())
    print(printable(as_text(comparison)), end="")
    if exact and not comparison.exact:
        raise typer.Exit(1)
