"""What a workflow says at its end when jobs failed: what, why, and how to go on."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 10
"""Failed jobs that are told in full."""

LINES = 6
"""Last lines of each log."""

WIDTH = 300
"""Characters of a line of a log."""

SILENT = "says nothing: killed from outside (memory, time limit), or refused by Snakemake (see above)?"

GO_ON = (
    "Go on: mend the cause, then give the same command again. What is finished stays, interrupted trainings go on from "
    "their state. No figure or table is drawn of a part: they wait for the failed runs; to do without these, take "
    "their method, cohort or N out of the experiment."
)


@dataclass(frozen=True)
class Failure:
    """A failed job.

    Attributes:
        job: its rule and wildcards, for readers.
        logs: its log files, present or not.
    """

    job: str
    logs: Sequence[Path]


def report(failures: Sequence[Failure], waiting: int) -> str:
    """The final message.

    Args:
        failures: the failed jobs.
        waiting: jobs that were not run, since they wait for these or the run was ended.
    """
    if not failures:
        return f"The run was ended before all was done: {waiting} jobs are left. {GO_ON}"
    shown = [line for failure in failures[:SHOWN] for line in _told(failure)]
    more = [f"  … and {len(failures) - SHOWN} more; their logs say why"] if len(failures) > SHOWN else []
    return "\n".join([f"{len(failures)} job(s) failed, {waiting} wait for them:", *shown, *more, GO_ON])


def _told(failure: Failure) -> Iterable[str]:
    yield f"  {failure.job}"
    for log in failure.logs:
        lines = _last_lines(log)
        yield f"    last lines of {log}:" if lines else f"    {log}: {SILENT}"
        yield from (f"      | {line}" for line in lines)


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip()[:WIDTH] for line in deque((line for line in file if line.strip()), maxlen=LINES)]
    except OSError:
        return []
