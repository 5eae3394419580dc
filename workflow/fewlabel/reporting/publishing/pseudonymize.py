"""Replace ids of subjects and patients by codes, in all tables of a study."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from fewlabel.config.folds import cohort_of
from fewlabel.reporting.results.folder import Results
from fewlabel.reporting.results.run_facts import Facts
from fewlabel.reporting.statistics.scores import KEY

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
        experiment=_experiment(results.experiment, subjects),
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


def _experiment(experiment: dict[str, Any], subjects: Mapping[str, Codes]) -> dict[str, Any]:
    """The experiment with codes for its listed test subjects."""
    cohorts = {
        name: {**cohort, "test": [subjects[name].get(subject, "?") for subject in cohort["test"]]}
        if isinstance(cohort.get("test"), list)
        else cohort
        for name, cohort in experiment.get("cohorts", {}).items()
    }
    return {**experiment, "cohorts": cohorts} if cohorts else experiment
