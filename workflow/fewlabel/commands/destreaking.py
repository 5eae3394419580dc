"""Methods of de-streaking: measured, tabulated and drawn."""

from typing import Annotated

import typer

from fewlabel import destreaking_jobs
from fewlabel.commands.common import In, Out, Threads, app, settings_json

MeasureJson = Annotated[
    destreaking_jobs.MeasureSettings,
    typer.Option("--settings", parser=settings_json(destreaking_jobs.MeasureSettings), metavar="JSON"),
]
DestreakingJson = Annotated[
    destreaking_jobs.DestreakingSettings,
    typer.Option("--settings", parser=settings_json(destreaking_jobs.DestreakingSettings), metavar="JSON"),
]


@app.command()
def destreaking(settings: MeasureJson, csv: Out, images: Out, threads: Threads = 1) -> None:
    """Measure what each method of de-streaking leaves of a phantom's streaks."""
    from fewlabel.cohorts.phantom_streaks import measure
    from fewlabel.reporting.destreaking_measures import save_measures

    save_measures(*measure(settings, threads), csv, images)


@app.command("destreaking-table")
def destreaking_table(settings: DestreakingJson, measures: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """List the measures of each method at each signal of the arms."""
    from fewlabel.reporting.destreaking_measures import read_measures
    from fewlabel.reporting.destreaking_table import destreaking_table as table_of
    from fewlabel.reporting.table_forms import save

    save(table_of(read_measures(measures), settings), csv, markdown, latex, html)


@app.command("destreaking-figure")
def destreaking_figure(settings: DestreakingJson, measures: In, images: In, png: Out, pdf: Out) -> None:
    """Draw a slice after each method, and the measures over the arms' signal."""
    from fewlabel.reporting.destreaking_figure import destreaking_figure as draw
    from fewlabel.reporting.destreaking_measures import read_images, read_measures
    from fewlabel.reporting.style import save

    save(draw(read_measures(measures), read_images(images), settings), png, pdf, settings.figure.dpi)
