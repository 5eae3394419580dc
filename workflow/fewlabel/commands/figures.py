"""Figures 4 and 5, and those beside the paper's: galleries, label efficiency, subjects in pairs."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import figure_jobs, gallery_jobs, recorded
from fewlabel.commands.common import In, Out, app, settings_json

EfficiencyJson = Annotated[
    figure_jobs.EfficiencySettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.EfficiencySettings), metavar="JSON"),
]
PairedJson = Annotated[
    figure_jobs.PairedSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.PairedSettings), metavar="JSON"),
]
DifferencesJson = Annotated[
    figure_jobs.DifferencesSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.DifferencesSettings), metavar="JSON"),
]
HistoriesJson = Annotated[
    figure_jobs.HistoriesSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.HistoriesSettings), metavar="JSON"),
]
LearningJson = Annotated[
    figure_jobs.LearningSettings,
    typer.Option("--settings", parser=settings_json(figure_jobs.LearningSettings), metavar="JSON"),
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
def differences(settings: DifferencesJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw every method's mean difference in Dice to the control at each N."""
    from fewlabel.reporting.difference_figure import difference_figure as draw
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("collect-histories")
def collect_histories(settings: HistoriesJson, results: In, history: Out) -> None:
    """Join the histories of all trainings into the study's one table."""
    from fewlabel.reporting.histories import join_histories

    recorded.write(history, join_histories(results, figure_jobs.training_folders(settings)).to_csv(index=False))


@app.command("learning-curves")
def learning_curves(
    settings: LearningJson,
    png: Out,
    pdf: Out,
    history: Annotated[
        Path | None, typer.Option(help="Read; none: the study has none, and the figure says so.")
    ] = None,
) -> None:
    """Draw the loss of every training against its step."""
    from fewlabel.reporting.histories import read_histories
    from fewlabel.reporting.learning_curves import learning_curves as draw
    from fewlabel.reporting.style import save

    save(draw(None if history is None else read_histories(history), settings), png, pdf, settings.figure.dpi)


@app.command()
def gallery(settings: GalleryJson, scores: In, results: In, png: Out, pdf: Out) -> None:
    """Draw slices of a test subject with truth and predictions (figures 4 and 5)."""
    from fewlabel.reporting.gallery import gallery as draw
    from fewlabel.reporting.gallery_case import read_case
    from fewlabel.reporting.scores import read_scores
    from fewlabel.reporting.style import save

    save(draw(read_case(read_scores(scores), results, settings), settings), png, pdf, settings.figure.dpi)
