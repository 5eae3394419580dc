"""Messages about failed jobs: a short one at once, and a report at the end with the causes and how to resume."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabel.utils.formatting import counted

SHOWN = 10
"""Maximum number of failed jobs in the report."""

FEW = 3
"""Up to this number of failed jobs, the report has their whole messages."""

LINES, ALL_LINES = 6, 1000
"""Last lines of each log: usually, and for few failed jobs."""

WIDTH, ALL_WIDTH = 300, 2000
"""Characters of a log line: usually, and for few failed jobs."""

SILENT = "empty or missing; the job may have been killed (memory, time limit) or refused by Snakemake (see above)"

RESUME = (
    "To resume: fix the cause, then give the same command again. Finished results stay; interrupted trainings resume "
    "from their saved state. Figures and tables are built only from complete studies; to build them without the failed "
    "runs, remove the method, cohort or N of these from the experiment."
)


@dataclass(frozen=True)
class Failure:
    """A failed job."""

    job: str  # its rule and wildcards, for the report
    logs: Sequence[Path]  # its log files; they may not exist


def report(failures: Sequence[Failure], waiting: int) -> str:
    """The message at the end of a run that failed or was ended; `waiting`: number of jobs that did not run."""
    if not failures:
        return f"The run was ended early: {waiting} jobs are left. {RESUME}"
    few = len(failures) <= FEW
    lines = [line for failure in failures[:SHOWN] for line in _failure_lines(failure, few)]
    more = [f"  … and {len(failures) - SHOWN} more; see their logs"] if len(failures) > SHOWN else []
    return "\n".join(
        [
            f"{counted(len(failures), 'job')} failed, {counted(waiting, 'job')} did not run for lack of their outputs:",
            *lines,
            *more,
            RESUME,
        ]
    )


def _failure_lines(failure: Failure, few: bool) -> Iterable[str]:
    yield f"  {failure.job}"
    for log in failure.logs:
        lines = _last_lines(log, *((ALL_LINES, ALL_WIDTH) if few else (LINES, WIDTH)))
        yield f"    last lines of {log}:" if lines else f"    {log}: {SILENT}"
        yield from (f"      | {line}" for line in lines)


def _last_lines(log: Path, count: int, width: int) -> list[str]:
    """The end of a log; it starts at the message of the failed command, if there is one."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip()[:width] for line in deque((line for line in file if line.strip()), maxlen=count)]
    except OSError:
        return []
    messages = [index for index, line in enumerate(lines) if line.startswith("fewlabel: ")]
    return lines[messages[0] :] if messages else lines


def _shorten(record: logging.LogRecord) -> None:
    """Leave out most files of a job with thousands of them, such as the target `all`."""
    for name in ("input", "output"):
        files = list(getattr(record, name, None) or [])
        if len(files) > SHOWN:
            setattr(record, name, [*files[:3], f"and {len(files) - 3} more"])
    reason = str(getattr(record, "reason", "") or "")
    if len(reason) > WIDTH:
        record.reason = f"{reason[:WIDTH]} …"


class FailedJobFilter(logging.Filter):
    """Shortens Snakemake's message about a failed job; `report` prints its log at the end of the run.

    Snakemake itself prints the command of a failed job with all settings twice, and its whole log.
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
