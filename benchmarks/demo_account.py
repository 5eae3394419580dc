"""The account of the demo: CPU seconds of trainings, of starts, of each kind of job and of Snakemake itself.

    make bench BENCH=demo_account
    python -m benchmarks.demo_account --checkout ../older      of another checkout, with an environment in .venv

The demo runs in a temporary folder. CPU seconds are those of processes, so other load changes them little; wall seconds
need an idle machine.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.shared import ROOT, Row, Section

TITLE = "The demo's account"
COMMAND = Path(__file__).parent / "pipelines" / "measured_command.py"
QUICK = {
    "cohorts": {"prostate_phantom": None, "liver_phantom": {"source": {"labelled": 6, "unlabelled": 0}, "test": 3}},
    "methods": {"contrastive": None, "regression": None, "supervised": None},
    "labels": [1],
    "draws": 1,
    "finetuning": {"steps": 2, "warmup": 0},
}
KINDS = {
    "pretrain": "pretraining",
    "finetune": "finetuning",
    "evaluate": "evaluation",
    **dict.fromkeys(("fetch", "prepare"), "check and preparation of volumes"),
    **dict.fromkeys(("split", "draw", "collect", "collect-histories", "record"), "splits, draws and joined tables"),
}
PAGES = "figures, tables and pages"
"""Of all other commands."""


@dataclass(frozen=True)
class Job:
    """A command of the demo."""

    command: str
    cpu: float  # seconds of its process, with the interpreter's start and end
    peak_mb: float
    marks: list[tuple[str, float]]  # CPU seconds at which a training was where: see `measured_command`

    def between(self, first: str, last: str) -> float:
        """CPU seconds between marks, added up over pairs of them."""
        begun = [seconds for name, seconds in self.marks if name == first]
        ended = [seconds for name, seconds in self.marks if name == last]
        return sum(ended) - sum(begun) if len(begun) == len(ended) else 0.0

    def start(self) -> float:
        """CPU seconds before the first step of a training; 0 of other commands."""
        return next((seconds for name, seconds in self.marks if name == "begin"), 0.0)


@dataclass(frozen=True)
class Account:
    """A run of the demo."""

    jobs: list[Job]
    cpu: float  # seconds of all processes
    wall: float


def run_demo(checkout: Path, folder: Path, targets: list[str], change: Row | None = None) -> Account:
    """Run the demo of a checkout in a folder, with each command measured.

    Raises:
        SystemExit: it fails.
    """
    jobs, commands = folder / "jobs", folder / "bin"
    for each in (jobs, commands):
        each.mkdir()
    own = checkout / ".venv" / "bin"
    program = commands / "fewlabel"
    program.write_text(
        f'#!/bin/bash\n"{own}/python" "{COMMAND}" "{jobs}/$$.json" "$@"\n'
        f'code=$?\ntimes > "{jobs}/$$.times"\nexit $code\n'
    )
    program.chmod(0o755)
    call = [own / "snakemake", "--snakefile", checkout / "Snakefile", "--directory", folder, *targets]
    if change:
        (folder / "change.yaml").write_text(yaml.safe_dump(change))
        call += ["--configfile", folder / "change.yaml"]
    environment = {**os.environ, "PATH": os.pathsep.join([str(commands), str(own), os.environ["PATH"]])}
    before, start = _children(), time.perf_counter()
    process = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(process.stderr[-5000:])
    return Account(read_jobs(jobs), _children() - before, time.perf_counter() - start)


def read_jobs(folder: Path) -> list[Job]:
    """The measured commands."""
    found = []
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text())
        # The last line has user and system seconds of the shell's children.
        minutes = re.findall(r"(\d+)m([\d.]+)s", path.with_suffix(".times").read_text())[-2:]
        cpu = sum(60 * int(whole) + float(rest) for whole, rest in minutes)
        found.append(Job(facts["command"], cpu, facts["peak_mb"], [(name, at) for name, at in facts["marks"]]))
    return found


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def parts(account: Account) -> list[Row]:
    """CPU seconds by what they were spent on."""
    jobs = account.jobs
    trainings = [job for job in jobs if job.command in ("pretrain", "finetune")]
    evaluating = [job for job in trainings if job.between("trained", "evaluated")]
    spent = [
        ("steps of trainings", trainings, [job.between("begin", "end") for job in trainings]),
        ("trainings before their first step", trainings, [job.start() for job in trainings]),
        ("evaluation by finetunings", evaluating, [job.between("trained", "evaluated") for job in evaluating]),
    ]
    inside = {id(job): sum(column) for job, column in zip(trainings, _columns(trainings), strict=True)}
    spent.append(("trainings: writing, and the rest", trainings, [job.cpu - inside[id(job)] for job in trainings]))
    for kind in dict.fromkeys([*KINDS.values(), PAGES]):
        of_kind = [job for job in jobs if KINDS.get(job.command, PAGES) == kind and job not in trainings]
        if of_kind:
            spent.append((kind, of_kind, [job.cpu for job in of_kind]))
    rows = [_row(name, len(which), seconds) for name, which, seconds in spent]
    rows.append(_row("Snakemake itself", 1, [account.cpu - sum(job.cpu for job in jobs)]))
    return [*rows, {**_row("all", len(jobs), [account.cpu]), "median of a job": ""}]


def _columns(trainings: list[Job]) -> list[tuple[float, ...]]:
    return [(job.between("begin", "end"), job.start(), job.between("trained", "evaluated")) for job in trainings]


def _row(name: str, jobs: int, seconds: list[float]) -> Row:
    median = round(statistics.median(seconds), 2) if seconds else 0
    return {"part": name, "jobs": jobs, "CPU seconds": round(sum(seconds), 1), "median of a job": median}


def section(account: Account, what: str) -> Section:
    """The account as a section of RESULTS.md."""
    largest = max(account.jobs, key=lambda job: job.peak_mb)
    text = (
        f"{what}: {len(account.jobs)} commands, {account.cpu / 60:.1f} CPU minutes, {account.wall / 60:.1f} minutes of "
        f"wall time on {os.cpu_count()} cores. Peak memory of a command: {largest.peak_mb:.0f} MB ({largest.command})."
    )
    return Section(text, {"CPU seconds by part": parts(account)}, ["numpy", "pandas", "snakemake"])


def measure(quick: bool) -> Section:
    """Run the demo of this checkout; in quick mode a few tiny trainings."""
    with tempfile.TemporaryDirectory() as name:
        run = "results/demo/liver_phantom/finetuned/scratch/n1/draw1/scores.csv"
        account = run_demo(ROOT, Path(name), [run] if quick else [], QUICK if quick else None)
    return section(account, "`snakemake` with `config.yaml`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="with an environment in .venv")
    parser.add_argument(
        "--jobs", type=Path, metavar="FOLDER", help="print the account of a run's folder `jobs`, and run nothing"
    )
    given = parser.parse_args()
    if given.jobs:
        jobs = read_jobs(given.jobs)
        account = Account(jobs, sum(job.cpu for job in jobs), 0)
    else:
        with tempfile.TemporaryDirectory() as name:
            account = run_demo(given.checkout.resolve(), Path(name), [])
    made = section(account, str(given.checkout))
    print(made.text)
    for row in made.tables["CPU seconds by part"]:
        print(f"{row['part']:<40}{row['jobs']:>5}{row['CPU seconds']:>10}{row['median of a job']!s:>8}")


if __name__ == "__main__":
    main()
