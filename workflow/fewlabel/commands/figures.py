"""Figures 4 and 5, and those beside the paper's: galleries, label efficiency, subjects in pairs."""

from typing import Annotated

import typer

from fewlabel import figure_jobs, gallery_jobs
from fewlabel.commands.common import In, Out, app, settings_json

EfficiencyJson = Annotated[
    figure_jobs.EfficiencySettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.EfficiencySettings), metavar="JSON"),
]
PairedJson = Annotated[
    figure_jobs.PairedSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.PairedSettings), metavar="JSON"),
]
GalleryJson = Annotated[
    gallery_jobs.GallerySettings,
    typer.Option("--settings", parser=settings_json(gallery_jobs.GallerySettings), metavar="JSON"),
]


@app.command("label-efficiency")
def label_efficiency(settings: EfficiencyJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw the share of the supervised score that each method reaches, against the number of labels."""
    from fewlabel.reporting.efficiency import label_efficiency as draw
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("paired-subjects")
def paired_subjects(settings: PairedJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw each test subject's Dice with a method and with its control, and their mean difference."""
    from fewlabel.reporting.paired import paired_subjects as draw
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command()
def gallery(settings: GalleryJson, scores: In, results: In, png: Out, pdf: Out) -> None:
    """Draw slices of a test subject with truth and predictions (figures 4 and 5)."""
    from fewlabel.reporting.gallery import gallery as draw
    from fewlabel.reporting.gallery_case import read_case
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw(read_case(read_scores(scores), results, settings), settings), png, pdf, settings.figure.dpi)
