"""Content of the page from a study's results: numbers and plots of each cohort, facts, settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.explorer import ExplorerSettings
from fewlabel.config.jobs.grid import finetunings
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.loading.load import as_yaml
from fewlabel.config.scores.registry import SCORES
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.reporting.explorer import cells, facts, plots
from fewlabel.reporting.figures import style
from fewlabel.reporting.images.class_legend import several_classes
from fewlabel.reporting.results.folder import read_json
from fewlabel.reporting.statistics.classes import class_title, one_class

Key = tuple[str, int, int]
"""Method, N and draw of a finetuning."""
RunsByFold = dict[int | None, Run]
"""The runs of a finetuning, by test fold; None: the cohort has no folds."""


def runs_of_cohort(settings: ExplorerSettings, cohort: str, scores: pd.DataFrame) -> dict[Key, RunsByFold]:
    """The finetunings of a cohort, by method, N and draw; `all` is the largest N."""
    by_key: dict[Key, RunsByFold] = {}
    for run in finetunings(settings.runs):
        if run.cohort == cohort and run.n is not None and run.draw is not None:
            n = int(scores["n"].max()) if run.n == "all" else run.n
            by_key.setdefault((run.method, n, run.draw), {}).setdefault(run.fold, run)
    return by_key


def join_fold_facts(facts: Mapping[int | None, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Join the records of a finetuning's test folds: training subjects with their folds, and total time."""
    if None in facts:
        return facts[None]
    names = [f"{name} (fold {fold})" for fold, fold_facts in facts.items() for name in fold_facts.get("subjects") or []]
    times = [
        fold_facts["time"]["seconds"] for fold_facts in facts.values() if isinstance(fold_facts.get("time"), Mapping)
    ]
    return {"subjects": names, **({"time": {"seconds": sum(times)}} if len(times) == len(facts) else {})}


def cohort_content(
    scores: pd.DataFrame, cohort: str, runs: Mapping[Key, Mapping[str, Any]], settings: ExplorerSettings
) -> dict[str, Any]:
    """Content of one cohort: test subjects, and numbers and plots of the mean of its classes and of each class.

    Args:
        scores: its rows, by class where it has named classes.
        cohort: its name.
        runs: records of its finetunings.
        settings: of the page.
    """
    colours = style.class_colours(several_classes(settings.images[cohort].source))
    classes = [
        {
            "name": name,
            "title": class_title(name),
            "colour": colour,
            **_numbers(one_class(scores, name), cohort, runs, settings),
        }
        for name, colour in colours.items()
    ]
    return {
        "name": cohort,
        "title": settings.titles.cohorts[cohort].title,
        "standsFor": settings.titles.cohorts[cohort].stands_for,
        "subjects": sorted({str(name) for name in scores["subject"]}),
        **_numbers(one_class(scores), cohort, runs, settings),
        **({"classes": classes} if classes else {}),
    }


def _numbers(
    scores: pd.DataFrame, cohort: str, runs: Mapping[Key, Mapping[str, Any]], settings: ExplorerSettings
) -> dict[str, Any]:
    """Cells, differences and plots of one class, or of the mean."""
    titles, intervals = settings.titles, settings.intervals
    methods, subjects = list(titles.methods), sorted({str(name) for name in scores["subject"]})
    own = cells.cells(scores, methods, subjects, runs, intervals, settings.experiment.scores)
    paired = cells.differences(scores, settings.control, methods, subjects, intervals)
    control = settings.control or ""
    return {
        "cells": own,
        "differences": paired,
        "curves": plots.curves(own, titles.cohorts[cohort], titles.methods, intervals.level),
        "paired": plots.differences(
            paired, subjects, control, titles.methods, intervals.level, titles.cohorts[cohort].count
        ),
    }


def study_content(settings: ExplorerSettings, runs: Mapping[Run, Mapping[str, Any]]) -> dict[str, Any]:
    """Content for all cohorts: methods with their colours, facts, settings.

    Args:
        settings: of the page.
        runs: records of all trainings.
    """
    colours = style.method_colours(settings.titles.methods)
    pretrained = [facts for run, facts in runs.items() if run.kind == "pretrained"]
    finetuned = [facts for run, facts in runs.items() if run.kind == "finetuned"]
    return {
        "study": settings.experiment.study,
        "level": settings.intervals.level,
        "control": settings.control,
        **({} if settings.titles.counted == "subjects" else {"counted": settings.titles.counted}),
        "scores": [
            {"title": SCORES[name].heading, "digits": SCORES[name].decimals} for name in settings.experiment.scores
        ],
        "methods": [
            {"name": name, "title": method.title, "benchmark": method.benchmark, "colour": colours[name]}
            for name, method in settings.titles.methods.items()
        ],
        "facts": facts.fact_rows(pretrained, finetuned),
        "settings": as_yaml(shown_settings(settings.experiment)),
    }


def shown_settings(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data, without paths of data and settings of figures."""
    return {
        key: value for key, value in experiment.model_dump(mode="json").items() if key not in ("data_root", "figures")
    }


def run_facts(results: Path, settings: ExplorerSettings) -> dict[Run, dict[str, Any]]:
    """Read the records of all trainings.

    Raises:
        InputError: a record is missing or damaged.
    """
    pretrained = [run for run in study_trainings(settings.experiment) if run.kind == "pretrained"]
    return {run: read_json(results / LAYOUT.record(run)) for run in [*pretrained, *finetunings(settings.runs)]}
