"""A study's results as they lie on disk, as run (`results/<study>`) or as published: the same facts, read the same way.

A published study keeps its tables under the names that they have in a results folder, so whatever draws from the one
draws from the other. Only what each run says of itself is joined, in `runs.json`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.folds import parts_of
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.loading.load import load_files
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.config.study_layout import EXPERIMENT, FINETUNINGS, LAYOUT, PRETRAININGS, SCORES
from fewlabel.reporting.results.run_facts import Facts, unpack
from fewlabel.reporting.statistics.scores import read_scores
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import has_visible, visible
from fewlabel.utils.errors import InputError
from fewlabel.utils.json_files import load_json

RUNS = "runs.json"
NAME = "[a-z][a-z0-9_]*"
"""Of studies, cohorts and methods: safe as a folder."""


@dataclass(frozen=True)
class Results:
    """What is known of one study.

    Attributes:
        folder: where it lies, for messages.
        experiment: the experiment with all its defaults, as plain data; empty where it is not recorded.
        scores: as `scores.read_scores` gives it.
        runs: the facts of each run, by its folder beneath the study.
        tables: the tables of subjects and splits, all values as text, by their place beneath the study.
        stores: the manifests of the slice stores, by cohort.
        anonymised: whether subjects and patients stand under codes.
    """

    folder: Path
    experiment: dict[str, Any]
    scores: pd.DataFrame
    runs: dict[str, Facts]
    tables: dict[str, pd.DataFrame]
    stores: dict[str, Any]
    anonymised: bool


def read_results(folder: Path) -> Results:
    """Read a study's results.

    Raises:
        InputError: no such folder, not the results of a study, or a file in it that cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {_accepted()}")
    if not (folder / SCORES).is_file():
        raise InputError(f"{folder}: {_without_scores(folder)}")
    recorded_hashes.check_published(folder)
    runs, anonymised = _read_runs(folder)
    scores = read_scores(folder / SCORES)
    cohorts = sorted({str(name) for name in scores["cohort"]})
    if strange := [name for name in cohorts if not re.fullmatch(NAME, name)]:
        raise InputError(f"{folder / SCORES}: cohort {strange[0]!r} is no name of a folder; accepted: {NAME}")
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
    """The experiment that a results folder is of.

    Raises:
        InputError: it is not recorded there, was changed, or contains settings that this version does not accept.
    """
    path = folder / EXPERIMENT
    if not path.is_file():
        raise InputError(
            f"{folder}: holds no {EXPERIMENT}, in which a run writes down its experiment; {_accepted()}; run "
            f"`snakemake` with the experiment once more: finished runs stay as they are"
        )
    recorded_hashes.check(path)
    return load_files([path])


def read_text_table(path: Path) -> pd.DataFrame:
    """A CSV table with a row a subject and all its values as text.

    Raises:
        InputError: the file is missing, not a table or was changed, or subjects are missing or repeated.
    """
    recorded_hashes.check(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table ({str(error).strip()}); make it again") from None
    if "subject" not in table or table["subject"].duplicated().any():
        raise InputError(f"{path}: accepted: a column `subject` that holds each subject once; make it again")
    return table


def read_json(path: Path) -> Facts:
    """A JSON file that holds a mapping.

    Raises:
        InputError: it does not.
    """
    recorded_hashes.check(path)
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a JSON file ({error}); make it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no facts; accepted: a JSON object; make it again")
    return content


def _read_runs(folder: Path) -> tuple[dict[str, Facts], bool]:
    if (folder / RUNS).is_file():
        try:
            return unpack((folder / RUNS).read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{folder / RUNS}: not the facts of runs ({error!r}); publish the study again") from None
    paths = [path for run in (FINETUNINGS, PRETRAININGS) for path in visible(folder, LAYOUT.record(run))]
    found = {path.parent.relative_to(folder).as_posix(): path for path in paths}
    if (folder / EXPERIMENT).is_file():
        # Runs of an N, a method or a cohort that the experiment no longer has may still lie there.
        wanted = set(map(str, study_trainings(read_experiment(folder))))
        found = {name: path for name, path in found.items() if name in wanted}
    return {name: read_json(path) for name, path in found.items()}, False


def _with_folds(cohorts: list[str], experiment: dict[str, Any]) -> list[str]:
    """The folders of cohorts and of their test folds, as far as the experiment has some."""
    named = experiment.get("cohorts") or {}
    folds = {name: (named.get(name) or {}).get("folds") for name in cohorts}
    return [*cohorts, *(part for name in cohorts if folds[name] for part in parts_of(name, folds[name]))]


def _without_scores(folder: Path) -> str:
    """What a folder without scores is, and what to do."""
    # A study's provenance/ holds a copy of the scores. Only a published one has all runs in one file.
    if (folder / EXPERIMENT).is_file() and not (folder / RUNS).is_file():
        todo = "run `snakemake` with the experiment to its end (finished runs stay as they are)"
        return f"not finished: holds no {SCORES}; {_accepted()}; to fix: {todo}"
    what = "holds several studies; name one of them" if has_visible(folder, f"*/{SCORES}") else f"holds no {SCORES}"
    return f"{what}; {_accepted()}; a study that is still running has its scores at its end"


def _accepted() -> str:
    return "accepted: the folder of a finished study, results/<study> or results/published/<study>"
