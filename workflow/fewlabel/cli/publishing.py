"""Explorer, provenance and report of a study; publish, join and compare studies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.cli.common import In, Out, Panel, app, command, settings_option, step, write_json
from fewlabel.config import jobs
from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.study_layout import LAYOUT, SCORES
from fewlabel.utils.atomic_files import atomic_folder, visible, write_text
from fewlabel.utils.errors import printable

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment
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
    done = put(results, target, replace, anonymise, weights or [], largest_mb)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    if anonymise:
        print("Ids of subjects and patients are replaced by codes.")
    else:
        print("Ids of subjects and patients are published unchanged; --anonymise replaces them by codes.")
    _print_weights(done)
    if not done.histories:
        print("Training histories are not published: there are none, or they are too large.")
    print(f"To redraw its figures and tables: make figures STUDY={done.folder.name}")


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

    done = joined(studies, to, replace)
    print(f"{done.folder}: {done.runs} runs, {done.size / 1000:.0f} kB")
    _print_weights(done)
    print(f"To redraw its figures and tables: make figures STUDY={done.folder.name}")


def _print_weights(done: "PublishedStudy") -> None:
    from fewlabel.utils.formatting import size

    for name, count in done.weights.items():
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


ExplorerJson = Annotated[jobs.ExplorerSettings, settings_option(jobs.ExplorerSettings)]


@step("--results results/demo --page explorer.html")
def explorer(settings: ExplorerJson, results: In, page: Out) -> None:
    """Write the explorer of a finished study: label curves, volumes with predictions, differences, settings."""
    from fewlabel.reporting.explorer.build import explorer_page

    write_text(page, explorer_page(results, settings))


CrateJson = Annotated[jobs.CrateSettings, settings_option(jobs.CrateSettings)]
MADE = (SCORES, LAYOUT.figure("*", "p*"), LAYOUT.table("*"), LAYOUT.table("*", "md"))
PLANNED = ("Snakefile", "config.yaml", "workflow/rules/*.smk", "envs/*.yaml", "envs/constraints.txt")
README = """# Record of the FewLabel study {study}

`ro-crate-metadata.json` is a [Provenance Run Crate](https://w3id.org/ro/wfrun/provenance/0.5). From each table and
figure it leads, by SHA-256, back over scores, weights and slices to the cohorts, with the settings, software, machine
and time of each training. `experiment.json` holds all settings: `snakemake --configfile experiment.json` runs the study
again. Volumes, slices, weights and masks are named, not contained.
"""


@step("--results results/demo --workflow . --crate results/demo/provenance")
def crate(
    settings: CrateJson,
    results: In,
    workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")],
    crate: Annotated[Path, typer.Option(help="Output folder; the write is atomic.")],
) -> None:
    """Write the provenance of a study as an RO-Crate: what ran, on which inputs, with which software."""
    from importlib.metadata import version

    from fewlabel.reporting.provenance.jobs import Study, StudyFiles, last_end, study_jobs
    from fewlabel.reporting.provenance.ro_crate import study_crate
    from fewlabel.reporting.results.verified import check_record

    check_record(results, settings.experiment)
    found = StudyFiles(results)
    made = study_jobs(found, settings.experiment)
    fingerprints = {name: found.json(LAYOUT.source(name)) for name in settings.experiment.cohorts}
    with atomic_folder(crate) as folder:
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
            commands=_descriptions(settings.experiment),
            versions={name: version(name) for name in ("fewlabel", "snakemake")},
        )
        study_crate(study).write(folder)


def _descriptions(experiment: "Experiment") -> dict[str, str]:
    """The help of each command, and what each figure and table shows."""
    found = {item.command: item.specification.summary for item in report_items(experiment)}
    for entry in app.registered_commands:
        if entry.callback is not None:
            found[entry.name or entry.callback.__name__] = (entry.callback.__doc__ or "").strip()
    return found


@command(Panel.STEPS, "--experiment results/demo/experiment.yaml --workflow . --html report.html")
def report(experiment: In, workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")], html: Out) -> None:
    """Write Snakemake's report of a finished study: figures, tables, captions, rules and runtimes in one page."""
    from fewlabel.reporting.report import write_report

    write_report(experiment, workflow, html)
