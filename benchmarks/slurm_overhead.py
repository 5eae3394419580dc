"""What a cluster adds to each job: eight trivial finetunings on a throw-away real Slurm on this machine.

`tests/helpers/slurm.py` says which packages it needs. Times of Snakemake and of Slurm's accounting are whole seconds.
"""

import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.shared import ROOT, Row, Section

sys.path.insert(0, str(ROOT / "tests"))

from helpers.programs import lacking
from helpers.slurm import PROGRAMS, Slurm
from helpers.slurm_studies import jobs, submit
from helpers.studies import Study

TITLE = "What Slurm adds to a job"
COHORT = {"source": {"labelled": 10, "unlabelled": 0, "pixel_mm": 8, "slice_mm": 16}, "test": 2}
ALONE = {
    "cohorts": {"prostate_phantom": None, "liver_phantom": COHORT},
    "methods": {"regression": None, "contrastive": None},
    "finetuning": {"steps": 4, "batch": 4, "warmup": 0},
}
COLUMNS = ("ready to running", "start and end", "work", "end to seen")
RUN = "liver_phantom/finetuned/scratch/n{labels}/draw{draw}"


NO_GROUPS = ("--groups", "fetch=alone")
"""Instead of the profile's: Snakemake does not say which job of Slurm a group became."""


def grid(finetunings: int) -> tuple[dict, list[str]]:
    """A change of the tiny study that holds so many finetunings (a multiple of 8), and their folders."""
    labels, draws = range(1, 9), range(1, finetunings // 8 + 1)
    change = {**ALONE, "labels": list(labels), "draws": len(draws)}
    return change, [RUN.format(labels=n, draw=draw) for draw in draws for n in labels]


def targets(runs: list[str]) -> list[str]:
    """The files to ask of Snakemake for these runs."""
    return [f"results/tiny/{run}/weights.safetensors" for run in runs]


def timed(study: Study, process) -> float:
    """Seconds until Snakemake has ended well."""
    start = time.perf_counter()
    if process.wait():
        sys.exit(study.output.read_text()[-5000:])
    return time.perf_counter() - start


def moments(output: str) -> dict[str, tuple[float, float]]:
    """When Snakemake submitted each cluster job and when it noticed its end, by the Slurm id."""
    now, ids, found = 0.0, {}, {}
    for line in output.splitlines():
        if stamp := re.fullmatch(r"\[(\w{3} \w{3} +\d+ [\d:]+ \d{4})\]", line):
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").timestamp()
        elif submitted := re.match(r"Job (\d+) has been submitted with SLURM jobid (\d+)", line):
            ids[submitted[1]] = (submitted[2], now)
        elif (ended := re.match(r"Finished jobid: (\d+)", line)) and ended[1] in ids:
            name, since = ids[ended[1]]
            found[name] = (since, now)
    return found


def rows(slurm: Slurm, study: Study) -> list[tuple[float, float, float, float]]:
    """Of each job, seconds: ready to running, in the job without the work, of the work, from its end to its notice."""
    seen = moments(study.output.read_text())
    found = []
    for row in jobs(slurm, study):
        if row["JobID"] not in seen or row["Partition"] != "gpu":
            continue
        start, end = (datetime.fromisoformat(row[name]).timestamp() for name in ("Start", "End"))
        labels, draw = re.search(r"n=(\d+),draw=(\d+)", row["SubmitLine"]).groups()
        facts = json.loads((study.results / RUN.format(labels=labels, draw=draw) / "run.json").read_text())
        work = facts["time"]["seconds"]
        ready, noticed = seen[row["JobID"]]
        found.append((start - ready, end - start - work, work, noticed - end))
    return found


def overhead(slurm: Slurm, folder: Path, finetunings: int, designs: Sequence[tuple[int, int]]) -> list[Row]:
    """Finetunings, each in its own job, at most so many at once, by ways of looking at the queue."""
    table = []
    change, runs = grid(finetunings)
    for at_once, look in designs:
        study = Study(folder / f"{at_once}_{look}")
        study.folder.mkdir()
        timed(study, study.start(*[f"results/tiny/liver_phantom/splits/draw{1}.csv"], change=change))
        options = ("--slurm-init-seconds-before-status-checks", str(look), "--jobs", str(at_once), *NO_GROUPS)
        seconds = timed(study, submit(slurm, study, *targets(runs), *options, change=change))
        columns = list(zip(*rows(slurm, study), strict=True))
        table.append(
            {
                "at once": at_once,
                "first look after (s)": look,
                **{
                    name: f"{statistics.median(column):.1f} ({max(column):.1f})"
                    for name, column in zip(COLUMNS, columns, strict=True)
                },
                "all": round(seconds),
            }
        )
    return table


def missing() -> str | None:
    reason = lacking(*PROGRAMS)
    return f"a real Slurm {reason}" if reason else None


def measure(quick: bool) -> Section:
    designs = ((2, 1),) if quick else ((1, 1), (2, 1), (2, 40))
    with tempfile.TemporaryDirectory() as name:
        slurm = Slurm(Path(name) / "slurm")
        try:
            slurm.start()
            table = overhead(slurm, Path(name), 8, designs)
        finally:
            slurm.stop()
    text = (
        "Eight tiny finetunings, each in its own job, on a throw-away Slurm of this machine through profiles/slurm: "
        "seconds, median and, in brackets, maximum. Snakemake looks at the queue for the first time so many seconds "
        "after it has submitted; the profile has 40."
    )
    return Section(text, {"Seconds of a job": table})
