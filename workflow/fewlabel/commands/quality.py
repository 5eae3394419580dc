"""What went in: a cohort's volumes, looked at."""

from typing import Annotated

import typer

from fewlabel import quality_jobs
from fewlabel.commands.common import In, Out, Threads, app, settings_json
from fewlabel.files import whole

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
    html: Out,
    threads: Threads = 1,
) -> None:
    """List a cohort's volumes: shape, spacing, orientation, intensities, target, and what is worth a look."""
    from fewlabel.reporting.quality import quality_rows
    from fewlabel.reporting.quality_table import quality_table
    from fewlabel.reporting.table_forms import save_page
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

    rows = quality_rows(open_store(store), read_subjects(roles), native, settings, threads)
    save_page(quality_table(rows, settings), csv, markdown, html)
    warned = rows.loc[rows["warnings"] != "", ["subject", "warnings"]]
    for row in warned.itertuples():
        print(f"{settings.cohort}: {row.subject}: {row.warnings}")
    print(f"{settings.cohort}: {len(rows)} subjects, {len(warned)} with warnings")


@app.command("contact-sheet")
def contact_sheet(settings: SheetJson, store: In, quality: In, png: Out) -> None:
    """Show slices of every labelled subject with the mask outlined, those with warnings first."""
    from fewlabel.reporting.contact_sheet import contact_sheet as draw_sheet
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

    figure = draw_sheet(open_store(store), read_subjects(quality), settings)
    with whole(png) as partial:
        figure.savefig(partial, format="png", dpi=settings.figure.dpi, metadata={"Software": None})
