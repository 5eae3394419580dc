"""Read a study's results, as run (`results/<study>`) or as published.

A published study has its tables under the names of a results folder, so figures can be made from both. Only the
records of its runs are joined, in `runs.json`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.base import NAME
from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import parts_of
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.loading.load import load_files
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.study_layout import EXPERIMENT, FINETUNINGS, LAYOUT, PRETRAININGS, SCORES
from fewlabel.data.csv_tables import read_csv_table
from fewlabel.reporting.results.run_facts import Facts, unpack
from fewlabel.reporting.statistics.scores import read_class_scores
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import has_visible, visible
from fewlabel.utils.errors import InputError
from fewlabel.utils.json_files import load_json

RUNS = "runs.json"


@dataclass(frozen=True)
class Results:
    """The results of one study."""

    folder: Path  # its path, for messages
    experiment: dict[str, Any]  # the experiment with all its defaults, as plain data; empty if it is not recorded
    scores: pd.DataFrame  # from `scores.read_class_scores`
    runs: dict[str, Facts]  # the record of each run, by its folder relative to the study
    tables: dict[str, pd.DataFrame]  # tables of subjects and splits, all values as text, by path relative to the study
    stores: dict[str, Any]  # manifests of the slice stores, by cohort
    anonymised: bool  # whether subjects and patients are replaced by codes


def read_results(folder: Path) -> Results:
    """Read a study's results. Raises InputError: no such folder, not the results of a study, or an unreadable file."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {_accepted()}")
    if not (folder / SCORES).is_file():
        raise InputError(f"{folder}: {_without_scores(folder)}")
    recorded_hashes.check_published(folder)
    runs, anonymised = _read_runs(folder)
    scores = read_class_scores(folder / SCORES)
    cohorts = sorted({str(name) for name in scores["cohort"]})
    if strange := [name for name in cohorts if not re.fullmatch(NAME, name)]:
        raise InputError(f"{folder / SCORES}: cohort {strange[0]!r} is not a valid name; accepted: {NAME}")
    recorded_hashes.check(folder / EXPERIMENT)
    plain = read_config([folder / EXPERIMENT]) if (folder / EXPERIMENT).is_file() else {}
    tables = {
        path.relative_to(folder).as_posix(): read_text_table(path)
        for place in _with_folds(cohorts, plain)
        for pattern in (LAYOUT.roles(place), LAYOUT.order(place, "*"), LAYOUT.subjects(place))
        for path in visible(folder, pattern)
    }
    stores = {cohort: read_json(path) for cohort in cohorts if (path := folder / LAYOUT.store(cohort)).is_file()}
    return Results(folder, plain, scores, runs, tables, stores, anonymised)


def read_experiment(folder: Path) -> Experiment:
    """Read the experiment of a results folder.

    Raises:
        InputError: it is not recorded, was changed, or contains settings that this version does not accept.
    """
    path = folder / EXPERIMENT
    if not path.is_file():
        raise InputError(
            f"{folder}: no {EXPERIMENT}, which records the experiment; {_accepted()}; to fix: run `snakemake` with the "
            "experiment again (finished runs are kept)"
        )
    recorded_hashes.check(path)
    return load_files([path])


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV table with one row a subject and all values as text.

    Raises:
        InputError: the file is missing, not a table or was changed, or subjects are missing or repeated.
    """
    table = read_csv_table(path)
    if "subject" not in table or table["subject"].duplicated().any():
        raise InputError(
            f"{path}: subjects missing or repeated; accepted: a column `subject` with each subject once; to fix: make "
            "it again"
        )
    return table


def read_json(path: Path) -> Facts:
    """Read a JSON file with a mapping. Raises InputError: not a JSON object."""
    recorded_hashes.check(path)
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a JSON file ({error}); to fix: make it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a mapping; accepted: a JSON object; to fix: make it again")
    return content


def _read_runs(folder: Path) -> tuple[dict[str, Facts], bool]:
    if (folder / RUNS).is_file():
        try:
            return unpack((folder / RUNS).read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{folder / RUNS}: not the records of runs ({error!r}); to fix: publish the study again"
            ) from None
    paths = [path for run in (FINETUNINGS, PRETRAININGS) for path in visible(folder, LAYOUT.record(run))]
    records = {path.parent.relative_to(folder).as_posix(): path for path in paths}
    if (folder / EXPERIMENT).is_file():
        # Runs of an N, method or cohort that the experiment no longer has may still exist.
        names = set(map(str, study_trainings(read_experiment(folder))))
        records = {name: path for name, path in records.items() if name in names}
    return {name: read_json(path) for name, path in records.items()}, False


def _with_folds(cohorts: list[str], experiment: dict[str, Any]) -> list[str]:
    """The folders of cohorts and of their test folds, if the experiment has folds."""
    named = experiment.get("cohorts") or {}
    folds = {name: (named.get(name) or {}).get("folds") for name in cohorts}
    return [*cohorts, *(part for name in cohorts if folds[name] for part in parts_of(name, folds[name]))]


def _without_scores(folder: Path) -> str:
    """The message on a folder without scores."""
    # A study's provenance/ has a copy of the scores. Only published studies have all runs in one file.
    if (folder / EXPERIMENT).is_file() and not (folder / RUNS).is_file():
        remedy = "run `snakemake` with the experiment to its end (finished runs are kept)"
        return f"not finished: no {SCORES}; {_accepted()}; to fix: {remedy}"
    what = "contains several studies; name one of them" if has_visible(folder, f"*/{SCORES}") else f"no {SCORES}"
    return f"{what}; {_accepted()}; a running study has its scores at its end"


def _accepted() -> str:
    return "accepted: the folder of a finished study, results/<study> or results/published/<study>"
