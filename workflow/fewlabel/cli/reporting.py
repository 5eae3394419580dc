"""Figures, tables and pages of a study, its provenance and its report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fewlabel.cli.common import (
    FIGURE_FILES,
    TABLE_FILES,
    In,
    Out,
    Panel,
    Threads,
    command,
    settings_json,
    settings_option,
    step,
    write_json,
)
from fewlabel.config.experiment import Experiment
from fewlabel.config.extensions import implementation
from fewlabel.config.jobs.figures.explorer import ExplorerSettings
from fewlabel.config.jobs.figures.quality import ContactSheetSettings, QualitySettings
from fewlabel.config.jobs.figures.registry import report_items, specification
from fewlabel.config.jobs.provenance import ProvenanceSettings
from fewlabel.config.jobs.specification import FigureSpecification, Kind
from fewlabel.config.study_layout import LAYOUT, SCORES
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import atomic_folder, visible, write_text
from fewlabel.utils.errors import InputError

Name = Annotated[str, typer.Argument(help="Its name, as in the documentation.", show_default=False)]
SettingsText = Annotated[
    str,
    typer.Option(
        "--settings",
        metavar="JSON",
        help="Settings of the job as JSON, or a JSON file. `snakemake -n -p` prints those of each job.",
    ),
]


@command(Panel.STEPS, f"label_curves --settings settings.json --results results/demo {FIGURE_FILES}")
def figure(name: Name, settings: SettingsText, results: In, png: Out, pdf: Out) -> None:
    """Draw a figure of a study."""
    from matplotlib.figure import Figure

    from fewlabel.reporting.figures.style import save

    chosen, read = _read("figure", name, settings)
    save(_result_of(chosen, results, read, Figure), png, pdf, getattr(getattr(read, "figure", read), "dpi", 300))


@command(Panel.STEPS, f"dice --settings settings.json --results results/demo {TABLE_FILES}")
def table(name: Name, settings: SettingsText, results: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write a table of a study."""
    from fewlabel.reporting.tables.formats import save
    from fewlabel.reporting.tables.table import Table

    chosen, read = _read("table", name, settings)
    save(_result_of(chosen, results, read, Table), csv, markdown, latex, html)


def _read(kind: Kind, name: str, settings: str) -> tuple[FigureSpecification, Any]:
    chosen = specification(kind, name)
    return chosen, settings_json(chosen.settings_class)(settings)


def _result_of(chosen: FigureSpecification, results: Path, settings: Any, expected: type[Any]) -> Any:
    """What the implementation returns."""
    result = implementation(chosen.implementation, f"{chosen.kind} {chosen.name}")(results, settings)
    if not isinstance(result, expected):
        raise InputError(
            f"{chosen.kind} {chosen.name}: {chosen.implementation} returned {type(result).__name__}; accepted: "
            f"{expected.__module__}.{expected.__name__}; to fix: correct or update its package"
        )
    return result


QualityJson = Annotated[QualitySettings, settings_option(QualitySettings)]
SheetJson = Annotated[ContactSheetSettings, settings_option(ContactSheetSettings)]


@step("--store store.json --roles roles.csv --native native --csv q.csv --markdown q.md")
def quality(
    settings: QualityJson, store: In, roles: In, native: In, csv: Out, markdown: Out, threads: Threads = 1
) -> None:
    """List a cohort's volumes with shape, spacing, orientation, intensities, target and warnings."""
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.reporting.tables.formats import save_plain
    from fewlabel.reporting.tables.quality import quality_table
    from fewlabel.reporting.tables.quality_checks import quality_rows

    rows = quality_rows(open_store(store), read_subjects(roles, "role"), native, settings, threads)
    save_plain(quality_table(rows, settings), csv, markdown)
    warned = rows.loc[rows["warnings"] != "", ["subject", "warnings"]]
    for row in warned.itertuples():
        print(f"{settings.cohort}: {row.subject}: {row.warnings}")
    print(f"{settings.cohort}: {len(rows)} subjects, {len(warned)} with warnings")


@step("--store store.json --quality q.csv --png sheet.png --html sheet.html")
def contact_sheet(settings: SheetJson, store: In, quality: In, png: Out, html: Out) -> None:
    """Draw slices of each subject with its mask, subjects with warnings first, and write a page with the table."""
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.reporting.images.contact_sheet import contact_sheet as draw_sheet
    from fewlabel.reporting.tables.formats import as_html
    from fewlabel.reporting.tables.quality import quality_table

    recorded_hashes.check(quality)
    rows = read_subjects(quality, "warnings")
    figure = draw_sheet(open_store(store), rows, settings)
    with recorded_hashes.recorded_files([png, html]) as (png_partial, html_partial):
        figure.savefig(png_partial, format="png", dpi=settings.figure.dpi, metadata={"Software": None})
        page = as_html(quality_table(rows, settings), png_partial.read_bytes())
        html_partial.write_text(page, encoding="utf-8", newline="\n")


ExplorerJson = Annotated[ExplorerSettings, settings_option(ExplorerSettings)]


@step("--results results/demo --page explorer.html")
def explorer(settings: ExplorerJson, results: In, page: Out) -> None:
    """Write the explorer of a finished study: label curves, volumes with predictions, differences, settings."""
    from fewlabel.reporting.explorer.build import explorer_page

    write_text(page, explorer_page(results, settings))


ProvenanceJson = Annotated[ProvenanceSettings, settings_option(ProvenanceSettings)]
MADE = (SCORES, LAYOUT.figure("*", "p*"), LAYOUT.table("*"), LAYOUT.table("*", "md"))
PLANNED = ("Snakefile", "config.yaml", "workflow/rules/*.smk", "envs/*.yaml", "envs/constraints.txt")
README = """# Record of the FewLabel study {study}

`ro-crate-metadata.json` is a [Provenance Run Crate](https://w3id.org/ro/wfrun/provenance/0.5). From each table and
figure it leads, by SHA-256, back over scores, weights and slices to the cohorts, with the settings, software, machine
and time of each training. `experiment.json` holds all settings: `snakemake --configfile experiment.json` runs the study
again. Volumes, slices, weights and masks are named, not contained.
"""


@step("--results results/demo --workflow . --folder results/demo/provenance")
def provenance(
    settings: ProvenanceJson,
    results: In,
    workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")],
    folder: Annotated[Path, typer.Option(help="Output folder; the write is atomic.")],
) -> None:
    """Write the provenance of a study as an RO-Crate: what ran, on which inputs, with which software."""
    from importlib.metadata import version

    from fewlabel.reporting.provenance.jobs import Study, StudyFiles, last_end, study_jobs
    from fewlabel.reporting.provenance.ro_crate import study_crate
    from fewlabel.reporting.results.verified import check_record

    check_record(results, settings.experiment)
    files = StudyFiles(results)
    recorded_jobs = study_jobs(files, settings.experiment)
    fingerprints = {name: files.json(LAYOUT.source(name)) for name in settings.experiment.cohorts}
    with atomic_folder(folder) as partial:
        resolved = partial / "experiment.json"
        write_json(resolved, settings.experiment.model_dump(mode="json"))
        readme = partial / "README.md"
        readme.write_text(README.format(study=settings.experiment.study), encoding="utf-8", newline="\n")
        copies = {
            path.relative_to(base).as_posix(): path
            for base, patterns in ((workflow, PLANNED), (results, MADE))
            for pattern in patterns
            for path in visible(base, pattern)
        }
        study = Study(
            experiment=settings.experiment,
            jobs=recorded_jobs,
            fingerprints={name: str(facts.get("fingerprint", "")) for name, facts in fingerprints.items()},
            files={**copies, **{file.name: file for file in (resolved, readme)}},
            published=last_end(recorded_jobs, files),
            commands=_descriptions(settings.experiment),
            versions={name: version(name) for name in ("fewlabel", "snakemake")},
        )
        study_crate(study).write(partial)


def _descriptions(experiment: Experiment) -> dict[str, str]:
    """The help of each command, and what each figure and table shows."""
    from fewlabel.cli import commands

    descriptions = {item.command: item.specification.summary for item in report_items(experiment)}
    for entry in commands.app.registered_commands:
        if entry.callback is not None:
            descriptions[entry.name or entry.callback.__name__] = (entry.callback.__doc__ or "").strip()
    return descriptions


ExperimentJson = Annotated[Experiment, settings_option(Experiment)]


@step("--results results/demo --captions workflow/report --page index.html")
def results_page(
    settings: ExperimentJson,
    results: In,
    captions: Annotated[Path, typer.Option(help="Folder of the captions, workflow/report.")],
    page: Out,
) -> None:
    """Write the results page of a study: the answer, figures, tables, quality warnings and links to all files."""
    from fewlabel.reporting.results_page.build import results_page as built

    write_text(page, built(results, settings, captions))


@command(Panel.STEPS, "--experiment results/demo/experiment.yaml --workflow . --html report.html")
def report(experiment: In, workflow: Annotated[Path, typer.Option(help="Folder of the Snakefile.")], html: Out) -> None:
    """Write Snakemake's report of a finished study: figures, tables, captions, rules and runtimes in one page."""
    from fewlabel.reporting.report import write_report

    write_report(experiment, workflow, html)
