"""Figures from scores, histories and predictions."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel.cli.common import FIGURE_FILES, TABLE_FILES, In, Out, Threads, settings_option, step
from fewlabel.config import jobs
from fewlabel.config.study_layout import PRETEXT
from fewlabel.utils import recorded_hashes

EfficiencyJson = Annotated[jobs.EfficiencySettings, settings_option(jobs.EfficiencySettings)]
PairedJson = Annotated[jobs.PairedSettings, settings_option(jobs.PairedSettings)]
DifferencesJson = Annotated[jobs.DifferencesSettings, settings_option(jobs.DifferencesSettings)]
HistoriesJson = Annotated[jobs.HistoriesSettings, settings_option(jobs.HistoriesSettings)]
LearningJson = Annotated[jobs.LearningSettings, settings_option(jobs.LearningSettings)]
GalleryJson = Annotated[jobs.GallerySettings, settings_option(jobs.GallerySettings)]


@step(f"--scores scores.csv {FIGURE_FILES}")
def label_efficiency(settings: EfficiencyJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw the share of the supervised score that each method reaches, against the number of labels."""
    from fewlabel.reporting.figures.label_efficiency import label_efficiency as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@step(f"--scores scores.csv {FIGURE_FILES}")
def paired_subjects(settings: PairedJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw each test subject's Dice with a method and with its control, and their mean difference."""
    from fewlabel.reporting.figures.paired_subjects import paired_subjects as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@step(f"--scores scores.csv {FIGURE_FILES}")
def differences(settings: DifferencesJson, scores: In, png: Out, pdf: Out) -> None:
    """Draw each method's mean difference in Dice to the control at each N."""
    from fewlabel.reporting.figures.differences import difference_figure as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_scores(scores), settings), png, pdf, settings.figure.dpi)


@step("--results results/demo --history history.csv")
def collect_histories(settings: HistoriesJson, results: In, history: Out) -> None:
    """Join the loss histories of all trainings into one table."""
    from fewlabel.reporting.results.histories import join_histories

    recorded_hashes.write_recorded(history, join_histories(results, jobs.trainings(settings)).to_csv(index=False))


@step(f"--history history.csv {FIGURE_FILES}")
def learning_curves(
    settings: LearningJson,
    png: Out,
    pdf: Out,
    history: Annotated[Path | None, typer.Option(help="Input file. Default: none, and the figure notes it.")] = None,
) -> None:
    """Draw the loss of each training against its step."""
    from fewlabel.reporting.figures.learning_curves import learning_curves as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.results.histories import read_histories

    save(draw(None if history is None else read_histories(history), settings), png, pdf, settings.figure.dpi)


@step(f"--scores scores.csv --results results/demo {FIGURE_FILES}")
def gallery(settings: GalleryJson, scores: In, results: In, png: Out, pdf: Out) -> None:
    """Draw slices of a test subject with the true mask and predictions (figures 4 and 5)."""
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.gallery import gallery as draw
    from fewlabel.reporting.images.gallery_case import read_case
    from fewlabel.reporting.statistics.scores import read_scores

    save(draw(read_case(read_scores(scores), results, settings), settings), png, pdf, settings.figure.dpi)


MeasureJson = Annotated[jobs.MeasureSettings, settings_option(jobs.MeasureSettings)]
DestreakingJson = Annotated[jobs.DestreakingSettings, settings_option(jobs.DestreakingSettings)]


@step("--csv measures.csv --images images.npz")
def destreaking(settings: MeasureJson, csv: Out, images: Out, threads: Threads = 1) -> None:
    """Measure the streaks that each de-streaking method leaves in a phantom."""
    from fewlabel.data.phantoms.streak_measures import measure
    from fewlabel.reporting.tables.destreaking_measures import save_measures

    save_measures(*measure(settings, threads), csv, images)


@step(f"--measures measures.csv {TABLE_FILES}")
def destreaking_table(settings: DestreakingJson, measures: In, csv: Out, markdown: Out, latex: Out, html: Out) -> None:
    """List the measures of each de-streaking method at each signal of the arms."""
    from fewlabel.reporting.tables.destreaking import destreaking_table as table_of
    from fewlabel.reporting.tables.destreaking_measures import read_measures
    from fewlabel.reporting.tables.formats import save

    save(table_of(read_measures(measures), settings), csv, markdown, latex, html)


@step(f"--measures measures.csv --images images.npz {FIGURE_FILES}")
def destreaking_figure(settings: DestreakingJson, measures: In, images: In, png: Out, pdf: Out) -> None:
    """Draw a slice after each de-streaking method, and the measures against the signal of the arms."""
    from fewlabel.reporting.figures.destreaking import destreaking_figure as draw
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.tables.destreaking_measures import read_images, read_measures

    save(draw(read_measures(measures), read_images(images), settings), png, pdf, settings.figure.dpi)


PretextsJson = Annotated[jobs.PretextsSettings, settings_option(jobs.PretextsSettings)]
LocalJson = Annotated[jobs.LocalSimilaritySettings, settings_option(jobs.LocalSimilaritySettings)]
Pretrained = Annotated[Path, typer.Option(help="Folder of a cohort's pretrainings, with one folder a method.")]


@step(f"--store store.json --roles roles.csv --pretrained results/demo/liver/pretrained {FIGURE_FILES}")
def pretexts(settings: PretextsJson, store: In, roles: In, pretrained: Pretrained, png: Out, pdf: Out) -> None:
    """Draw figure 1: inputs and outputs of the pretext tasks."""
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
        pretext = restore_pretext(pretrained / settings.regression / PRETEXT)
        rows = restored(pretext, opened, subjects[0], figure.slices, settings.seed)
    if settings.contrastive:
        pretext = restore_pretext(pretrained / settings.contrastive / PRETEXT)
        contrast = compared(pretext, opened, subjects, settings.seed)
    save(draw(rows, contrast, settings), png, pdf, figure.dpi)


@step(f"--store store.json --roles roles.csv --pretext pretext.safetensors {FIGURE_FILES}")
def local_similarity(settings: LocalJson, store: In, roles: In, pretext: In, png: Out, pdf: Out) -> None:
    """Draw the similarity of one point's local representation to all others, before and after stage 2."""
    from fewlabel.data.store.slice_store import open_store
    from fewlabel.data.subjects.tables import read_subjects
    from fewlabel.reporting.figures.style import save
    from fewlabel.reporting.images.local_similarity import local_similarity as draw
    from fewlabel.reporting.images.local_similarity import similar_places
    from fewlabel.training.pretexts.restore import restore_pretext

    point, shown = similar_places(restore_pretext(pretext), open_store(store), read_subjects(roles, "role"), settings)
    save(draw(point, shown, settings), png, pdf, settings.figure.dpi)
