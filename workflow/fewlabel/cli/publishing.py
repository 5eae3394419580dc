"""Publish, join and compare studies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import Panel, command, write_json
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import printable

if TYPE_CHECKING:
    from fewlabel.reporting.publishing.publish import PublishedStudy

Folder = Annotated[
    Path, typer.Argument(help="Folder of a study, results/<study> or results/published/<study>.", show_default=False)
]


@command(Panel.PUBLISH, "results/demo")
def publish(
    results: Annotated[Path, typer.Argument(help="Folder of a finished study, results/<study>.", show_default=False)],
    to: Annotated[Path | None, typer.Option(help="Output folder. Default: published/<study> next to it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the published study.")] = False,
    anonymise: Annotated[bool, typer.Option("--anonymise", help="Replace subject and patient ids by codes.")] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Also publish weights of this run (cohort/method/N/draw), with a model card; repeat for several.",
            show_default=False,
        ),
    ] = None,
    largest_mb: Annotated[float, typer.Option(min=0, help="Limit of the size of all weights in MB.")] = 10,
) -> None:
    """Copy the small tables of a finished study; figures are redrawn from them without data or GPU."""
    from fewlabel.reporting.publishing.publish import publish as put

    target = to or results.parent / "published" / results.resolve().name
    published = put(results, target, replace, anonymise, weights or [], largest_mb)
    print(f"{published.folder}: {published.runs} runs, {published.size / 1000:.0f} kB")
    if anonymise:
        print("Ids of subjects and patients are replaced by codes.")
    else:
        print("Ids of subjects and patients are published unchanged; --anonymise replaces them by codes.")
    _print_weights(published)
    if not published.histories:
        print("Training histories are not published: there are none, or they are too large.")
    print(f"To redraw its figures and tables: make figures STUDY={published.folder.name}")


@command(Panel.PUBLISH, "results/published/a results/published/b --to results/published/whole")
def join(
    studies: Annotated[
        list[Path], typer.Argument(help="Two or more folders results/published/<study>.", show_default=False)
    ],
    to: Annotated[Path, typer.Option(help="Output folder results/published/<name>.", show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Replace the published study.")] = False,
) -> None:
    """Join published studies of one experiment that differ in N, methods or draws."""
    from fewlabel.reporting.publishing.join import join as joined

    published = joined(studies, to, replace)
    print(f"{published.folder}: {published.runs} runs, {published.size / 1000:.0f} kB")
    _print_weights(published)
    print(f"To redraw its figures and tables: make figures STUDY={published.folder.name}")


def _print_weights(published: "PublishedStudy") -> None:
    from fewlabel.utils.formatting import size

    for name, count in published.weights.items():
        print(f"{name}: {size(count)}, with its model card")


@command(Panel.USE, "results/demo liver_phantom/contrastive/4/1 --output card.md")
def model_card(
    results: Folder,
    run: Annotated[str, typer.Argument(help="cohort/method/N/draw, such as liver/scratch/4/1.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file. Default: print it.")] = None,
) -> None:
    """Write the model card of a finetuned network: data, training, scores with intervals, limits."""
    from fewlabel.reporting.publishing.model_card import chosen_run
    from fewlabel.reporting.publishing.model_card import model_card as card
    from fewlabel.reporting.results.folder import read_results

    study = read_results(results)
    text = card(study, chosen_run(study, run))
    if output:
        write_text(output, text)
    else:
        print(text, end="")


@command(Panel.INSPECT, "results/published/demo results/demo")
def compare(
    a: Folder,
    b: Folder,
    csv: Annotated[Path | None, typer.Option(help="Also write the table of scores.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the whole comparison.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Exit with code 1 if any score differs.")] = False,
) -> None:
    """Compare two studies: settings, versions, inputs and scores."""
    from fewlabel.reporting.publishing.compare import as_text
    from fewlabel.reporting.publishing.compare import compare as compared
    from fewlabel.reporting.tables.formats import as_csv_text

    comparison = compared(a, b)
    if csv:
        write_text(csv, as_csv_text(comparison.cells).to_csv(index=False))
    if json:
        write_json(json, comparison.facts())
    print(printable(as_text(comparison)), end="")
    if exact and not comparison.exact:
        raise typer.Exit(1)
