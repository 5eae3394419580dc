"""A plan as text, for people."""

from collections import Counter
from collections.abc import Iterator, Sequence

from fewlabel.operations.planning.plan import Cut, Plan
from fewlabel.operations.planning.tasks import RULES, reports
from fewlabel.utils.formatting import counted, rounded, size
from fewlabel.utils.hardware_info import processor_name

SHOWN_CUTS = 8


def plan_text(plan: Plan, cuts: Sequence[Cut]) -> str:
    """Everything that `fewlabel plan` prints about a study."""
    parts = [_heading(plan), _jobs(plan), _time(plan), _memory(plan), _disk(plan), _cohorts(plan)]
    if plan.costs.speed is not None and cuts:
        parts.append(_cuts(cuts, plan.seconds()))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _heading(plan: Plan) -> Iterator[str]:
    cells = [
        counted(len(plan.experiment.cohorts), "cohort"),
        counted(len(plan.experiment.methods), "method"),
        f"N = {', '.join(map(str, plan.experiment.labels))}",
        counted(plan.experiment.draws, "draw"),
    ]
    yield f"{plan.experiment.study}: {' x '.join(cells)}"


def _jobs(plan: Plan) -> Iterator[str]:
    timed = plan.costs.speed is not None
    yield f"{'jobs':<34}{'to do':>7}{'done':>7}" + (f"{'each':>10}{'in all':>10}" if timed else "")
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


def _time(plan: Plan) -> Iterator[str]:
    machine, speed = plan.machine, plan.costs.speed
    if speed is None:
        yield "time: not known; nothing was measured on such a device, and other devices' times would mislead."
        yield "Run `fewlabel calibrate` there (two minutes), with these files as its arguments, then plan again."
        return
    if machine.gpus:
        yield f"GPU hours: {plan.seconds('gpu') / 3600:.2f}; CPU hours of the rest: {plan.seconds('core') / 3600:.2f}"
    else:
        yield f"CPU hours: {plan.seconds() / 3600:.2f}"
    workers = (f"{counted(machine.gpus, 'GPU')} and " if machine.gpus else "") + f"{counted(machine.cores, 'core')}"
    yield (
        f"wall time: {rounded(plan.wall_seconds)} on {workers}, all of them free, {machine.overhead:g} s a job to "
        f"start it; never below {rounded(plan.shortest_seconds)}, since jobs wait for each other"
    )
    yield f"told from: {speed.describe()}"
    if speed.device == "cpu" and speed.name != processor_name():
        yield f"this machine has another processor ({processor_name()}): `fewlabel calibrate` measures it"


def _memory(plan: Plan) -> Iterator[str]:
    host = max((plan.machine.memory_of(task) for task in plan.left), default=0.0)
    training = max(plan.costs.training_memory(cohort) for cohort in plan.experiment.cohorts)
    yield f"memory: about {size(training, 1)} a training, {size(host, 1)} the largest job"
    if plan.machine.gpus:
        found = [plan.costs.gpu_memory(cohort) for cohort in plan.experiment.cohorts]
        known = [peak for peak in found if peak is not None]
        yield (
            f"GPU memory: about {size(max(known), 1)} a training"
            if known
            else "GPU memory: not known without a calibration"
        )


def _disk(plan: Plan) -> Iterator[str]:
    disk = plan.disk
    yield f"disk: {size(disk.kept, 1)} of the whole study"
    yield (
        f"  slices {size(disk.slices, 1)}, native volumes {size(disk.native, 1)}, weights {size(disk.weights, 1)}, "
        f"predictions {size(disk.predictions, 1)}, records {size(disk.records, 1)}"
    )
    yield f"  and up to {size(disk.states, 1)} of saved states while trainings run"


def _cohorts(plan: Plan) -> Iterator[str]:
    yield "cohorts"
    for name, cohort in plan.costs.sizes.items():
        folds = plan.experiment.cohorts[name].folds
        tested = f"{cohort.tested} tested" if folds is None else f"all of them tested, in {folds} folds"
        yield (
            f"  {name}: {cohort.subjects} subjects, {cohort.labelled} of them labelled, {tested}; "
            f"{cohort.slices} slices; {cohort.source}"
        )


def _cuts(cuts: Sequence[Cut], total: float) -> Iterator[str]:
    yield f"{'what would cut it (each alone)':<58}{'work':>10}{'':>7}{'wall':>10}"
    for cut in cuts[:SHOWN_CUTS]:
        work, wall = f"-{rounded(cut.work)}", f"-{rounded(max(cut.wall, 0))}"
        yield f"  {cut.change:<56}{work:>10}{cut.work / total:>7.0%}{wall:>10}"
