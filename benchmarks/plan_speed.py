"""Seconds to plan grids of growing size, by dry runs: `python -m benchmarks.plan_speed`.

CPU seconds, which other load changes little; wall seconds are longer where other programs run.
"""

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.shared import ROOT, Row, Section, significant

TITLE = "Dry runs"
DRAWS = (18, 92, 370)
"""Of the default experiment: about 1,000, 5,000 and 20,000 jobs."""


def planned(draws: int) -> Row:
    """Finetunings, jobs, wall and CPU seconds of a dry run of the default experiment with so many draws."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--dry-run", "--quiet", "rules", "--config", f"draws={draws}"]
        before, start = os.times(), time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    counts = dict(line.split()[:2] for line in (process.stdout + process.stderr).splitlines() if len(line.split()) == 2)
    jobs = int(counts["total"])
    return {
        "finetunings": int(counts["finetune"]),
        "jobs": jobs,
        "seconds": significant(seconds),
        "CPU seconds": significant(cpu),
        "CPU ms a job": significant(1000 * cpu / jobs),
    }


def measure(quick: bool) -> Section:
    rows = []
    for draws in (1,) if quick else DRAWS:
        rows.append(planned(draws))
        print(f"  {rows[-1]}", flush=True)
    return Section("The default experiment with more draws (`snakemake --dry-run`).", {"Dry runs": rows}, ["snakemake"])


if __name__ == "__main__":
    measure(quick=False)
