"""The jobs of a study with their dependencies and costs, by rule of the workflow."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.study_jobs import COLLECTED, StudyJob, study_jobs
from fewlabel.operations.planning.costs import BASE_BYTES, PREPARE_BYTES, Costs
from fewlabel.operations.planning.schedule import Place, Task
from fewlabel.utils.atomic_files import has_visible

RULES = ("fetch", "admit", "split", "draw", "prepare", "quality", "contact_sheet", "pretrain", "finetune", "evaluate")
"""Rules of cohorts and trainings, in order; those of `reports` follow."""
PREPARE_THREADS = 2**20
"""All cores, as requested by the rule on one machine."""
QUALITY_THREADS = 2
"""As requested by the rule."""


def reports(experiment: Experiment) -> dict[str, str]:
    """Rules with one job a study, and the name of its task."""
    return {job.rule: job.name for job in study_jobs(experiment) if job.rule not in RULES}


def pretext_figures(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Figures that need only pretrainings, with the names of these tasks."""
    jobs = list(study_jobs(experiment))
    makers = _makers(jobs)
    pretrainings = {job.name for job in jobs if job.rule == "pretrain"}
    needed = {
        job.rule: tuple(name for name in _needs(job, makers) if name in pretrainings)
        for job in jobs
        if job.rule not in (*RULES, *COLLECTED)
    }
    return {rule: names for rule, names in needed.items() if names}


def _makers(jobs: Iterable[StudyJob]) -> dict[str, str]:
    """The task that writes each file."""
    return {file: job.name for job in jobs for file in job.outputs}


def _needs(job: StudyJob, makers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(makers[file] for file in job.inputs if file in makers))


def study_tasks(costs: Costs, place: Place) -> list[Task]:
    """All jobs of a study, each after those that it needs; `place`: of trainings and evaluations."""
    jobs = list(study_jobs(costs.experiment))
    makers = _makers(jobs)
    return [_task(costs, job, place, _needs(job, makers)) for job in jobs]


def _task(costs: Costs, job: StudyJob, place: Place, needs: tuple[str, ...]) -> Task:
    name, rule, cohort, method = job.name, job.rule, job.cohort, job.run.method if job.run else ""
    if rule == "fetch":
        return Task(name, rule, costs.fetch(cohort), needs, cohort, memory=PREPARE_BYTES)
    if rule == "split":
        return Task(name, rule, costs.split(), needs, cohort)
    if rule == "draw":
        return Task(name, rule, costs.table(), needs, cohort)
    if rule == "prepare":
        room, seconds = costs.prepare_memory(cohort), costs.prepare(cohort)
        return Task(name, rule, seconds, needs, cohort, threads=PREPARE_THREADS, memory=room, priority=20)
    if rule == "quality":
        seconds = costs.quality(cohort)
        return Task(name, rule, seconds, needs, cohort, threads=QUALITY_THREADS, memory=PREPARE_BYTES)
    if rule in ("pretrain", "finetune"):
        seconds = (costs.pretrain if rule == "pretrain" else costs.finetune)(cohort, method)
        room, priority = costs.training_memory(cohort, method), 10 if rule == "pretrain" else 0
        return Task(name, rule, seconds, needs, cohort, method, 1, place, room, priority)
    if rule == "evaluate":
        return Task(name, rule, costs.evaluate(), needs, cohort, method, 1, place, 1.2 * BASE_BYTES)
    if rule == "destreaking":
        room = costs.destreaking_memory()
        return Task(name, rule, costs.destreaking(), needs, threads=PREPARE_THREADS, memory=room)
    seconds = 0 if rule == "admit" else costs.table() if job.is_table else costs.figure()
    return Task(name, rule, seconds, needs, cohort if rule in RULES and cohort else None)


def finished(experiment: Experiment, folder: Path) -> set[str]:
    """Tasks whose results exist and have the experiment's settings; reports are finished once all their inputs are."""
    from fewlabel.reporting.results.completeness import is_finished_run

    jobs = list(study_jobs(experiment))
    names: set[str] = set()
    for job in jobs:
        if job.rule in ("pretrain", "finetune") and job.run is not None:
            is_done = is_finished_run(folder, experiment, job.run)
        else:
            is_done = job.rule in RULES and has_visible(folder, job.name)
        if is_done and (job.rule != "evaluate" or job.inputs[-1] in names):
            names.add(job.name)
    early_figures = pretext_figures(experiment)
    existing = {rule: name for rule, name in reports(experiment).items() if (folder / name).is_file()}
    names |= {existing[rule] for rule, needed in early_figures.items() if rule in existing and names.issuperset(needed)}
    if names.issuperset(job.name for job in jobs if job.rule == "evaluate"):
        names |= {name for rule, name in existing.items() if rule not in early_figures}
    return names
