"""Whether a study has run to its end: every run of its experiment is there, made with its settings, and collected."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fewlabel.config import jobs
from fewlabel.config.base import LabelCount
from fewlabel.config.experiment import Experiment
from fewlabel.reporting.results.folder import SCORES, expected_runs, read_json
from fewlabel.reporting.results.run_facts import Facts
from fewlabel.reporting.results.verified import check_results
from fewlabel.reporting.statistics.scores import collect, read_scores
from fewlabel.utils.errors import InputError

SHOWN = 10
"""How many runs a message names."""
GO_ON = "run `snakemake` with the experiment to its end (finished runs stay as they are), then publish again"


def check_finished(folder: Path, experiment: Experiment) -> None:
    """Refuse a study that is not whole.

    Args:
        folder: `results/<study>`.
        experiment: that the study is of.

    Raises:
        InputError: runs, scores or tables are missing or were changed, or runs were made with other settings; the
            message lists them and what to do.
    """
    wanted = [*_tables(experiment), *_run_files(experiment)]
    _refuse(folder, [name for name in wanted if not (folder / name).is_file()], f"missing, of {len(wanted)} files")
    check_results(folder, experiment)
    runs = expected_runs(experiment)
    others = [run for run in runs if not made_so(read_json(folder / run / "run.json"), experiment, run)]
    _refuse(folder, others, f"made with other settings than the experiment has, of {len(runs)} runs")
    tables = [folder / run / SCORES for run in jobs.run_folders(jobs.collect_settings(experiment))]
    if not collect(tables).equals(read_scores(folder / SCORES)):
        raise InputError(f"{folder / SCORES}: not the scores of the runs that lie beside it; {GO_ON}")


def _tables(experiment: Experiment) -> Iterator[str]:
    yield SCORES
    yield from jobs.files(experiment)
    yield from (f"{cohort}/slices/subjects.csv" for cohort in experiment.cohorts)
    yield from (f"{part}/splits/roles.csv" for part in jobs.split_parts(experiment))
    for part in jobs.parts(experiment):
        yield from (f"{part}/splits/draw{draw}.csv" for draw in range(1, experiment.draws + 1))


def _run_files(experiment: Experiment) -> Iterator[str]:
    for run in expected_runs(experiment):
        yield f"{run}/run.json"
        if "/finetuned/" in run:
            yield f"{run}/{SCORES}"


def made_so(facts: Facts, experiment: Experiment, run: str) -> bool:
    """Whether a run's settings are those of the experiment; its recipe number is no setting that a user makes."""
    recorded = facts.get("settings")
    return recorded is None or _without_recipe(recorded) == _without_recipe(settings_of_run(experiment, run))


def is_finished_run(folder: Path, experiment: Experiment, run: str) -> bool:
    """Whether a run is there, made with the experiment's settings."""
    facts = folder / run / "run.json"
    return facts.is_file() and made_so(read_json(facts), experiment, run)


def settings_of_run(experiment: Experiment, run: str) -> dict[str, Any]:
    """The settings that an experiment gives to the run in this folder, as plain data."""
    cohort, kind, method, *rest = run.split("/")
    if kind == "pretrained":
        return jobs.pretrain_settings(experiment, cohort, method).model_dump(mode="json")
    n, draw = (part.removeprefix(name) for part, name in zip(rest, ("n", "draw"), strict=True))
    labels: LabelCount = "all" if n == "all" else int(n)
    return jobs.finetune_settings(experiment, cohort, method, labels, int(draw)).model_dump(mode="json")


def _without_recipe(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "recipe"}


def _refuse(folder: Path, names: list[str], what: str) -> None:
    if names:
        more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
        heading = f"{folder}: not finished: {len(names)} {what}; {GO_ON}"
        raise InputError.of([*names[:SHOWN], *more], heading=heading)
