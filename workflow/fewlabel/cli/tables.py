"""Scores of all runs, figures and tables from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fewlabel.cli.common import FIGURE_FILES, TABLE_FILES, In, Out, Threads, settings_option, step
from fewlabel.config import jobs
from fewlabel.config.folds import parts_of
from fewlabel.config.study_layout import LAYOUT
from fewlabel.utils import recorded_hashes

if TYPE_CHECKING:
    import pandas as pd


CollectJson = Annotated[jobs.CollectSettings, settings_option(jobs.CollectSettings)]
SchemeJson = Annotated[jobs.SchemeSettings, settings_option(jobs.SchemeSettings)]
CurvesJson = Annotated[jobs.CurvesSettings, settings_option(jobs.CurvesSettings)]
CohortTableJson = Annotated[jobs.CohortTableSettings, settings_option(jobs.CohortTableSettings)]
DiceTableJson = Annotated[jobs.DiceTableSettings, settings_option(jobs.DiceTableSettings)]
DifferenceTableJson = Annotated[jobs.DifferenceTableSettings, settings_option(jobs.DifferenceTableSettings)]
LabelsTableJson = Annotated[jobs.LabelsTableSettings, settings_option(jobs.LabelsTableSettings)]


def _facts(results: Path, titles: jobs.Titles) -> "dict[str, pd.DataFrame]":
    """The subjects table of each cohort."""
    from fewlabel.reporting.tables.cohort_facts import read_facts, read_fold_facts

    found = {}
    for name, title in titles.cohorts.items():
        roles = [results / LAYOUT.roles(part) for part in parts_of(name, title.folds)]
        subjects = results / LAYOUT.subjects(name)
        found[name] = read_facts(roles[0], subjects) if title.folds is None else read_fold_facts(roles, subjects)
    return found


@step("--results results/demo --scores scores.csv")
def collect(settings: CollectJson, results: In, scores: Out) -> None:
    """Join the scores of all runs into one long table."""
    from fewlabel.reporting.statistics.scores import collect as join

    recorded_hashes.write_recorded(
        scores, join([results / LAYOUT.run_scores(run) for run in jobs.finetunings(settings)]).to_csv(index=False)
    )


@step(f"--results results/demo {FIGURE_FILES}")
def scheme(settings: SchemeJson, results: In, png: Out, pdf: Out) -> None:
    """Draw figure 2: both training steps as set in the experiment, above table 1."""
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.method_diagram import scheme as draw_scheme
    from fewlabel.reporting.tables.cohorts import cohort_table as table_of

    rows = table_of(_facts(results, settings.titles), settings.table).rows if settings.table else None
    save(draw_scheme(rows, settings), png, pdf, settings.figure.dpi)


@step(f"--scores scores.csv {FIGURE_FILES}")
def label_curves(settings: CurvesJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw figure 3: mean Dice against the number of labelled subjects."""
    from fewlabel.reporting.figures.label_curves import label_curves as draw_curves
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw_curves(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@step(f"--results results/demo {TABLE_FILES}")
def cohort_table(settings: CohortTableJson, results: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write table 1: subjects of each cohort by use."""
    from fewlabel.reporting.tables.cohorts import cohort_table as table_of
    from fewlabel.reporting.tables.formats import save

    save(table_of(_facts(results, settings.titles), settings), csv, markdown, latex, html)


@step(f"--scores scores.csv {TABLE_FILES}")
def dice_table(settings: DiceTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write table 2: Dice by cohort, method and N, next to the paper's values."""
    from fewlabel.reporting.statistics.scores import read_scores
    from fewlabel.reporting.tables.cohort_facts import diagonals
    from fewlabel.reporting.tables.dice import dice_table as table_of
    from fewlabel.reporting.tables.formats import save

    # Volume sizes are in the subjects tables of the study.
    known = diagonals(scores.parent, settings.titles.cohorts) if settings.hd95_missing == "diagonal" else None
    save(table_of(read_scores(scores), settings, known), csv, markdown, latex, html)


@step(f"--scores scores.csv {TABLE_FILES}")
def difference_table(settings: DifferenceTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write table 3: paired differences to the control with intervals, tests and effect sizes."""
    from fewlabel.reporting.statistics.scores import read_scores
    from fewlabel.reporting.tables.differences import difference_table as table_of
    from fewlabel.reporting.tables.formats import save

    save(table_of(read_scores(scores), settings), csv, markdown, latex, html)


@step(f"--scores scores.csv {TABLE_FILES}")
def labels_table(settings: LabelsTableJson, scores: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """Write table 4: labelled subjects that each method needs for shares of the benchmark's score, and labels saved."""
    from fewlabel.reporting.statistics.scores import read_scores
    from fewlabel.reporting.tables.formats import save
    from fewlabel.reporting.tables.labels_needed import labels_table as table_of

    save(table_of(read_scores(scores), settings), csv, markdown, latex, html)


QualityJson = Annotated[jobs.QualitySettings, settings_option(jobs.QualitySettings)]
SheetJson = Annotated[jobs.ContactSheetSettings, settings_option(jobs.ContactSheetSettings)]


@step("--store store.json --roles roles.csv --native native --csv q.csv --markdown q.md")
def quality(
    settings: QualityJson,
    store: In,
    roles: In,
    native: In,
    csv: Out,
    markdown: Out,
    threads: Threads = 1,
) -> None:
    """List a cohort's volumes with shape, spacing, orientation, intensities, target and warnings."""
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.data.subjects.tables import read_subjects
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
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.data.subjects.tables import read_subjects
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
