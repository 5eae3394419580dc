"""Prepare data: fetch, prepare, split, draw."""

import json
import shutil
from typing import Annotated

import typer

from fewlabel.cli.common import In, Out, Threads, settings_json, settings_option, step
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import DrawSettings, FetchSettings, PlannedSplit, PrepareSettings, SplitSettings
from fewlabel.utils.atomic_files import atomic_files
from fewlabel.utils.errors import InputError, printable
from fewlabel.utils.formatting import counted
from fewlabel.utils.recorded_hashes import forget_hash, record_hash, write_recorded

FetchJson = Annotated[FetchSettings, settings_option(FetchSettings)]
PrepareJson = Annotated[PrepareSettings, settings_option(PrepareSettings)]
SplitJson = Annotated[SplitSettings, settings_option(SplitSettings)]
DrawJson = Annotated[DrawSettings, settings_option(DrawSettings)]


@step("--subjects subjects.csv --source source.json")
def fetch(
    settings: FetchJson,
    subjects: Out,
    source: Out,
    split: Annotated[
        PlannedSplit | None,
        typer.Option(
            parser=settings_json(PlannedSplit),
            metavar="JSON",
            help="Planned split; a cohort that does not allow it is refused.",
        ),
    ] = None,
    largest: Annotated[int, typer.Option(min=1, help="Smallest labelled pool to accept.")] = 1,
    pretrained: Annotated[int, typer.Option(min=1, help="Fewest pretraining subjects to accept.")] = 1,
    # Snakemake sets this variable in each job. Passing an option would change the rule's command, and finished studies
    # would run again.
    threads: Annotated[int, typer.Option(min=1, envvar="OMP_NUM_THREADS", help="Volumes read in parallel.")] = 1,
) -> None:
    """Find or download the volumes of a cohort, check all of them, and list its subjects."""
    import pandas as pd

    from fewlabel.data.admission import admission
    from fewlabel.data.sources import registry
    from fewlabel.data.sources.grid_fit import grid_findings
    from fewlabel.data.subjects.duplicate_volumes import FILE, VolumeHash, write_hashes

    listed, problems, where = registry.survey(settings.source)
    rows = [{"subject": s.subject, "patient": s.patient, "labelled": int(s.labelled), "use": s.use} for s in listed]
    table = pd.DataFrame(rows)
    whole_listing = not problems
    notes: list[str] = []
    if split is not None and split.grid is not None:
        too_large, notes = grid_findings(settings.source, listed, split.grid, split.partitions)
        problems += too_large
    hashes: dict[str, VolumeHash] = {}
    problems += registry.check(settings.source, listed, threads, hashes)
    if split is not None and whole_listing:
        refusals, remarks = admission(table, settings.cohort, split, largest, pretrained, hashes)
        problems, notes = problems + refusals, notes + remarks
    if problems:
        raise InputError.of(
            problems, f"cohorts.{settings.cohort}: {counted(len(problems), 'problem')} {where}".rstrip()
        )
    with atomic_files([subjects, source]) as (subjects_partial, source_partial):
        subjects_partial.write_text(table.to_csv(index=False), encoding="utf-8", newline="\n")
        source_partial.write_text(json.dumps(settings.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    if hashes:
        write_hashes(subjects.with_name(FILE), hashes)
    for note in [*registry.notes(settings.source), *notes]:
        print(f"{settings.cohort}: {printable(note)}")
    print(f"{settings.cohort}: {len(listed)} subjects, {int(table['labelled'].sum())} labelled; all passed the checks")


@step("--subjects subjects.csv --store slices/store.json --native native")
def prepare(settings: PrepareJson, subjects: In, store: Out, native: Out, threads: Threads = 1) -> None:
    """Resample the listed subjects to the working grid and write their slices to one store.

    True masks on their native grids are written to --native.
    """
    from functools import partial

    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.sources import registry
    from fewlabel.data.store.prepared_subjects import prepared_folder, read_cached_volume
    from fewlabel.data.store.slice_store import pack

    source, names = settings.source, set(read_subjects(subjects)["subject"])
    listed = [subject for subject in registry.list_subjects(source) if subject.subject in names]
    missing = sorted(names - {subject.subject for subject in listed})
    if missing:
        raise InputError(f"subjects no longer in the cohort: {', '.join(missing)}; to fix: run `fewlabel fetch` again")
    read = partial(read_cached_volume, source, prepared_folder(store.parent))
    names_of = {"classes": list(source.classes), "channels": source.channel_names}
    pack(listed, read, settings.grid, store.parent, native, threads, settings.bias_correction, **names_of)


@step("--subjects subjects.csv --source source.json --roles roles.csv --record record.json")
def split(settings: SplitJson, subjects: In, source: In, roles: Out, record: Out) -> None:
    """Assign subjects to the test set, the labelled pool and pretraining.

    Subjects that an earlier run of the study tested remain test subjects.
    """
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.existing_split import COPY, SPLIT, comparable_settings, continued_split
    from fewlabel.data.splits import split_roles

    table = split_roles(
        read_subjects(subjects, "patient", "labelled", "use"), settings, continued_split(roles, settings)
    )
    text = table.to_csv(index=False)
    settings_text = canonical(comparable_settings(settings)) + "\n"
    forget_hash(roles)
    files = [roles.with_name(COPY), roles.with_name(SPLIT), roles, record]
    with atomic_files(files) as (copy_partial, split_partial, roles_partial, record_partial):
        for partial, content in ((copy_partial, text), (split_partial, settings_text), (roles_partial, text)):
            partial.write_text(content, encoding="utf-8", newline="\n")
        shutil.copyfile(source, record_partial)
    record_hash(roles)


@step("--roles roles.csv --order draw1.csv")
def draw(settings: DrawJson, roles: In, order: Out) -> None:
    """Shuffle the labelled pool into the order of one draw; N labels are its first N subjects or patients."""
    from fewlabel.data.csv_tables import read_subjects
    from fewlabel.data.labelled_pool import order_pool

    order_table = order_pool(
        read_subjects(roles, "patient", "role"),
        settings.cohort,
        settings.seed,
        settings.draw,
        settings.drawing,
        settings.count,
        settings.first,
    )
    write_recorded(order, order_table.to_csv(index=False))
