"""Refuse to publish paths of this machine and the names of its user and host."""

import getpass
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.folds import cohort_of
from fewlabel.config.study_layout import EXPERIMENT
from fewlabel.reporting.results.folder import RUNS, Results
from fewlabel.reporting.results.run_facts import Facts, flatten
from fewlabel.reporting.statistics.classes import KEY
from fewlabel.utils.errors import InputError

Codes = Mapping[str, str]


def pseudonymise(results: Results) -> Results:
    """Replace the ids of subjects and patients by s001, p001 and so on, counted within each cohort.

    Codes follow the order of the ids, so they are reproducible, and figures and intervals are equal to the last digit.
    Only that order remains of the ids.
    """
    if results.anonymised:
        return results
    subjects = subject_codes(results)
    patients = {cohort: _codes(names, "p") for cohort, names in _ids(results, "patient").items()}
    scores = results.scores.copy()
    pairs = zip(scores["cohort"], scores["subject"], strict=True)
    scores["subject"] = [subjects[cohort][subject] for cohort, subject in pairs]
    return replace(
        results,
        experiment=_experiment(results.experiment, subjects, patients),
        scores=scores.sort_values(KEY, kind="stable", ignore_index=True),
        runs={name: _run(facts, subjects[_cohort(name)]) for name, facts in results.runs.items()},
        tables={
            name: _table(table, subjects[_cohort(name)], patients[_cohort(name)])
            for name, table in results.tables.items()
        },
        anonymised=True,
    )


def subject_codes(results: Results) -> dict[str, Codes]:
    """The code of each subject, by cohort and id."""
    ids = _ids(results, "subject")
    for cohort, scored in results.scores.groupby("cohort"):
        ids[str(cohort)] |= set(scored["subject"])
    for name, facts in results.runs.items():
        ids.setdefault(_cohort(name), set()).update(facts.get("subjects", []))
    return {cohort: _codes(names, "s") for cohort, names in ids.items()}


def _ids(results: Results, column: str) -> dict[str, set[str]]:
    """All ids in a column of a cohort's tables."""
    ids: dict[str, set[str]] = {str(cohort): set() for cohort in results.scores["cohort"].unique()}
    for name, table in results.tables.items():
        if column in table:
            ids[_cohort(name)] |= set(table[column])
    return ids


def _cohort(place: str) -> str:
    """The cohort of a path relative to the study, in the folder of the cohort or of one of its test folds."""
    return cohort_of(place.split("/")[0])


def _codes(ids: Iterable[str], letter: str) -> dict[str, str]:
    ordered = sorted(ids)
    digits = max(3, len(str(len(ordered))))
    return {name: f"{letter}{number:0{digits}d}" for number, name in enumerate(ordered, 1)}


def _table(table: pd.DataFrame, subjects: Codes, patients: Codes) -> pd.DataFrame:
    """A table with codes, sorted by them, since the order of files might reveal ids; a draw keeps its order."""
    codes = {"subject": subjects, "patient": patients}
    coded = table.assign(**{column: table[column].map(code) for column, code in codes.items() if column in table})
    return coded if "rank" in coded else coded.sort_values("subject", ignore_index=True)


def _run(facts: Facts, subjects: Codes) -> Facts:
    if "subjects" not in facts:
        return facts
    return {**facts, "subjects": [subjects[name] for name in facts["subjects"]]}


def _experiment(
    experiment: dict[str, Any], subjects: Mapping[str, Codes], patients: Mapping[str, Codes]
) -> dict[str, Any]:
    """The experiment with codes for the subjects and patients that its cohorts list."""
    cohorts = {
        name: _cohort_settings(cohort, subjects.get(name, {}), patients.get(name, {}))
        for name, cohort in experiment.get("cohorts", {}).items()
    }
    return {**experiment, "cohorts": cohorts} if cohorts else experiment


def _cohort_settings(cohort: dict[str, Any], subjects: Codes, patients: Codes) -> dict[str, Any]:
    """A cohort's settings with codes for all names of subjects and patients."""
    change: dict[str, Any] = {}
    if isinstance(cohort.get("test"), list):
        change["test"] = [subjects.get(name, "?") for name in cohort["test"]]
    if isinstance(cohort.get("draws"), list):
        codes = patients if cohort.get("count") == "patients" else subjects
        change["draws"] = [[codes.get(name, "?") for name in draw] for draw in cohort["draws"]]
    source = cohort.get("source")
    if isinstance(source, dict) and source.get("without_target"):
        change["source"] = {**source, "without_target": [subjects.get(name, "?") for name in source["without_target"]]}
    return {**cohort, **change}


PLACE = re.compile(r"(?:^|[\s'\"=(\[,;])(?:~?(?:/[\w.-]+){2,}|[A-Za-z]:[\\/]\w|file://)")
"""A path within a text, with at least two names, so that `T1w/T2w` and `a / b` do not match."""

WITHOUT_NAMES = (
    "settings",
    "subjects",
    "kind",
    "device",
    "precision",
    "initialisation",
    "hardware",
    "software",
    "probe",
)
"""Keys of a record that are not searched for names, since common words may equal them."""
SHORTEST = 3
"""Fewest letters of a user's or host's name that is searched for."""


def refuse_private(results: Results) -> None:
    """Raise an InputError for results that contain a path of this machine, its user or its host."""
    problems = [f"{where}: {text!r} contains a path" for where, text in _texts(results) if PLACE.search(text)]
    if names := _names():
        word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
        for facts in results.runs.values():
            values = flatten({key: value for key, value in facts.items() if key not in WITHOUT_NAMES}).items()
            problems += [
                f"{RUNS}: {key}: {value!r} contains the name of this machine's user or host"
                for key, value in values
                if isinstance(value, str) and word.search(value)
            ]
    if problems:
        heading = "not published; to fix: remove these from the records, or publish from another account:"
        raise InputError.of(list(dict.fromkeys(problems))[:20], heading=heading)


def refuse_places(file: str, facts: Any) -> None:
    """Refuse facts of a file (JSON values) that contain a path. Raises InputError: with the file and the text."""
    if paths := [text for text in _texts_in(facts) if PLACE.search(text)]:
        raise InputError(f"not published: {file}: {paths[0]!r} contains a path")


def _texts(results: Results) -> Iterator[tuple[str, str]]:
    """All texts to publish, with their places."""
    for key, value in flatten(results.experiment).items():
        yield from ((f"{EXPERIMENT}: {key}", text) for text in _texts_in(value))
    for facts in results.runs.values():
        for key, value in facts.items():
            yield from ((f"{RUNS}: {key}", text) for text in (key, *_texts_in(value)))
    for name, table in results.tables.items():
        for column in table:
            yield from ((f"{name}: {column}", text) for text in table[column].unique())
    yield from (("scores.csv: subject", text) for text in results.scores["subject"].unique())


def _texts_in(value: Any) -> Iterator[str]:
    """All texts in a value, with keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value:
            yield from _texts_in(part)
        for part in value.values() if isinstance(value, dict) else ():
            yield from _texts_in(part)


def _names() -> list[str]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = ""
    host = platform.node()
    candidates = {user, host, host.split(".")[0], Path.home().name}
    return sorted(name for name in candidates if len(name) >= SHORTEST)
