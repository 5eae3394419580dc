"""Seconds to plan grids of growing size: `python benchmarks/plan_speed.py`. Rows compare with each other alone."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plan(draws: int) -> tuple[int, float]:
    """Jobs and seconds of a dry run of the default experiment with so many draws."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--dry-run", "--quiet", "rules", "--config", f"draws={draws}"]
        start = time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - start
    total = next(line for line in (process.stdout + process.stderr).splitlines() if line.startswith("total"))
    return int(total.split()[1]), seconds


if __name__ == "__main__":
    print("jobs  seconds")
    for draws in (2, 20, 100):
        print("{:5d}  {:.1f}".format(*plan(draws)))
