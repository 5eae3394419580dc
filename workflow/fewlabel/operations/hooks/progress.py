"""Progress of a workflow in lines for a terminal: jobs done, running and left, and the remaining time.

`JobProgress` is a handler of Snakemake's log and changes no record. `RoutineFilter` keeps Snakemake's own lines on each
job off the terminal; the log file has them. Imports nothing slow.
"""

import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from statistics import fmean

from fewlabel.utils.formatting import duration

Key = tuple[str, ...]
"""A job's rule, then the wildcards that its duration depends on."""

LONG = frozenset({"fetch", "prepare", "pretrain", "finetune", "evaluate"})
"""Rules whose jobs take most of a study's time; without one finished job of each, the remaining time is unknown."""
TARGETS = frozenset({"all", "figures", "tables", "pictures"})
"""Rules without a command."""
SHORT = 5.0
"""Seconds assumed for a figure, table or page until one is done; they take 1 to 10."""
OVERDUE = 0.1
"""Remaining time of an overdue job, as a share of its time so far."""
ROUTINE = frozenset({"job_info", "group_info", "job_started", "job_finished", "progress"})
"""Events of each job: its reason and settings, its start and end."""
SELECTING = "Select jobs to execute..."


class RoutineFilter(logging.Filter):
    """Drops what Snakemake says of each job that does not fail."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        return str(vars(record).get("event", "")) not in ROUTINE and record.getMessage() != SELECTING


class JobProgress(logging.Handler):
    """Prints the progress of a workflow's jobs.

    Args:
        jobs: the jobs to run, by job id.
        running: returns the ids of the jobs that run now or wait in a cluster's queue.
        every: least seconds between two lines; the last line is always printed.
        pages: what a job leaves to look at, by job id; its path is printed when it is made.
        say: prints a line.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        jobs: Mapping[int, Key],
        running: Callable[[], Iterable[int]],
        every: float = 0.0,
        pages: Mapping[int, str] | None = None,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.INFO)
        self.jobs, self.running, self.every, self.say, self.clock = jobs, running, every, say, clock
        self.pages = pages or {}
        self._said = float("-inf")
        self._most = 1
        self._begun: dict[int, float] = {}
        self._took: dict[Key, list[float]] = defaultdict(list)
        self._done: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one record of the log; an error here never stops the workflow."""
        with suppress(Exception):
            self._take(record)

    def _take(self, record: logging.LogRecord) -> None:
        facts = vars(record)
        event = str(facts.get("event", ""))
        if event == "job_finished":
            self._finish(facts["job_id"])
        elif event in ("job_started", "job_error", "progress"):
            # A failed job is not among them; its time starts again with its next attempt.
            now = set(self.running()) - self._done
            self._begun = {job: self._begun.get(job, self.clock()) for job in now}
            self._most = max(self._most, len(now))
        if event == "progress" and (self.clock() - self._said >= self.every or facts["done"] >= facts["total"]):
            self.say(self.line(facts["done"], facts["total"]))
            self._said = self.clock()

    def _finish(self, job: int) -> None:
        start = self._begun.pop(job, None)
        self._done.add(job)
        if job in self.pages:
            self.say(f"look at {self.pages[job]}")
        if start is not None and job in self.jobs:
            self._took[self.jobs[job]].append(self.clock() - start)

    def line(self, done: int, total: int) -> str:
        """The line printed after a job."""
        running = len(self._begun)
        rules = ", ".join(sorted({self.jobs[job][0] for job in self._begun if job in self.jobs}))
        seconds = self._seconds_left()
        remaining = "remaining time not known yet" if seconds is None else f"about {duration(seconds)} left"
        now = f"{running} running ({rules})" if rules else f"{running} running"
        counts = f"jobs: {done} of {total} done, {now}, {max(0, total - done - running)} to come"
        return counts if done >= total else f"{counts}, {remaining}"

    def _seconds_left(self) -> float | None:
        now = self.clock()
        open_jobs = [job for job in self.jobs if job not in self._done]
        means = mean_seconds(self._took)
        short = [seconds for key, values in self._took.items() if key[0] not in LONG | TARGETS for seconds in values]
        usual = fmean(short) if short else SHORT
        remaining = []
        for job in open_jobs:
            key = self.jobs[job]
            if key[0] in LONG and key[:1] not in means:
                return None
            expected = 0.0 if key[0] in TARGETS else means.get(key, means.get(key[:1], usual))
            since = now - self._begun[job] if job in self._begun else 0.0
            remaining.append(expected - since if since <= expected else OVERDUE * since)
        # As many jobs run in parallel as at most so far: one has just ended. The longest job is a lower bound.
        return max([sum(remaining) / self._most, *remaining], default=0.0)


def mean_seconds(took: Mapping[Key, Iterable[float]]) -> dict[Key, float]:
    """Mean duration in seconds, by kind of job and by rule."""
    of_rule: dict[Key, list[float]] = defaultdict(list)
    for key, values in took.items():
        of_rule[key[:1]].extend(values)
    return {key: fmean(values) for key, values in [*of_rule.items(), *took.items()]}
