"""Problems of an experiment's cohorts that a run would refuse: folders, listings, splits. Reads no volume."""

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
    """Problems that make a run of an experiment impossible, one line each.

    Cohorts that are not downloaded yet are not checked, nor cohorts checked earlier whose volumes are elsewhere.

    Args:
        experiment: its `data_root` is already in effect.
        results: the folder of studies.
    """
    tables: dict[str, pd.DataFrame] = {}
    found = [line for name in experiment.cohorts for line in _listing(experiment, name, results, tables)]
    return found + [line for name in tables for line in _splits(experiment, name, results, tables)]


def _listing(experiment: Experiment, name: str, results: Path, tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Problems of a cohort's files; if there are none, its table of subjects is stored."""
    source = experiment.cohorts[name].source
    if isinstance(source, FileSource) and not is_complete(source):
        finding = data.cohort_finding(name, source)
        if finding.status == "problem" and not (results / experiment.study / LAYOUT.source(name)).is_file():
            yield f"cohorts.{name}.source: {finding.text}; to fix: {finding.todo}"
        return
    try:
        subjects, found, where = registry.survey(source)
    except InputError as error:
        yield from (f"cohorts.{name}.source: {line}" for line in str(error).splitlines())
        return
    yield from (f"cohorts.{name}.source: {where} {line}" for line in found)
    if not found:
        rows = [(one.subject, one.patient, int(one.labelled), one.use) for one in subjects]
        tables[name] = pd.DataFrame(rows, columns=["subject", "patient", "labelled", "use"])


def _splits(experiment: Experiment, name: str, results: Path, tables: dict[str, pd.DataFrame]) -> list[str]:
    beside = tables.get(experiment.cohorts[name].split_as or "")
    return listed_split_problems(experiment, name, tables[name], results / experiment.study, beside)
