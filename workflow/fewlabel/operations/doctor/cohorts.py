"""Problems of cohorts that stop a run: folders, listings, splits. No volume is read."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.sources.base import FileSource
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.paths import is_complete
from fewlabel.data.sources import registry
from fewlabel.operations.doctor import data
from fewlabel.operations.hooks.preflight import listed_split_problems
from fewlabel.utils.errors import InputError


def problems(experiment: Experiment, results: Path) -> list[str]:
    """Problems that stop a run of an experiment, one line each.

    Cohorts that are not downloaded are not checked, nor fetched cohorts whose volumes are elsewhere.

    Args:
        experiment: with its `data_root` in effect.
        results: folder of studies.
    """
    tables: dict[str, pd.DataFrame] = {}
    found = [line for name in experiment.cohorts for line in _listing(experiment, name, results, tables)]
    return found + [line for name in tables for line in _splits(experiment, name, results, tables)]


def _listing(experiment: Experiment, name: str, results: Path, tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Problems of the files of a cohort; without problems, its subjects are added to `tables`."""
    source = experiment.cohorts[name].source
    if unreadable := registry.reader_problem(source):
        yield f"cohorts.{name}.source: {unreadable}"
        return
    if isinstance(source, FileSource) and not is_complete(source):
        finding = data.cohort_finding(name, source)
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
