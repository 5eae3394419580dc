"""The text of a plan."""

from collections import Counter
from collections.abc import Iterator, Sequence

from fewlabel.config.jobs.titles import counted_units
from fewlabel.operations.planning.calibration.calibration_table import Chosen
from fewlabel.operations.planning.plan import Plan, Saving
from fewlabel.operations.planning.tasks import RULES, reports
from fewlabel.utils.environment import processor_name
from fewlabel.utils.formatting import counted, rounded, size

SHOWN_SAVINGS = 8


def plan_text(plan: Plan, savings: Sequence[Saving], chosen: Chosen | None, gpus: Sequence[str] = ()) -> str:
    """The output of `fewlabel plan`.

    Args:
        chosen: the calibration of the plan; None: not measured.
        gpus: names of the GPUs of this machine.
    """
    parts = [_heading(plan), _jobs(plan), _time(plan, chosen, gpus), _memory(plan), _disk(plan), _cohorts(plan)]
    if plan.costs.speed is not None and savings:
        parts.append(_savings(savings, plan.seconds()))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _heading(plan: Plan) -> Iterator[str]:
    cells = [
        counted(len(plan.experiment.cohorts), "cohort"),
        counted(len(plan.experiment.methods), "method"),
        f"N = {', '.join(map(str, plan.experiment.labels))}{_unit(plan)}",
        counted(plan.experiment.draws, "draw"),
    ]
    yield f"{plan.experiment.study}: {' x '.join(cells)}"


def _unit(plan: Plan) -> str:
    """What N counts, unless it is subjects."""
    units = counted_units(cohort.count for cohort in plan.experiment.cohorts.values())
    return "" if units == "subjects" else f" {units}"


def _jobs(plan: Plan) -> Iterator[str]:
    timed = plan.costs.speed is not None
    yield f"{'jobs':<34}{'to do':>7}{'done':>7}" + (f"{'each':>10}{'total':>10}" if timed else "")
    left = Counter(task.rule for task in plan.left)
    for rule in (*RULES, *reports(plan.experiment)):
        yield _row(rule, left[rule], plan.done[rule], plan.seconds(rule=rule), timed)
        for method in plan.experiment.methods if rule in ("pretrain", "finetune") else ():
            count = sum(task.rule == rule and task.method == method for task in plan.left)
            if count:
                yield _row(f"  {method}", count, None, plan.seconds(rule=rule, method=method), timed)
    yield _row("all", sum(left.values()), sum(plan.done.values()), plan.seconds(), timed)


def _row(name: str, left: int, done: int | None, seconds: float, timed: bool) -> str:
    text = f"{name:<34}{left:>7}{'' if done is None else done:>7}"
    return (text + (f"{rounded(seconds / left):>10}{rounded(seconds):>10}" if timed and left else "")).rstrip()


def _time(plan: Plan, chosen: Chosen | None, gpus: Sequence[str]) -> Iterator[str]:
    machine = plan.machine
    if chosen is None:
        yield "time: unknown; such a device was not measured, and times of other devices would mislead."
        if not machine.gpus:
            yield "To fix: run `fewlabel calibrate` there (two minutes) with the same files, then plan again."
        elif gpus:
            yield f"To fix: run `fewlabel calibrate` here, with {gpus[0]} (two minutes), then plan again."
        else:
            yield "To fix: run `fewlabel calibrate` on a machine with such a GPU (two minutes), with the same files and"
            yield "in the same folder (Slurm: `srun --gpus=1 fewlabel calibrate`), then plan again."
        return
    if machine.gpus:
        yield f"GPU hours: {plan.gpu_hours:.2f}; CPU hours of other jobs: {plan.seconds('core') / 3600:.2f}"
    else:
        yield f"CPU hours: {plan.seconds() / 3600:.2f}"
    workers = (f"{counted(machine.gpus, 'GPU')} and " if machine.gpus else "") + f"{counted(machine.cores, 'core')}"
    yield (
        f"wall time: {rounded(plan.wall_seconds)} on {workers} without other load, {machine.overhead:g} s to start a "
        f"job; at least {rounded(plan.shortest_seconds)} on any number of workers"
    )
    yield from _basis(plan, chosen, gpus)


def _basis(plan: Plan, chosen: Chosen, gpus: Sequence[str]) -> Iterator[str]:
    speed, slots = chosen.calibration, plan.machine.slots
    yield f"based on: {speed.describe()}; from {chosen.origin}"
    if speed.device == "cpu" and speed.name != processor_name():
        yield f"this machine has another processor ({processor_name()}); to measure it: `fewlabel calibrate`"
    if speed.device == "cuda" and gpus and speed.name not in gpus:
        yield f"this machine has another GPU ({gpus[0]}); to measure it: `fewlabel calibrate`"
    if speed.device == "cuda" and chosen.others:
        yield f"also measured: {', '.join(chosen.others)}; to plan with one: `--device` and a part of its name"
    if slots > 1 and speed.slots != slots:
        yield (
            f"{slots} trainings share a GPU; not measured (`fewlabel calibrate --slots-per-gpu {slots}`), so the plan "
            "assumes that they take as long as one after the other; only their starts overlap"
        )


def _memory(plan: Plan) -> Iterator[str]:
    host = max((plan.machine.memory_of(task) for task in plan.left), default=0.0)
    training = max(plan.costs.training_memory(cohort) for cohort in plan.experiment.cohorts)
    yield f"memory: about {size(training, 1)} a training, {size(host, 1)} the largest job"
    if plan.machine.gpus:
        peaks = [plan.costs.gpu_memory(cohort) for cohort in plan.experiment.cohorts]
        measured = [peak for peak in peaks if peak is not None]
        slots = plan.machine.slots
        together = f", {size(slots * max(measured), 1)} for {slots} on one GPU" if slots > 1 and measured else ""
        yield (
            f"GPU memory: about {size(max(measured), 1)} a training" + together
            if measured
            else "GPU memory: unknown without a calibration"
        )


def _disk(plan: Plan) -> Iterator[str]:
    disk = plan.disk
    yield f"disk: {size(disk.kept, 1)} for the whole study"
    yield (
        f"  slices {size(disk.slices, 1)}, native volumes {size(disk.native, 1)}, weights {size(disk.weights, 1)}, "
        f"predictions {size(disk.predictions, 1)}, records {size(disk.records, 1)}"
    )
    yield f"  and up to {size(disk.states, 1)} of checkpoints while trainings run"


def _cohorts(plan: Plan) -> Iterator[str]:
    yield "cohorts"
    for name, cohort in plan.costs.sizes.items():
        folds = plan.experiment.cohorts[name].folds
        tested = f"{cohort.tested} tested" if folds is None else f"all tested, in {folds} folds"
        yield (
            f"  {name}: {cohort.subjects} subjects, {cohort.labelled} labelled, {tested}; "
            f"{cohort.slices} slices; {cohort.source}"
        )


def _savings(savings: Sequence[Saving], total: float) -> Iterator[str]:
    yield f"{'changes that reduce it (each alone)':<58}{'work':>10}{'':>7}{'wall':>10}"
    for saving in savings[:SHOWN_SAVINGS]:
        work, wall = f"-{rounded(saving.work)}", f"-{rounded(max(saving.wall, 0))}"
        yield f"  {saving.change:<56}{work:>10}{saving.work / total:>7.0%}{wall:>10}"
