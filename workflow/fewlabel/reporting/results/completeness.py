"""Check that a study is complete: all runs of its experiment exist, with its settings, and are collected."""

from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.destreaking import measured_files
from fewlabel.config.jobs.grid import collect_settings, finetunings, orders, split_parts
from fewlabel.config.jobs.histories import study_trainings
from fewlabel.config.jobs.training import finetune_settings, pretrain_settings
from fewlabel.config.study_layout import LAYOUT, Run
from fewlabel.reporting.results.folder import read_json
from fewlabel.reporting.results.run_facts import Facts
from fewlabel.reporting.results.verified import check_results
from fewlabel.reporting.statistics.scores import collect, read_class_scores
from fewlabel.utils.errors import InputError
from fewlabel.utils.formatting import first_lines

CONTINUE = "to fix: run `snakemake` with the experiment to its end (finished runs are kept), then publish again"


def check_finished(folder: Path, experiment: Experiment) -> None:
    """Refuse an incomplete study in `results/<study>`.

    Raises:
        InputError: runs, scores or tables are missing or were changed, or runs have other settings.
    """
    required = [*_tables(experiment), *_run_files(experiment)]
    _refuse(folder, [name for name in required if not (folder / name).is_file()], f"missing, of {len(required)} files")
    check_results(folder, experiment)
    runs = study_trainings(experiment)
    others = [
        str(run) for run in runs if not has_equal_settings(read_json(folder / LAYOUT.record(run)), experiment, run)
    ]
    _refuse(folder, others, f"made with settings other than the experiment's, of {len(runs)} runs")
    tables = [folder / LAYOUT.run_scores(run) for run in finetunings(collect_settings(experiment))]
    if not collect(tables).equals(read_class_scores(folder / LAYOUT.scores)):
        raise InputError(f"{folder / LAYOUT.scores}: not the scores of the study's runs; {CONTINUE}")


def _tables(experiment: Experiment) -> Iterator[str]:
    yield LAYOUT.scores
    yield from measured_files(experiment)
    yield from map(LAYOUT.subjects, experiment.cohorts)
    yield from map(LAYOUT.roles, split_parts(experiment))
    yield from starmap(LAYOUT.order, orders(experiment))


def _run_files(experiment: Experiment) -> Iterator[str]:
    for run in study_trainings(experiment):
        yield LAYOUT.record(run)
        if run.kind == "finetuned":
            yield LAYOUT.run_scores(run)


def has_equal_settings(facts: Facts, experiment: Experiment, run: Run) -> bool:
    """Whether a run's settings are those of the experiment, except for the recipe number."""
    recorded = facts.get("settings")
    return recorded is None or _without_recipe(recorded) == _without_recipe(settings_of_run(experiment, run))


def is_finished_run(folder: Path, experiment: Experiment, run: Run) -> bool:
    """Whether a run exists with the experiment's settings."""
    facts = folder / LAYOUT.record(run)
    return facts.is_file() and has_equal_settings(read_json(facts), experiment, run)


def settings_of_run(experiment: Experiment, run: Run) -> dict[str, Any]:
    """The settings that an experiment gives to a training, as plain data."""
    if run.n is None or run.draw is None:
        return pretrain_settings(experiment, run.part, run.method).model_dump(mode="json")
    return finetune_settings(experiment, run.part, run.method, run.n, run.draw).model_dump(mode="json")


def _without_recipe(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "recipe"}


def _refuse(folder: Path, names: list[str], what: str) -> None:
    if names:
        heading = f"{folder}: not finished: {len(names)} {what}; {CONTINUE}"
        raise InputError.of(first_lines(names), heading=heading)
