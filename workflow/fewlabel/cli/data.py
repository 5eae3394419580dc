"""From volumes to slices, and who is trained and tested on."""

import json
import shutil
from typing import Annotated

import typer

from fewlabel.cli.common import In, Out, Threads, app, settings_json
from fewlabel.config import jobs
from fewlabel.utils.atomic_files import whole_together
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.recorded_hashes import forget, keep, write

FetchJson = Annotated[
    jobs.FetchSettings, typer.Option("--settings", parser=settings_json(jobs.FetchSettings), metavar="JSON")
]
PrepareJson = Annotated[
    jobs.PrepareSettings, typer.Option("--settings", parser=settings_json(jobs.PrepareSettings), metavar="JSON")
]
SplitJson = Annotated[
    jobs.SplitSettings, typer.Option("--settings", parser=settings_json(jobs.SplitSettings), metavar="JSON")
]
DrawJson = Annotated[
    jobs.DrawSettings, typer.Option("--settings", parser=settings_json(jobs.DrawSettings), metavar="JSON")
]


@app.command()
def fetch(
    settings: FetchJson,
    subjects: Out,
    source: Out,
    split: Annotated[
        jobs.PlannedSplit | None,
        typer.Option(
            parser=settings_json(jobs.PlannedSplit),
            metavar="JSON",
            help="Refuse a cohort that cannot be split like this or resampled to its grid.",
        ),
    ] = None,
    largest: Annotated[int, typer.Option(min=1, help="Refuse a cohort whose pool is smaller.")] = 1,
    pretrained: Annotated[int, typer.Option(min=1, help="Refuse a cohort with fewer to pretrain on.")] = 1,
    # By this variable Snakemake tells each job of its threads. With an option of its own the rule's command would be
    # another one, for which finished studies would run again.
    threads: Annotated[int, typer.Option(min=1, envvar="OMP_NUM_THREADS", help="Volumes that are read at once.")] = 1,
) -> None:
    """Bring a cohort's volumes in, check all of them, list its subjects."""
    import pandas as pd

    from fewlabel.data.admission import admission
    from fewlabel.data.preprocessing.grid_fit import grid_problems, thin_notes
    from fewlabel.data.sources import registry
    from fewlabel.data.subjects.duplicate_volumes import FILE, Seen, write_seen

    listed, problems, where = registry.survey(settings.source)
    rows = [{"subject": s.subject, "patient": s.patient, "labelled": int(s.labelled), "use": s.use} for s in listed]
    table = pd.DataFrame(rows)
    whole_listing = not problems
    if split is not None and split.grid is not None:
        problems += grid_problems(settings.source, listed, split.grid)
    seen: dict[str, Seen] = {}
    problems += registry.check(settings.source, listed, threads, seen)
    notes: list[str] = []
    if split is not None and split.grid is not None:
        notes += thin_notes(settings.source, listed, split.grid, split.partitions)
    if split is not None and whole_listing:
        found, told = admission(table, settings.cohort, split, largest, pretrained, seen)
        problems, notes = problems + found, notes + told
    if problems:
        raise InputError.of(problems, f"cohorts.{settings.cohort}: {len(problems)} problem(s) {where}".rstrip())
    with whole_together([subjects, source]) as (subjects_partial, source_partial):
        subjects_partial.write_text(table.to_csv(index=False), encoding="utf-8", newline="\n")
        source_partial.write_text(json.dumps(settings.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    if seen:
        write_seen(subjects.with_name(FILE), seen)
    for note in [*registry.notes(settings.source), *notes]:
        print(f"{settings.cohort}: {printable(note)}")
    print(f"{settings.cohort}: {len(listed)} subjects, {int(table['labelled'].sum())} of them labelled; all are sound")


@app.command()
def prepare(settings: PrepareJson, subjects: In, store: Out, native: Out, threads: Threads = 1) -> None:
    """Preprocess the listed subjects and pack their slices; native truth masks go to --native."""
    from functools import partial

    from fewlabel.data.sources import registry
    from fewlabel.data.store.prepared_subjects import folder_beside
    from fewlabel.data.store.reconstructed_volumes import read_once
    from fewlabel.data.store.slice_store import pack
    from fewlabel.data.subjects.tables import read_subjects

    wanted = set(read_subjects(subjects)["subject"])
    listed = [subject for subject in registry.list_subjects(settings.source) if subject.subject in wanted]
    gone = sorted(wanted - {subject.subject for subject in listed})
    if gone:
        raise InputError(f"subjects gone since the cohort was checked: {', '.join(gone)}; run fetch again")
    read = partial(read_once, settings.source, folder_beside(store.parent))
    pack(listed, read, settings.grid, store.parent, native, threads, settings.bias_correction)


@app.command()
def split(settings: SplitJson, subjects: In, source: In, roles: Out, record: Out) -> None:
    """Assign test, pool and pretraining roles to subjects, and record the sources of the cohort.

    Subjects that an earlier run of the study tested remain test subjects.
    """
    from fewlabel.data.existing_split import COPY, SPLIT, former_beside, recorded
    from fewlabel.data.splits import split_roles
    from fewlabel.data.subjects.tables import read_subjects

    table = split_roles(read_subjects(subjects, "patient", "labelled", "use"), settings, former_beside(roles, settings))
    text = table.to_csv(index=False)
    made_with = jobs.canonical(recorded(settings)) + "\n"
    forget(roles)
    files = [roles.with_name(COPY), roles.with_name(SPLIT), roles, record]
    with whole_together(files) as (copy_partial, split_partial, roles_partial, record_partial):
        for partial, content in ((copy_partial, text), (split_partial, made_with), (roles_partial, text)):
            partial.write_text(content, encoding="utf-8", newline="\n")
        shutil.copyfile(source, record_partial)
    keep(roles)


@app.command()
def draw(settings: DrawJson, roles: In, order: Out) -> None:
    """Put the labelled pool into the random order of one draw."""
    from fewlabel.data.splits import order_pool
    from fewlabel.data.subjects.tables import read_subjects

    drawn = order_pool(
        read_subjects(roles, "patient", "role"), settings.cohort, settings.seed, settings.draw, settings.drawing
    )
    write(order, drawn.to_csv(index=False))
