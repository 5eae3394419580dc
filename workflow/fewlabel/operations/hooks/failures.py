"""Messages on failed jobs: a short one at once, and at the end one report with causes and how to resume."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 10
"""Failed jobs that are told in full."""

FEW = 3
"""Up to this many failed jobs are reported with their whole message."""

LINES, ALL_LINES = 6, 1000
"""Last lines of each log; the second for few failed jobs."""

WIDTH, ALL_WIDTH = 300, 2000
"""Characters of a log line; the second for few failed jobs."""

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
    few = len(failures) <= FEW
    shown = [line for failure in failures[:SHOWN] for line in _told(failure, few)]
    more = [f"  … and {len(failures) - SHOWN} more; their logs say why"] if len(failures) > SHOWN else []
    return "\n".join([f"{len(failures)} job(s) failed, {waiting} wait for them:", *shown, *more, GO_ON])


def _told(failure: Failure, few: bool) -> Iterable[str]:
    yield f"  {failure.job}"
    for log in failure.logs:
        lines = _last_lines(log, *((ALL_LINES, ALL_WIDTH) if few else (LINES, WIDTH)))
        yield f"    last lines of {log}:" if lines else f"    {log}: {SILENT}"
        yield from (f"      | {line}" for line in lines)


def _last_lines(log: Path, count: int, width: int) -> list[str]:
    """The end of a log, from the message of the failed command on if there is one."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip()[:width] for line in deque((line for line in file if line.strip()), maxlen=count)]
    except OSError:
        return []
    said = [index for index, line in enumerate(lines) if line.startswith("fewlabel: ")]
    return lines[said[0] :] if said else lines


def _shorten(record: logging.LogRecord) -> None:
    """Leave out most files of a job with thousands of them, such as the target `all`."""
    for name in ("input", "output"):
        files = list(getattr(record, name, None) or [])
        if len(files) > SHOWN:
            setattr(record, name, [*files[:3], f"and {len(files) - 3} more"])
    reason = str(getattr(record, "reason", "") or "")
    if len(reason) > WIDTH:
        record.reason = f"{reason[:WIDTH]} …"


class ToldAtTheEnd(logging.Filter):
    """Shortens Snakemake's message on a failed job; `report` prints the log at the end of the run.

    Snakemake itself prints the command of a failed job with all settings twice, and its whole log.

    Args:
        logs: the log files of each job, by Snakemake's number of the job.
    """

    def __init__(self, logs: Mapping[int, Sequence[str]]) -> None:
        super().__init__()
        self.logs = logs

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown; the record of a failed job is shortened."""
        facts = vars(record)
        event = str(facts.get("event", ""))
        if event == "job_info":
            _shorten(record)
        if event == "error":
            return "\nCalledProcessError in file" not in record.getMessage()
        if event == "job_error":
            own = set(self.logs.get(facts.get("jobid", -1), ()))
            record.shellcmd = None
            # Nothing else reports the cluster's own log of the job.
            record.log = [log for log in facts.get("log") or [] if log not in own]
            record.aux = {**(facts.get("aux") or {}), "log": f"{', '.join(sorted(own))} (shown at the end of the run)"}
        return True
