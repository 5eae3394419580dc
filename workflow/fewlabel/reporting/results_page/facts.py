"""What was compared, how it ran, and which files there are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import parts_of
from fewlabel.config.jobs.comparisons import benchmark_method, compared
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.titles import titles
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines
from fewlabel.config.pretexts.specification import budget
from fewlabel.config.study_layout import LAYOUT
from fewlabel.data.csv_tables import read_csv_table
from fewlabel.data.labelled_pool import pool_size
from fewlabel.data.subjects.licences import terms
from fewlabel.reporting.explorer.facts import fact_rows
from fewlabel.reporting.results.folder import Results
from fewlabel.utils.atomic_files import visible
from fewlabel.utils.formatting import size

FIRST = 8
"""Maximum number of quality warnings shown of a cohort."""


class Link(NamedTuple):
    """A file next to the page."""

    path: str
    name: str
    note: str


class CohortQuality(NamedTuple):
    """The quality checks of a cohort."""

    title: str
    subjects: int
    warned: Sequence[tuple[str, str]]
    """Subjects and their warnings, the first ones."""
    number: int
    """How many subjects have warnings."""
    page: str
    sheet: str


def method_rows(experiment: Experiment) -> list[list[str]]:
    """The methods: title, role, start of the weights, finetuning, N."""
    control, benchmark = compared(experiment)[0], benchmark_method(experiment)
    rows = []
    for name, title in titles(experiment).methods.items():
        method = experiment.methods[name]
        start = "random initialisation"
        if isinstance(method, PretrainedBase):
            start = "; then ".join(stage.caption for stage in outlines(method).values())
        role = [word for word, own in (("control", control), ("benchmark", benchmark)) if own == name]
        counts = ", ".join(map(str, label_counts(experiment, name)))
        rows.append(
            [title.title, " and ".join(role) or "compared", start, budget(finetuning(experiment, name)), counts]
        )
    return rows


def cohort_rows(experiment: Experiment, tables: Mapping[str, pd.DataFrame]) -> list[list[str]]:
    """The cohorts: title, source, numbers of subjects by role, licence."""
    rows = []
    for name, title in titles(experiment).cohorts.items():
        cohort = experiment.cohorts[name]
        parts = parts_of(name, cohort.folds)
        roles = [tables[path]["role"] for part in parts if (path := LAYOUT.roles(part)) in tables]
        counts = [
            f"{(roles[0] == role).sum()} {word}" for role, word in ROLES.items() if roles and (roles[0] == role).any()
        ]
        if cohort.count == "patients" and roles:
            counts.append(f"{_patients(tables, parts)} patients in the pool")
        folds = f"{cohort.folds} test folds; in the first: " if cohort.folds else ""
        rows.append(
            [title.title, cohort.source.kind, folds + (", ".join(counts) or "not recorded"), terms(cohort).licence]
        )
    return rows


def _patients(tables: Mapping[str, pd.DataFrame], parts: Sequence[str]) -> int:
    """Patients of the pool, of the first of these parts that has roles."""
    table = next(tables[path] for part in parts if (path := LAYOUT.roles(part)) in tables)
    return pool_size(table, "patients")


ROLES = {"test": "test", "pool": "labelled pool", "unlabelled": "unlabelled", "withheld": "set aside"}


def run_rows(results: Results, experiment: Experiment) -> list[tuple[str, str]]:
    """Facts about trainings, and the seeds."""
    kinds: dict[str, list[Any]] = {"pretrained": [], "finetuned": []}
    for folder, facts in results.runs.items():
        kinds["pretrained" if "/pretrained/" in folder else "finetuned"].append(facts)
    seeds = f"{experiment.seed} (splits, draws, trainings), {experiment.intervals.seed} (bootstrap)"
    return [*fact_rows(kinds["pretrained"], kinds["finetuned"]), ("Seeds", seeds)]


def quality(results: Path, experiment: Experiment) -> list[CohortQuality]:
    """The quality checks of all cohorts that have them; a published study has none."""
    found = []
    for name, title in titles(experiment).cohorts.items():
        path = results / LAYOUT.table(f"quality_{name}")
        if not path.is_file():
            continue
        rows = read_csv_table(path, ["subject", "warnings"])
        warned = rows.loc[rows["warnings"] != "", ["subject", "warnings"]]
        pairs = [(str(subject), str(text)) for subject, text in warned.itertuples(index=False)]
        page, sheet = LAYOUT.table(f"quality_{name}", "html"), LAYOUT.figure(f"contact_sheet_{name}")
        found.append(CohortQuality(title.title, len(rows), pairs[:FIRST], len(pairs), page, sheet))
    return found


PAGES = (
    (LAYOUT.explorer, "Explorer", "curves, volumes and predictions"),
    (LAYOUT.report, "How it was made", "workflow, commands, run times and scores of each run"),
)
TOP = (
    (LAYOUT.scores, "Scores", "every run and test subject"),
    (LAYOUT.history, "Losses", "of all trainings"),
    (LAYOUT.experiment, "Experiment", "all settings with their defaults"),
    ("runs.json", "Records of runs", "settings, inputs, versions and times of each training"),
    (LAYOUT.provenance, "Provenance", "RO-Crate"),
)


def links(results: Path, known: Sequence[tuple[str, str, str]]) -> list[Link]:
    """Those of these files that exist, with their sizes."""
    return [
        Link(path, name, f"{note}; {size((results / path).stat().st_size)}")
        for path, name, note in known
        if (results / path).is_file()
    ]


def folders(results: Path) -> list[tuple[str, list[str]]]:
    """Names of all figures and tables, by folder."""
    found = [(name, [path.name for path in visible(results, f"{name}/*.*")]) for name in ("figures", "tables")]
    return [(name, files) for name, files in found if files]
