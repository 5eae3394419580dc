"""Figures 4 and 5, and those beside the paper's: galleries, label efficiency, subjects in pairs."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import In, Out, Threads, app, settings_json
from fewlabel.config import jobs
from fewlabel.utils import recorded_hashes

EfficiencyJson = Annotated[
    jobs.EfficiencySettings,
    typer.Option("--settings", parser=settings_json(jobs.EfficiencySettings), metavar="JSON"),
]
PairedJson = Annotated[
    jobs.PairedSettings,
    typer.Option("--settings", parser=settings_json(jobs.PairedSettings), metavar="JSON"),
]
DifferencesJson = Annotated[
    jobs.DifferencesSettings,
    typer.Option("--settings", parser=settings_json(jobs.DifferencesSettings), metavar="JSON"),
]
HistoriesJson = Annotated[
    jobs.HistoriesSettings,
    typer.Option("--settings", parser=settings_json(jobs.HistoriesSettings), metavar="JSON"),
]
LearningJson = Annotated[
    jobs.LearningSettings,
    typer.Option("--settings", parser=settings_json(jobs.LearningSettings), metavar="JSON"),
]
GalleryJson = Annotated[
    jobs.GallerySettings,
    typer.Option("--settings", parser=settings_json(jobs.GallerySettings), metavar="JSON"),
]


@app.command("label-efficiency")
def label_efficiency(settings: EfficiencyJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw the share of the supervised score that each method reaches, against the number of labels."""
    from fewlabel.reporting.figures.label_efficiency import label_efficiency as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("paired-subjects")
def paired_subjects(settings: PairedJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw each test subject's Dice with a method and with its control, and their mean difference."""
    from fewlabel.reporting.figures.paired_subjects import paired_subjects as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command()
def differences(settings: DifferencesJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw every method's mean difference in Dice to the control at each N."""
    from fewlabel.reporting.figures.differences import difference_figure as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@app.command("collect-histories")
def collect_histories(settings: HistoriesJson, results: In, history: Out) -> None:
    """Join the histories of all trainings into the study's one table."""
    from fewlabel.reporting.results.histories import join_histories

    recorded_hashes.write(history, join_histories(results, jobs.training_folders(settings)).to_csv(index=False))


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
    from fewlabel.reporting.figures.learning_curves import learning_curves as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.results.histories import read_histories

    save(draw(None if history is None else read_histories(history), settings), png, pdf, settings.figure.dpi)


@app.command()
def gallery(settings: GalleryJson, scores: In, results: In, png: Out, pdf: Out) -> None:
    """Draw slices of a test subject with truth and predictions (figures 4 and 5)."""
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.gallery import gallery as draw
    from fewlabel.reporting.images.gallery_case import read_case
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_case(read_scores(scores), results, settings), settings), png, pdf, settings.figure.dpi)


MeasureJson = Annotated[
    jobs.MeasureSettings,
    typer.Option("--settings", parser=settings_json(jobs.MeasureSettings), metavar="JSON"),
]
DestreakingJson = Annotated[
    jobs.DestreakingSettings,
    typer.Option("--settings", parser=settings_json(jobs.DestreakingSettings), metavar="JSON"),
]


@app.command()
def destreaking(settings: MeasureJson, csv: Out, images: Out, threads: Threads = 1) -> None:
    """Measure what each method of de-streaking leaves of a phantom's streaks."""
    from fewlabel.data.phantoms.streak_measures import measure
    from fewlabel.reporting.tables.destreaking_measures import save_measures

    save_measures(*measure(settings, threads), csv, images)


@app.command("destreaking-table")
def destreaking_table(settings: DestreakingJson, measures: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """List the measures of each method at each signal of the arms."""
    from fewlabel.reporting.tables.destreaking import destreaking_table as table_of
    from fewlabel.reporting.tables.destreaking_measures import read_measures
    from fewlabel.reporting.tables.formats import save

    save(table_of(read_measures(measures), settings), csv, markdown, latex, html)


@app.command("destreaking-figure")
def destreaking_figure(settings: DestreakingJson, measures: In, images: In, png: Out, pdf: Out) -> None:
    """Draw a slice after each method, and the measures over the arms' signal."""
    from fewlabel.reporting.figures.destreaking import destreaking_figure as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.tables.destreaking_measures import read_images, read_measures

    save(draw(read_measures(measures), read_images(images), settings), png, pdf, settings.figure.dpi)


PretextsJson = Annotated[
    jobs.PretextsSettings,
    typer.Option("--settings", parser=settings_json(jobs.PretextsSettings), metavar="JSON"),
]
LocalJson = Annotated[
    jobs.LocalSimilaritySettings,
    typer.Option("--settings", parser=settings_json(jobs.LocalSimilaritySettings), metavar="JSON"),
]
Pretrained = Annotated[Path, typer.Option(help="The cohort's pretrainings: a folder a method.")]


@app.command()
def pretexts(settings: PretextsJson, store: In, roles: In, pretrained: Pretrained, png: Out, pdf: Out) -> None:
    """Figure 1: what the pretexts ask of a network and what it answers."""
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.data.subjects.tables import read_subjects
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.pretext_cases import compared, restored, shown_subjects
    from fewlabel.reporting.images.pretexts import pretexts as draw
    from fewlabel.training.pretexts.restore import restore_pretext

    opened, figure = open_store(store), settings.figure
    subjects = shown_subjects(read_subjects(roles, "role"), [figure.subject], "pretexts.subject")
    rows, contrast = [], None
    if settings.regression:
        pretext = restore_pretext(pretrained / settings.regression / "pretext.safetensors")
        rows = restored(pretext, opened, subjects[0], figure.slices, settings.seed)
    if settings.contrastive:
        pretext = restore_pretext(pretrained / settings.contrastive / "pretext.safetensors")
        contrast = compared(pretext, opened, subjects, settings.seed)
    save(draw(rows, contrast, settings), png, pdf, figure.dpi)


@app.command("local-similarity")
def local_similarity(settings: LocalJson, store: In, roles: In, pretext: In, png: Out, pdf: Out) -> None:
    """Draw how alike a point's local representation is to that of every other place, before and after stage 2."""
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.data.subjects.tables import read_subjects
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.local_similarity import local_similarity as draw
    from fewlabel.reporting.images.local_similarity import similar_places
    from fewlabel.training.pretexts.restore import restore_pretext

    point, shown = similar_places(restore_pretext(pretext), open_store(store), read_subjects(roles, "role"), settings)
    save(draw(point, shown, settings), png, pdf, settings.figure.dpi)
