"""The cohorts of an experiment: whether their files are where they are looked for. No volume is read."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.load import validated
from fewlabel.config.loading.yaml_files import merge, read_experiment
from fewlabel.config.sources.base import FileSource
from fewlabel.data.paths import (
    VARIABLE,
    archive_of,
    cohort_folder,
    data_root,
    data_root_setting,
    export_data_root,
    is_present,
    unlabelled_folder,
)
from fewlabel.data.sources.registry import file_reader, unread
from fewlabel.data.subjects.folder_contents import unread_lines
from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size


def ask(files: Sequence[Path], checkouts: Sequence[Path]) -> list[Finding]:
    """Read the experiment and look for its data; what is wrong with it is a problem like others."""
    try:
        return findings(read(files, checkouts))
    except InputError as error:
        return [problem("experiment", line, "mend it") for line in str(error).splitlines()]


def read(files: Sequence[Path], checkouts: Sequence[Path]) -> Experiment | None:
    """The experiment as Snakemake would read it: overlays on `config.yaml`; None where there is no file at all.

    Its `data_root` counts from here on.

    Raises:
        InputError: with all that is wrong with it.
    """
    every = read_experiment(files, checkouts)
    if not every:
        return None
    experiment = validated(merge(every), every)
    if experiment.data_root is not None:
        export_data_root(experiment.data_root)
    return experiment


def findings(experiment: Experiment | None) -> list[Finding]:
    """Where data are looked for, and each cohort that lies on a disk."""
    if experiment is None:
        return [
            note("experiment", "no config.yaml here", "call it from the checkout, or name the file: `--configfile`")
        ]
    sources = {name: cohort.source for name, cohort in experiment.cohorts.items()}
    made = [name for name, source in sources.items() if source.made_by_code]
    study = ok("experiment", f"study {experiment.study}: {len(sources)} cohorts, {len(made)} of them made by code")
    if len(made) == len(sources):
        return [study]
    return [
        study,
        _root(),
        *(
            finding
            for name, source in sources.items()
            if isinstance(source, FileSource)
            for finding in (cohort_finding(name, source), *_unread(name, source))
        ),
    ]


def _root() -> Finding:
    root, how = data_root().absolute(), data_root_setting() if os.environ.get(VARIABLE) else "the default"
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return ok("data", f"{root} ({how}), {size(shutil.disk_usage(root).free)} free")
    return note(
        "data", f"{root} ({how}): no such folder that can be read", f"set {data_root_setting()} to where your data lie"
    )


def cohort_finding(name: str, source: FileSource) -> Finding:
    """Whether the volumes of a cohort are in their folder, or can be downloaded."""
    check, folder = f"data: {name}", cohort_folder(source)
    where, count = file_reader(source).images(source)
    further = unlabelled_folder(source)
    if further is not None and not further.is_dir():
        return problem(check, f"{further}: no such folder (`unlabelled`)", "put the volumes there, or correct it")
    if count:
        return ok(check, f"{count} images in {where}")
    if is_present(source):
        return problem(check, f"no volumes in {where}", "put the images there (docs/experiments.md: Your own data)")
    if found := _archive(source, check):
        return found
    todo = f"put it there, or set {data_root_setting()} (now: {data_root()}) to the folder that holds it"
    return problem(check, f"{folder if not folder.is_dir() else where}: no such folder", todo)


def _unread(name: str, source: FileSource) -> list[Finding]:
    """Files of the cohort that are not read, from their names alone."""
    found, folder, check = unread(source), cohort_folder(source), f"files: {name}"
    todo = "the check of the cohort refuses it: see docs/experiments.md, Your own data"
    stopping = [problem(check, line, todo) for line in unread_lines(found, folder, stopping=True)]
    return [
        *stopping,
        *(note(check, line, "nothing, unless it is a volume") for line in unread_lines(found, folder, False)),
    ]


def _archive(source: FileSource, check: str) -> Finding | None:
    """What stands for a cohort that is not there yet: an archive, or an address."""
    part = source.parts[0]
    archive = archive_of(source, part)
    if archive is not None and archive.is_file():
        return ok(check, f"{archive}, to be unpacked")
    todo = "the job needs the internet: fetch it on a login node"
    return note(check, f"not in {cohort_folder(source)}: will be downloaded", todo) if part.url else None
