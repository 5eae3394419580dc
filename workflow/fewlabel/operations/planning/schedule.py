"""When each job would run: list scheduling, as Snakemake's greedy scheduler does it."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["core", "gpu"]
LOOKAHEAD = 50
"""Ready tasks that are looked at behind one for which there is no room."""
Ready = dict[Place, list[tuple[int, int, "Task"]]]
"""Ready tasks in the order in which they start."""


@dataclass(frozen=True)
class Task:
    """A job as the schedule sees it.

    Attributes:
        name: of this one alone.
        rule: of the workflow.
        seconds: of work, on one core or one GPU.
        needs: names of the tasks that must have ended.
        cohort, method: whose it is, where it is of one.
        threads: cores that it can use; its work is shared among them.
        place: what it takes: cores, or one GPU.
        memory: bytes that it holds for each of its cores.
        priority: higher goes first.
    """

    name: str
    rule: str
    seconds: float
    needs: tuple[str, ...] = ()
    cohort: str | None = None
    method: str | None = None
    threads: int = 1
    place: Place = "core"
    memory: float = 0
    priority: int = 0


@dataclass(frozen=True)
class Machine:
    """Where tasks run.

    Attributes:
        cores: that jobs share.
        gpus: each takes one job at a time.
        memory: bytes that jobs may hold together; None: not bounded.
        overhead: seconds that each job waits beside its work (starting, scheduling, a cluster's queue).
    """

    cores: int
    gpus: int = 0
    memory: float | None = None
    overhead: float = 0

    def length(self, task: Task) -> float:
        """Seconds from a task's start to its end."""
        return task.seconds / self.width(task) + self.overhead

    def memory_of(self, task: Task) -> float:
        """Bytes that a task holds."""
        return task.memory * self.width(task)

    def width(self, task: Task) -> int:
        """Cores that a task gets; one of them where it works on a GPU."""
        return min(task.threads, self.cores) if task.place == "core" else 1


@dataclass
class _Free:
    machine: Machine
    cores: int
    gpus: int
    memory: float
    running: list[tuple[float, int, Task]] = field(default_factory=list)

    def fits(self, task: Task) -> bool:
        # A job that is larger than all of the memory runs alone rather than never.
        roomy = self.machine.memory_of(task) <= self.memory or not self.running
        return roomy and (self.gpus > 0 if task.place == "gpu" else self.cores >= self.machine.width(task))

    def change(self, task: Task, by: int) -> None:
        if task.place == "gpu":
            self.gpus += by
        else:
            self.cores += by * self.machine.width(task)
        self.memory += by * self.machine.memory_of(task)


def wall_seconds(tasks: Sequence[Task], machine: Machine) -> float:
    """When the last task ends, if whatever is ready starts as soon as there is room, by priority and order.

    Tasks that are needed and not in `tasks` count as done.

    Raises:
        ValueError: tasks need each other in a circle.
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
    free = _Free(machine, machine.cores, machine.gpus, float("inf") if machine.memory is None else machine.memory)
    now, ended = 0.0, 0
    while free.running or any(ready.values()):
        _start(ready, free, now)
        now, _, done = heapq.heappop(free.running)
        ended += 1
        free.change(done, +1)
        for task in followers[done.name]:
            waiting[task.name].discard(done.name)
            if not waiting[task.name]:
                _add(ready, task, order)
    if ended < len(tasks):
        raise ValueError("tasks need each other in a circle")
    return now


def _add(ready: Ready, task: Task, order: dict[str, int]) -> None:
    heapq.heappush(ready[task.place], (-task.priority, order[task.name], task))


def _start(ready: Ready, free: _Free, now: float) -> None:
    """Start the ready tasks for which there is room."""
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
    """Seconds of the longest chain of tasks that wait for each other: no number of workers is quicker."""
    ends: dict[str, float] = {}
    for task in tasks:
        begin = max((ends[need] for need in task.needs if need in ends), default=0.0)
        ends[task.name] = begin + machine.length(task)
    return max(ends.values(), default=0.0)
