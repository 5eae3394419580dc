"""Estimated against measured: a study is planned, run with snakemake, and both stand side by side."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml

from benchmarks.shared import ROOT, Clock, Row, Section, significant
from fewlabel.cli.planning import LOCAL_OVERHEAD
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.operations.planning.calibration.calibration_table import OWN, choose
from fewlabel.operations.planning.plan import Plan, make_plan
from fewlabel.operations.planning.schedule import Machine

TITLE = "Plans against a run"
REDUCED = {
    "study": "reduced",
    "cohorts": {"prostate_phantom": None, "liver_phantom": {"source": {"labelled": 16, "unlabelled": 4}, "test": 4}},
    "labels": [1, 4],
    "draws": 1,
}
TINY = {
    **REDUCED,
    "cohorts": {"prostate_phantom": None, "liver_phantom": {"source": {"labelled": 4, "unlabelled": 1}, "test": 2}},
    "methods": {"regression": None, "contrastive": None, "supervised": None},
    "labels": [1],
    "finetuning": {"steps": 2, "warmup": 0},
}
WORKERS = 2


def run(files: list[Path], workers: int, folder: Path) -> tuple[float, float, list[float]]:
    """Run a study: its CPU seconds and wall seconds, and the load now and then."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--configfile", *files, "--cores", workers]
    clock, loads = Clock(), [os.getloadavg()[0]]
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        while process.poll() is None:
            time.sleep(0.5)
            loads.append(os.getloadavg()[0])
    if process.returncode:
        sys.exit((folder / "output.txt").read_text()[-3000:])
    seconds = clock.seconds()
    return seconds["cpu"], seconds["wall"], loads


def trainings(folder: Path) -> dict[tuple[str, str], float]:
    """Wall seconds of all trainings of a kind and method, as their facts tell."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for path in folder.glob("*/*/**/run.json"):
        _, kind, method, *_ = path.relative_to(folder).parts
        if not path.parent.name.endswith(".finished"):
            found[kind, method] += json.loads(path.read_text())["time"]["seconds"]
    return found


def row(what: str, estimated: float, measured: float) -> Row:
    """Seconds (or MB) estimated, measured and their ratio."""
    return {
        "what": what,
        "estimated": significant(estimated),
        "measured": significant(measured),
        "ratio": significant(estimated / measured),
    }


def compare(plan: Plan, study: Path, cpu: float, wall: float) -> list[Row]:
    """A row for each kind of training, and for the whole study."""
    rows = []
    for (kind, method), seconds in sorted(trainings(study).items()):
        rule = {"pretrained": "pretrain", "finetuned": "finetune"}[kind]
        rows.append(row(f"{rule} {method} (wall, s)", plan.seconds(rule=rule, method=method), seconds))
    rows.append(row("CPU, everything (s)", plan.seconds() + len(plan.left) * plan.machine.overhead, cpu))
    rows.append(row("wall, everything (s)", plan.wall_seconds, wall))
    kept = sum(path.stat().st_size for path in study.rglob("*") if path.is_file())
    return [*rows, row("disk (MB)", plan.disk.kept / 1e6, kept / 1e6)]


def measure(quick: bool) -> Section:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reduced = folder / "reduced.yaml"
        reduced.write_text(yaml.safe_dump(TINY if quick else REDUCED))
        experiment = load(read_config([ROOT / "config.yaml", reduced]), [ROOT / "config.yaml", reduced])
        chosen = choose("cpu", experiment.precision, OWN if OWN.exists() else None)
        speed = chosen.calibration if chosen else None
        plan = make_plan(experiment, Machine(WORKERS, overhead=LOCAL_OVERHEAD), speed, folder / "results", whole=True)
        cpu, wall, loads = run([reduced], WORKERS, folder)
        rows = compare(plan, folder / "results" / experiment.study, cpu, wall)
    text = (
        f"The demo of one cohort with fewer labels and one draw, planned and run with {WORKERS} workers; step times: "
        f"{speed.describe() if speed else 'none'}. Other load changes CPU seconds little; wall seconds mean something "
        f"on an idle machine only (load while it ran: {min(loads):.1f} to {max(loads):.1f})."
    )
    return Section(text, {"Estimated and measured": rows})
