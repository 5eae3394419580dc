"""Check that the files of an experiment's cohorts exist. No volume is read."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.load import validated
from fewlabel.config.loading.yaml_files import merge, read_experiment
from fewlabel.config.sources.base import FileSource
from fewlabel.config.sources.registry import Source
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.paths import (
    VARIABLE,
    archive_of,
    cohort_folder,
    data_root,
    data_root_setting,
    export_data_root,
    is_complete,
    is_present,
    unlabelled_folder,
)
from fewlabel.data.sources import registry
from fewlabel.data.sources.registry import file_reader, reader_problem, unread
from fewlabel.data.subjects.folder_contents import unread_lines
from fewlabel.operations.doctor.finding import Finding, note, ok, problem
from fewlabel.operations.hooks.preflight import listed_split_problems
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import size


def ask(files: Sequence[Path], folders: Sequence[Path]) -> list[Finding]:
    """Read the experiment and check its data; errors of the experiment are findings too."""
    try:
        return findings(read(files, folders))
    except InputError as error:
        return [problem("experiment", line, "correct it") for line in str(error).splitlines()]


def read(files: Sequence[Path], folders: Sequence[Path]) -> Experiment | None:
    """The experiment merged over `config.yaml`, as Snakemake reads it; None without any file. Applies its `data_root`.

    Raises:
        InputError: all errors of the experiment.
    """
    read_files = read_experiment(files, folders)
    if not read_files:
        return None
    experiment = validated(merge(read_files), read_files)
    if experiment.data_root is not None:
        export_data_root(experiment.data_root)
    return experiment


def findings(experiment: Experiment | None) -> list[Finding]:
    """Check the data folder, and each cohort that is read from disk."""
    if experiment is None:
        return [
            note("experiment", "no config.yaml here", "run from the checkout, or pass the file with `--configfile`")
        ]
    sources = {name: cohort.source for name, cohort in experiment.cohorts.items()}
    synthetic = [name for name, source in sources.items() if source.made_by_code]
    study = ok("experiment", f"study {experiment.study}: {len(sources)} cohorts, {len(synthetic)} of them synthetic")
    root = [_root()] if len(synthetic) < len(sources) else []
    return [study, *root, *(finding for name, source in sources.items() for finding in _of_cohort(name, source))]


def _of_cohort(name: str, source: Source) -> list[Finding]:
    if unreadable := reader_problem(source):
        return [problem(f"data: {name}", unreadable, "install it, or leave the cohort out")]
    return [cohort_finding(name, source), *_unread(name, source)] if isinstance(source, FileSource) else []


def _root() -> Finding:
    root, how = data_root().absolute(), data_root_setting() if os.environ.get(VARIABLE) else "the default"
    if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
        return ok("data", f"{root} ({how}), {size(shutil.disk_usage(root).free)} free")
    return note(
        "data", f"{root} ({how}): not a readable folder", f"set {data_root_setting()} to the folder of your data"
    )


def cohort_finding(name: str, source: FileSource) -> Finding:
    """Check that the volumes of a cohort exist or can be downloaded."""
    check, folder = f"data: {name}", cohort_folder(source)
    where, count = file_reader(source).images(source)
    further = unlabelled_folder(source)
    if further is not None and not further.is_dir():
        return problem(check, f"{further}: no such folder (`unlabelled`)", "create it, or correct the setting")
    if count:
        return ok(check, f"{count} images in {where}")
    if is_present(source):
        return problem(check, f"no volumes in {where}", "copy the images there (docs/tutorials/own-data.md)")
    if archive := _archive(source, check):
        return archive
    todo = f"create it, or set {data_root_setting()} (now: {data_root()}) to the folder that contains it"
    return problem(check, f"{folder if not folder.is_dir() else where}: no such folder", todo)


def _unread(name: str, source: FileSource) -> list[Finding]:
    """Files of a cohort that are not read, judged by their names."""
    unused, folder, check = unread(source), cohort_folder(source), f"files: {name}"
    todo = "rename or remove it: `fetch` refuses the cohort (docs/tutorials/own-data.md)"
    stopping = [problem(check, line, todo) for line in unread_lines(unused, folder, stopping=True)]
    return [
        *stopping,
        *(note(check, line, "no action, unless it is a volume") for line in unread_lines(unused, folder, False)),
    ]


def _archive(source: FileSource, check: str) -> Finding | None:
    """The archive or download address of a cohort that is not extracted yet."""
    part = source.parts[0]
    archive = archive_of(source, part)
    if archive is not None and archive.is_file():
        return ok(check, f"{archive}, not extracted yet")
    todo = "the download needs internet access: run `fetch` on a login node"
    return note(check, f"not in {cohort_folder(source)}: will be downloaded", todo) if part.url else None


def problems(experiment: Experiment, results: Path) -> list[str]:
    """Problems of cohorts that stop a run, one line each; `results`: folder of studies.

    Cohorts that are not downloaded are not checked, nor fetched cohorts whose volumes are elsewhere.
    """
    tables: dict[str, pd.DataFrame] = {}
    lines = [line for name in experiment.cohorts for line in _listing(experiment, name, results, tables)]
    return lines + [line for name in tables for line in _splits(experiment, name, results, tables)]


def _listing(experiment: Experiment, name: str, results: Path, tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Problems of the files of a cohort; without problems, its subjects are added to `tables`."""
    source = experiment.cohorts[name].source
    if unreadable := registry.reader_problem(source):
        yield f"cohorts.{name}.source: {unreadable}"
        return
    if isinstance(source, FileSource) and not is_complete(source):
        finding = cohort_finding(name, source)
        if finding.status == "problem" and not (results / experiment.study / LAYOUT.source(name)).is_file():
            yield f"cohorts.{name}.source: {finding.text}; to fix: {finding.todo}"
        return
    try:
        subjects, lines, where = registry.survey(source)
    except InputError as error:
        yield from (f"cohorts.{name}.source: {line}" for line in str(error).splitlines())
        return
    yield from (f"cohorts.{name}.source: {where} {line}" for line in lines)
    if not lines:
        rows = [(subject.subject, subject.patient, int(subject.labelled), subject.use) for subject in subjects]
        tables[name] = pd.DataFrame(rows, columns=["subject", "patient", "labelled", "use"])


def _splits(experiment: Experiment, name: str, results: Path, tables: dict[str, pd.DataFrame]) -> list[str]:
    paired = tables.get(experiment.cohorts[name].split_as or "")
    return listed_split_problems(experiment, name, tables[name], results / experiment.study, paired)
