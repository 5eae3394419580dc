"""Figures of what pretraining learns: figure 1, and the similarity of places."""

from pathlib import Path
from typing import Annotated

import typer

from fewlabel import pretext_jobs
from fewlabel.commands.common import In, Out, app, settings_json

PretextsJson = Annotated[
    pretext_jobs.PretextsSettings,
    typer.Option("--settings", parser=settings_json(pretext_jobs.PretextsSettings), metavar="JSON"),
]
LocalJson = Annotated[
    pretext_jobs.LocalSimilaritySettings,
    typer.Option("--settings", parser=settings_json(pretext_jobs.LocalSimilaritySettings), metavar="JSON"),
]
Pretrained = Annotated[Path, typer.Option(help="The cohort's pretrainings: a folder a method.")]


@app.command()
def pretexts(settings: PretextsJson, store: In, roles: In, pretrained: Pretrained, png: Out, pdf: Out) -> None:
    """Figure 1: what the pretexts ask of a network and what it answers."""
    from fewlabel.learning.pretext import restore_pretext
    from fewlabel.reporting.pretext_cases import compared, restored, shown_subjects
    from fewlabel.reporting.pretexts import pretexts as draw
    from fewlabel.reporting.style import save
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

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
    from fewlabel.learning.pretext import restore_pretext
    from fewlabel.reporting.local_similarity import local_similarity as draw
    from fewlabel.reporting.local_similarity import similar_places
    from fewlabel.reporting.style import save
    from fewlabel.slices import open_store
    from fewlabel.tables import read_subjects

    point, shown = similar_places(restore_pretext(pretext), open_store(store), read_subjects(roles, "role"), settings)
    save(draw(point, shown, settings), png, pdf, settings.figure.dpi)
