"""Seconds to plan grids of growing size: `python benchmarks/plan_speed.py`. Rows compare with each other alone.

CPU seconds beside wall seconds: other load changes them little.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plan(draws: int) -> tuple[int, int, float, float]:
    """Finetunings, jobs, wall and CPU seconds of a dry run of the default experiment with so many draws."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--dry-run", "--quiet", "rules", "--config", f"draws={draws}"]
        before, start = os.times(), time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    counts = dict(line.split()[:2] for line in (process.stdout + process.stderr).splitlines() if len(line.split()) == 2)
    return int(counts["finetune"]), int(counts["total"]), seconds, cpu


if __name__ == "__main__":
    print("finetunings   jobs   seconds   CPU seconds")
    for draws in (2, 39, 193):
        print("{:11d} {:6d} {:9.1f} {:13.1f}".format(*plan(draws)))
