"""The table of all scores, and what is listed and shown of each cohort's volumes."""

from typing import Annotated

from fewlabel.cli.common import In, Out, Threads, settings_option, step
from fewlabel.config import jobs
from fewlabel.config.study_layout import LAYOUT
from fewlabel.utils import recorded_hashes

CollectJson = Annotated[jobs.CollectSettings, settings_option(jobs.CollectSettings)]


@step("--results results/demo --scores scores.csv")
def collect(settings: CollectJson, results: In, scores: Out) -> None:
    """Join the scores of all runs into one long table."""
    from fewlabel.reporting.statistics.scores import collect as join

    recorded_hashes.write_recorded(
        scores, join([results / LAYOUT.run_scores(run) for run in jobs.finetunings(settings)]).to_csv(index=False)
    )


QualityJson = Annotated[jobs.QualitySettings, settings_option(jobs.QualitySettings)]
SheetJson = Annotated[jobs.ContactSheetSettings, settings_option(jobs.ContactSheetSettings)]


@step("--store store.json --roles roles.csv --native native --csv q.csv --markdown q.md")
def quality(
    settings: QualityJson, store: In, roles: In, native: In, csv: Out, markdown: Out, threads: Threads = 1
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
