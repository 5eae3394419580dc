"""Run benchmarks and write RESULTS.md: `make bench`, `make bench BENCH=training_speed`, `make bench QUICK=1`."""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

from benchmarks import shared
from benchmarks.shared import ROOT, assemble, write

NAMES = (
    "training_speed",
    "pretext_speed",
    "equal_dice",
    "parts_speed",
    "step_shares",
    "classes",
    "ensembles",
    "layout",
    "gpu_speed",
    "growth",
    "plan_speed",
    "phantom_speed",
    "plan_times",
    "plan_accuracy",
    "coverage",
    "annotation_budget_error",
    "slurm_overhead",
    "demo_account",
)
"""Modules of this folder, in the order of RESULTS.md. Each has TITLE, `measure` and, where it needs more, `missing`."""


def run(name: str, folder: Path, quick: bool) -> None:
    """Run one benchmark and write its section; the others stay."""
    benchmark = importlib.import_module(f"benchmarks.{name}")
    reason = benchmark.missing() if hasattr(benchmark, "missing") else None
    if reason:
        print(f"{name}: skipped. {reason}", flush=True)
        return
    print(f"{name}: {benchmark.TITLE}", flush=True)
    start = time.perf_counter()
    section = benchmark.measure(quick)
    write(name, benchmark.TITLE, section, (time.perf_counter() - start) / 60, folder, quick)
    assemble(NAMES, folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once, to try the code; into build/bench")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="folder of RESULTS.md (default: benchmarks)")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(NAMES)):
        parser.error(f"BENCH: no such benchmark ({', '.join(unknown)}); accepted: {', '.join(NAMES)}")
    folder = given.into or (ROOT / "build" / "bench" if given.quick else ROOT / "benchmarks")
    shared.together = given.quick
    # Snakemake and its jobs find the commands of this environment.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for name in given.names or NAMES:
        run(name, folder, given.quick)
    print(folder / "RESULTS.md")


if __name__ == "__main__":
    main()
