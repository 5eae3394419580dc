"""Simulate the schedule of jobs: list scheduling, as in Snakemake's greedy scheduler."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["core", "gpu"]
LOOKAHEAD = 50
"""Ready tasks that may overtake tasks that do not fit."""
Ready = dict[Place, list[tuple[int, int, "Task"]]]
"""Ready tasks in the order in which they start."""


@dataclass(frozen=True)
class Task:
    """A job in the schedule."""

    name: str  # unique name
    rule: str
    seconds: float  # of work on one core or one GPU
    needs: tuple[str, ...] = ()  # names of tasks that must end before
    # cohort, method: of the job, if any
    cohort: str | None = None
    method: str | None = None
    threads: int = 1  # cores that it can use; they share its work
    place: Place = "core"  # cores, or one GPU
    memory: float = 0  # bytes for each of its cores
    priority: int = 0  # higher starts first


@dataclass(frozen=True)
class Machine:
    """The machine that runs tasks."""

    cores: int  # for all jobs
    gpus: int = 0
    slots: int = 1  # trainings that share a GPU
    memory: float | None = None  # limit in bytes for all running jobs; None: no limit
    overhead: float = 0  # seconds of each job in addition to its work (start, scheduling, queue)

    def length(self, task: Task) -> float:
        """Seconds from a task's start to its end."""
        return task.seconds / self.width(task) + self.overhead

    def memory_of(self, task: Task) -> float:
        """Bytes of a running task."""
        return task.memory * self.width(task)

    def width(self, task: Task) -> int:
        """Cores of a task; one on a GPU."""
        return min(task.threads, self.cores) if task.place == "core" else 1


@dataclass
class _Free:
    machine: Machine
    cores: int
    slots: int  # of GPUs
    memory: float
    running: list[tuple[float, int, Task]] = field(default_factory=list)

    def fits(self, task: Task) -> bool:
        # A job larger than the memory runs alone.
        memory_fits = self.machine.memory_of(task) <= self.memory or not self.running
        return memory_fits and (self.slots > 0 if task.place == "gpu" else self.cores >= self.machine.width(task))

    def change(self, task: Task, by: int) -> None:
        if task.place == "gpu":
            self.slots += by
        else:
            self.cores += by * self.machine.width(task)
        self.memory += by * self.machine.memory_of(task)


def wall_seconds(tasks: Sequence[Task], machine: Machine) -> float:
    """Seconds until the last task ends, if ready tasks start by priority and order as soon as they fit.

    Needed tasks that are not in `tasks` count as done. Raises ValueError: circular dependencies.
    """
    order = {task.name: index for index, task in enumerate(tasks)}
    waiting = {task.name: {need for need in task.needs if need in order} for task in tasks}
    followers: dict[str, list[Task]] = {name: [] for name in order}
    for task in tasks:
        for need in waiting[task.name]:
            followers[need].append(task)
    ready: Ready = {"core": [], "gpu": []}
    for task in tasks:
        if not waiting[task.name]:
            _add(ready, task, order)
    free = _Free(
        machine, machine.cores, machine.gpus * machine.slots, float("inf") if machine.memory is None else machine.memory
    )
    now, ended = 0.0, 0
    while free.running or any(ready.values()):
        _start(ready, free, now)
        now, _, task_done = heapq.heappop(free.running)
        ended += 1
        free.change(task_done, +1)
        for task in followers[task_done.name]:
            waiting[task.name].discard(task_done.name)
            if not waiting[task.name]:
                _add(ready, task, order)
    if ended < len(tasks):
        raise ValueError("tasks have circular dependencies")
    return now


def _add(ready: Ready, task: Task, order: dict[str, int]) -> None:
    heapq.heappush(ready[task.place], (-task.priority, order[task.name], task))


def _start(ready: Ready, free: _Free, now: float) -> None:
    """Start the ready tasks that fit."""
    for heap in ready.values():
        passed_over: list[tuple[int, int, Task]] = []
        while heap and len(passed_over) < LOOKAHEAD:
            entry = heapq.heappop(heap)
            task = entry[2]
            if free.fits(task):
                free.change(task, -1)
                heapq.heappush(free.running, (now + free.machine.length(task), entry[1], task))
            else:
                passed_over.append(entry)
        for entry in passed_over:
            heapq.heappush(heap, entry)


def longest_chain(tasks: Sequence[Task], machine: Machine) -> float:
    """Seconds of the longest chain of dependent tasks: a lower bound for any number of workers."""
    ends: dict[str, float] = {}
    for task in tasks:
        begin = max((ends[need] for need in task.needs if need in ends), default=0.0)
        ends[task.name] = begin + machine.length(task)
    return max(ends.values(), default=0.0)
