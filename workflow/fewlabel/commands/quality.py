"""What went in: a cohort's volumes, looked at."""

from typing import Annotated

import typer

from fewlabel import quality_jobs, recorded
from fewlabel.commands.common import In, Out, Threads, app, settings_json

QualityJson = Annotated[
    quality_jobs.QualitySettings,
    typer.Option("--settings", parser=settings_json(quality_jobs.QualitySettings), metavar="JSON"),
]
SheetJson = Annotated[
    quality_jobs.ContactSheetSettings,
    typer.Option("--settings", parser=settings_json(quality_jobs.ContactSheetSettings), metavar="JSON"),
]


@app.command()
def quality(
    settings: QualityJson,
    store: In,
    roles: In,
    native: In,
    csv: Out,
    markdown: Out,
    threads: Threads = 1,
) -> None:
    """List a cohort's volumes: shape, spacing, orientation, intensities, target, and what is worth a look."""
    from fewlabel.reporting.quality import quality_rows
    from fewlabel.reporting.quality_table import quality_table
    from fewlabel.reporting.table_forms import save_plain
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

    rows = quality_rows(open_store(store), read_subjects(roles, "role"), native, settings, threads)
    save_plain(quality_table(rows, settings), csv, markdown)
    warned = rows.loc[rows["warnings"] != "", ["subject", "warnings"]]
    for row in warned.itertuples():
        print(f"{settings.cohort}: {row.subject}: {row.warnings}")
    print(f"{settings.cohort}: {len(rows)} subjects, {len(warned)} with warnings")


@app.command("contact-sheet")
def contact_sheet(settings: SheetJson, store: In, quality: In, png: Out, html: Out) -> None:
    """Show slices of every subject with the mask outlined, those with warnings first; and a page of sheet and table."""
    from fewlabel.reporting.contact_sheet import contact_sheet as draw_sheet
    from fewlabel.reporting.quality_table import quality_table
    from fewlabel.reporting.table_forms import as_html
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

    recorded.check(quality)
    rows = read_subjects(quality, "warnings")
    figure = draw_sheet(open_store(store), rows, settings)
    with recorded.written([png, html]) as (png_partial, html_partial):
        figure.savefig(png_partial, format="png", dpi=settings.figure.dpi, metadata={"Software": None})
        page = as_html(quality_table(rows, settings), png_partial.read_bytes())
        html_partial.write_text(page, encoding="utf-8", newline="\n")
