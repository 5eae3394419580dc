"""What people ask of finished results: publish them, and compare them with others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import app, write_json
from fewlabel.utils.atomic_files import write_text
from fewlabel.utils.errors import printable

if TYPE_CHECKING:
    from fewlabel.reporting.publishing.publish import Published


from fewlabel.cli.common import In, Out, settings_json
from fewlabel.config import jobs
from fewlabel.utils.atomic_files import visible, whole_folder

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
    from fewlabel.reporting.publishing.publish import publish as put

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
    from fewlabel.reporting.publishing.join import join as joined

    done = joined(studies, to, replace)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    _tell_weights(done)
    print(f"Draw its figures and tables again: make figures STUDY={done.folder.name}")


def _tell_weights(done: "Published") -> None:
    from fewlabel.utils.formatting import size

    for name, count in done.weights.items():
        print(f"{name}: {size(count)}, with its model card")


@app.command("model-card")
def model_card(
    results: Folder,
    run: Annotated[str, typer.Argument(help="cohort/method/N/draw, such as liver/scratch/4/1.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Markdown file; default: printed.")] = None,
) -> None:
    """Tell what a finetuned network was made of and how, its scores with intervals, and its limits."""
    from fewlabel.reporting.publishing.model_card import chosen_run
    from fewlabel.reporting.publishing.model_card import model_card as card
    from fewlabel.reporting.results.folder import read_results

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
    from fewlabel.reporting.publishing.compare import compare as compared
    from fewlabel.reporting.publishing.compare_text import as_text
    from fewlabel.reporting.tables.formats import as_csv_text

    comparison = compared(a, b)
    if csv:
        write_text(csv, as_csv_text(comparison.cells).to_csv(index=False))
    if json:
        write_json(json, comparison.facts())
    print(printable(as_text(comparison)), end="")
    if exact and not comparison.exact:
        raise typer.Exit(1)


ExplorerJson = Annotated[
    jobs.ExplorerSettings,
    typer.Option("--settings", parser=settings_json(jobs.ExplorerSettings), metavar="JSON"),
]


@app.command()
def explorer(settings: ExplorerJson, results: In, page: Out) -> None:
    """One page to look at a finished study: label curves, volumes with predictions, differences, facts, settings."""
    from fewlabel.reporting.explorer.build import explorer_page

    write_text(page, explorer_page(results, settings))


CrateJson = Annotated[
    jobs.CrateSettings,
    typer.Option("--settings", parser=settings_json(jobs.CrateSettings), metavar="JSON"),
]
MADE = ("scores.csv", "figures/*.p*", "tables/*.csv", "tables/*.md")
PLANNED = ("Snakefile", "config.yaml", "workflow/rules/*.smk", "envs/*.yaml", "envs/constraints.txt")
README = """# Record of the FewLabel study {study}

`ro-crate-metadata.json` is a [Provenance Run Crate](https://w3id.org/ro/wfrun/provenance/0.5). From each table and
figure it leads, by SHA-256, back over scores, weights and slices to the cohorts, with the settings, software, machine
and time of each training. `experiment.json` holds all settings: `snakemake --configfile experiment.json` runs the study
again. Volumes, slices, weights and masks are named, not contained.
"""


@app.command()
def crate(
    settings: CrateJson,
    results: In,
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")],
    crate: Annotated[Path, typer.Option(help="Written, whole or not at all: the folder of the crate.")],
) -> None:
    """Write the study's record: what was run, on what and with what (a Provenance Run Crate)."""
    from importlib.metadata import version

    from fewlabel.reporting.provenance.jobs import Results, Study, last_end, study_jobs
    from fewlabel.reporting.provenance.ro_crate import study_crate
    from fewlabel.reporting.results.verified import check_record

    check_record(results, settings.experiment)
    found = Results(results)
    made = study_jobs(found, settings.experiment)
    fingerprints = {name: found.json(f"{name}/splits/source.json") for name in settings.experiment.cohorts}
    with whole_folder(crate) as folder:
        resolved = folder / "experiment.json"
        write_json(resolved, settings.experiment.model_dump(mode="json"))
        readme = folder / "README.md"
        readme.write_text(README.format(study=settings.experiment.study), encoding="utf-8", newline="\n")
        copies = {
            path.relative_to(base).as_posix(): path
            for base, patterns in ((workflow, PLANNED), (results, MADE))
            for pattern in patterns
            for path in visible(base, pattern)
        }
        study = Study(
            experiment=settings.experiment,
            jobs=made,
            fingerprints={name: str(facts.get("fingerprint", "")) for name, facts in fingerprints.items()},
            files={**copies, **{file.name: file for file in (resolved, readme)}},
            published=last_end(made, found),
            commands=_descriptions(),
            versions={name: version(name) for name in ("fewlabel", "snakemake")},
        )
        study_crate(study).write(folder)


def _descriptions() -> dict[str, str]:
    """What each command does, in the words of its help."""
    found = {}
    for command in app.registered_commands:
        if command.callback is not None:
            found[command.name or command.callback.__name__] = (command.callback.__doc__ or "").strip()
    return found


@app.command()
def report(
    experiment: In,
    workflow: Annotated[Path, typer.Option(help="The folder of the Snakefile.")],
    html: Out,
) -> None:
    """Put figures, tables, captions, rules and runtimes of a finished study into one page, made by Snakemake."""
    from fewlabel.reporting.report import write_report

    write_report(experiment, workflow, html)
