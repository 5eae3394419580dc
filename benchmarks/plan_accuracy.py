"""Estimated against measured: a study is planned, run with snakemake, and both are printed side by side.

Usage: python benchmarks/plan_accuracy.py [workers] [experiment files …]

Without files a reduced demo of one cohort runs: about five minutes on two free cores. CPU time is compared, which other
load changes little, and wall time, which is only comparable on a machine that does nothing else: see the load. The
steps of each kind are compared by the seconds that their trainings took.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml

from fewlabel.cli.planning import LOCAL_OVERHEAD
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.operations.planning.calibration.calibration_table import OWN, choose
from fewlabel.operations.planning.plan import Plan, make_plan
from fewlabel.operations.planning.schedule import Machine

ROOT = Path(__file__).parents[1]
REDUCED = {
    "study": "reduced",
    "cohorts": {"prostate_phantom": None, "liver_phantom": {"source": {"labelled": 16, "unlabelled": 4}, "test": 4}},
    "labels": [1, 4],
    "draws": 1,
}


def run(files: list[Path], workers: int, folder: Path) -> tuple[float, float, list[float]]:
    """Run a study: its CPU seconds and wall seconds, and the load now and then."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--configfile", *files, "--cores", workers]
    before, start, loads = os.times(), time.perf_counter(), [os.getloadavg()[0]]
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        while process.poll() is None:
            time.sleep(0.5)
            loads.append(os.getloadavg()[0])
    wall, after = time.perf_counter() - start, os.times()
    if process.returncode:
        sys.exit((folder / "output.txt").read_text()[-3000:])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, wall, loads


def trainings(folder: Path) -> dict[tuple[str, str], float]:
    """Wall seconds of all trainings of a kind and method, as their facts tell."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for path in folder.glob("*/*/**/run.json"):
        _, kind, method, *_ = path.relative_to(folder).parts
        if not path.parent.name.endswith(".finished"):
            found[kind, method] += json.loads(path.read_text())["time"]["seconds"]
    return found


def row(what: str, estimated: float, measured: float) -> None:
    """Print seconds estimated, measured and their ratio."""
    print(f"{what:<28}{estimated:>10.0f}{measured:>10.0f}{estimated / measured:>8.2f}")


def compare(plan: Plan, study: Path, cpu: float, wall: float) -> None:
    """Print a row for each kind of training, and for the whole study."""
    print(f"{'seconds':<28}{'estimated':>10}{'measured':>10}{'ratio':>8}")
    for (kind, method), seconds in sorted(trainings(study).items()):
        rule = {"pretrained": "pretrain", "finetuned": "finetune"}[kind]
        row(f"{rule} {method} (wall)", plan.seconds(rule=rule, method=method), seconds)
    row("CPU, everything", plan.seconds() + len(plan.left) * plan.machine.overhead, cpu)
    row("wall, everything", plan.wall_seconds, wall)
    kept = sum(path.stat().st_size for path in study.rglob("*") if path.is_file())
    row("disk in MB", plan.disk.kept / 1e6, kept / 1e6)


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reduced = folder / "reduced.yaml"
        reduced.write_text(yaml.safe_dump(REDUCED))
        files = [Path(file).absolute() for file in sys.argv[2:]] or [reduced]
        experiment = load(read_config([ROOT / "config.yaml", *files]), [ROOT / "config.yaml", *files])
        chosen = choose("cpu", experiment.precision, OWN if OWN.exists() else None)
        speed = chosen.calibration if chosen else None
        plan = make_plan(experiment, Machine(workers, overhead=LOCAL_OVERHEAD), speed, folder / "results", whole=True)
        cpu, wall, loads = run(files, workers, folder)
        print(f"{experiment.study}, {workers} worker(s); step times: {speed.describe() if speed else 'none'}")
        print(
            f"load {min(loads):.1f} to {max(loads):.1f}, mean {sum(loads) / len(loads):.1f}, on {os.cpu_count()} cores"
        )
        compare(plan, folder / "results" / experiment.study, cpu, wall)


if __name__ == "__main__":
    main()
