"""The plan of a study: jobs, costs, wall time, disk, and changes that reduce them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fewlabel.config.experiment import Experiment
from fewlabel.config.loading.load import contradictions
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import pretraining_stages
from fewlabel.operations.planning.calibration.calibration import Calibration
from fewlabel.operations.planning.cohort_sizes import cohort_size
from fewlabel.operations.planning.costs import Costs
from fewlabel.operations.planning.disk import StudyBytes, study_disk
from fewlabel.operations.planning.schedule import Machine, Task, longest_chain, wall_seconds
from fewlabel.operations.planning.tasks import finished, study_tasks


@dataclass(frozen=True)
class Plan:
    """The cost of a study."""

    experiment: Experiment
    machine: Machine  # that runs it
    costs: Costs  # of each kind of job
    left: list[Task]  # tasks to do
    done: Counter[str]  # number of finished tasks by rule
    disk: StudyBytes

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs, each of which runs `machine.slots` trainings."""
        return self.seconds("gpu") / self.machine.slots / 3600

    @property
    def wall_seconds(self) -> float:
        """Seconds from start to end."""
        return wall_seconds(self.left, self.machine)

    @property
    def shortest_seconds(self) -> float:
        """Seconds of the longest chain of dependent tasks: a lower bound for any number of workers."""
        return longest_chain(self.left, self.machine)

    def seconds(self, place: str | None = None, rule: str | None = None, method: str | None = None) -> float:
        """Seconds of work on one core or GPU, of all tasks or those of a place, rule or method."""
        return sum(
            task.seconds
            for task in self.left
            if place in (None, task.place) and rule in (None, task.rule) and method in (None, task.method)
        )


@dataclass(frozen=True)
class Saving:
    """A change of settings, and the seconds of work and wall time that it saves."""

    change: str
    work: float
    wall: float


def make_plan(experiment: Experiment, machine: Machine, speed: Calibration | None, results: Path, whole: bool) -> Plan:
    """Plan a study.

    Args:
        speed: calibration; None: unknown, and all seconds are 0.
        results: folder of studies; finished tasks there count as done, unless `whole`.

    Raises:
        InputError: the files of a cohort are invalid.
    """
    folder = results / experiment.study
    sizes = {cohort: cohort_size(experiment, cohort, folder / cohort) for cohort in experiment.cohorts}
    # Without a measurement of as many trainings on one GPU: they gain nothing, so each takes as many times as long.
    stretch = machine.slots if speed is not None and machine.gpus and speed.slots != machine.slots else 1
    costs = Costs(experiment, sizes, speed, stretch)
    return _planned(experiment, machine, costs, set() if whole else finished(experiment, folder))


def _planned(experiment: Experiment, machine: Machine, costs: Costs, done: set[str]) -> Plan:
    tasks = study_tasks(costs, "gpu" if machine.gpus else "core")
    counts = Counter(task.rule for task in tasks if task.name in done)
    disk = study_disk(experiment, costs.sizes, machine.gpus * machine.slots or machine.cores)
    return Plan(experiment, machine, costs, [task for task in tasks if task.name not in done], counts, disk)


def savings(plan: Plan) -> list[Saving]:
    """Changes that reduce the work of a study, each alone, largest saving first.

    Finished tasks stay finished: of a change that would repeat them, only the remaining tasks count.
    """
    done = {task.name for task in study_tasks(plan.costs, "core")} - {task.name for task in plan.left}
    before, reductions = plan.seconds(), []
    wall = plan.wall_seconds
    for text, experiment in _changes(plan.experiment):
        if any(contradictions(experiment)):
            # Other settings need the removed one.
            continue
        sizes = {cohort: plan.costs.sizes[cohort] for cohort in experiment.cohorts}
        other = _planned(experiment, plan.machine, replace(plan.costs, experiment=experiment, sizes=sizes), done)
        reductions.append(Saving(text, before - other.seconds(), wall - other.wall_seconds))
    return sorted((saving for saving in reductions if saving.work > 0.005 * before), key=lambda saving: -saving.work)


def _changes(experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    """Experiments with one change that reduces their cost, with its description."""

    def changed(**fields: object) -> Experiment:
        return experiment.model_copy(update=fields)

    if experiment.draws > 1:
        yield f"draws: {experiment.draws - 1} (not {experiment.draws})", changed(draws=experiment.draws - 1)
    budget = experiment.finetuning
    half = budget.model_copy(update={"steps": max(1, budget.steps // 2)})
    yield f"finetuning.steps: {half.steps} (not {budget.steps})", changed(finetuning=half)
    if len(experiment.labels) > 1:
        for n in experiment.labels:
            yield f"labels: without {n}", changed(labels=[other for other in experiment.labels if other != n])
    for group in ("methods", "cohorts"):
        entries = getattr(experiment, group)
        for name in entries if len(entries) > 1 else ():
            yield f"{group}.{name}: null", changed(**{group: {key: entries[key] for key in entries if key != name}})
    yield from _method_changes(experiment)


def _method_changes(experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    for name, method in experiment.methods.items():
        stages = pretraining_stages(method) if isinstance(method, PretrainedBase) else {}
        for key, stage in stages.items():
            half = stage.model_copy(update={"steps": max(1, stage.steps // 2)})
            text = f"methods.{name}.{key}.steps: {half.steps} (not {stage.steps})"
            yield text, _with_method(experiment, name, {key: half})
        own = method.finetuning.model_dump().get("steps")
        if own is not None:
            fewer = max(1, own // 2)
            change = method.finetuning.model_copy(update={"steps": fewer})
            yield (
                f"methods.{name}.finetuning.steps: {fewer} (not {own})",
                _with_method(experiment, name, {"finetuning": change}),
            )


def _with_method(experiment: Experiment, name: str, change: dict[str, object]) -> Experiment:
    methods = {**experiment.methods, name: experiment.methods[name].model_copy(update=change)}
    return experiment.model_copy(update={"methods": methods})
