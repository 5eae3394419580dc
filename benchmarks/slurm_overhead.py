"""What a cluster adds to each job, and what it takes to get many finetunings through it.

    python benchmarks/slurm_overhead.py                     the overhead of single jobs: about five minutes
    python benchmarks/slurm_overhead.py --packed 1000 50    1,000 trivial finetunings, 50 in a job: most of an hour

Both start a throw-away real Slurm on this machine (`tests/helpers/slurm.py`, which says which packages it needs) and
submit a tiny study to it through profiles/slurm. Seconds are comparable on a machine that does nothing else only; the
load is printed beside. Times of Snakemake and of Slurm's accounting are whole seconds.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.programs import lacking  # noqa: E402
from helpers.slurm import PROGRAMS, Slurm  # noqa: E402
from helpers.slurm_studies import PROFILE, jobs, submit  # noqa: E402
from helpers.studies import Study  # noqa: E402

COHORT = {"source": {"labelled": 10, "unlabelled": 0, "pixel_mm": 8, "slice_mm": 16}, "test": 2}
ALONE = {
    "cohorts": {"prostate_phantom": None, "liver_phantom": COHORT},
    "methods": {"regression": None, "contrastive": None},
    "finetuning": {"steps": 4, "batch": 4, "warmup": 0},
}
RUN = "liver_phantom/finetuned/scratch/n{labels}/draw{draw}"


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
    """When Snakemake told of each cluster job that it submitted and that it saw its end, by the Slurm id."""
    now, ids, found = 0.0, {}, {}
    for line in output.splitlines():
        if stamp := re.fullmatch(r"\[(\w{3} \w{3} +\d+ [\d:]+ \d{4})\]", line):
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y").timestamp()
        elif told := re.match(r"Job (\d+) has been submitted with SLURM jobid (\d+)", line):
            ids[told[1]] = (told[2], now)
        elif (ended := re.match(r"Finished jobid: (\d+)", line)) and ended[1] in ids:
            name, submitted = ids[ended[1]]
            found[name] = (submitted, now)
    return found


def rows(slurm: Slurm, study: Study) -> list[tuple[float, float, float, float]]:
    """Of each job, seconds: ready to running, in the job beside the work, of the work, from end to being seen."""
    seen = moments(study.output.read_text())
    found = []
    for row in jobs(slurm, study):
        if row["JobID"] not in seen or row["Partition"] != "gpu":
            continue
        start, end = (datetime.fromisoformat(row[name]).timestamp() for name in ("Start", "End"))
        labels, draw = re.search(r"_(\d+)_(\d+)$", row["Comment"]).groups()
        facts = json.loads((study.results / RUN.format(labels=labels, draw=draw) / "run.json").read_text())
        work = facts["time"]["seconds"]
        ready, told = seen[row["JobID"]]
        found.append((start - ready, end - start - work, work, told - end))
    return found


def overhead(slurm: Slurm, folder: Path) -> None:
    """Eight finetunings, each in its own job, at most so many at once, by two ways of looking at the queue."""
    print(f"{'finetunings':<44}{'ready-running':>14}{'start, stop':>12}{'work':>8}{'end-seen':>10}{'all':>7}")
    change, runs = grid(8)
    for at_once, look in ((1, 1), (2, 1), (2, 40)):
        study = Study(folder / f"{at_once}_{look}")
        study.folder.mkdir()
        timed(study, study.start(*[f"results/tiny/liver_phantom/splits/draw{1}.csv"], change=change))
        options = ("--slurm-init-seconds-before-status-checks", str(look), "--jobs", str(at_once))
        seconds = timed(study, submit(slurm, study, *targets(runs), *options, change=change))
        found = rows(slurm, study)
        for name, middle in (("median", statistics.median), ("most", max)):
            cells = [middle(column) for column in zip(*found, strict=True)]
            text = f"8, {at_once} at once, first look after {look} s: {name}"
            print(f"{text:<44}{cells[0]:>14.0f}{cells[1]:>12.1f}{cells[2]:>8.1f}{cells[3]:>10.0f}{seconds:>7.0f}")


def packed(slurm: Slurm, folder: Path, finetunings: int, per_job: int) -> None:
    """Many finetunings, several in a job."""
    change, runs = grid(finetunings)
    profile = folder / "profile"
    profile.mkdir()
    text = (PROFILE / "profile.yaml").read_text().replace("finetunes_per_job: 1\n", f"finetunes_per_job: {per_job}\n")
    (profile / "profile.yaml").write_text(text)
    study = Study(folder / "study")
    study.folder.mkdir()
    seconds = timed(study, submit(slurm, study, *targets(runs), change=change, profile=profile))
    done = [run for run in runs if (study.results / run / "weights.safetensors").exists()]
    states: dict[str, int] = {}
    for row in jobs(slurm, study):
        key = f"{row['Comment'].split('_')[1]} {row['State']}"
        states[key] = states.get(key, 0) + 1
    print(f"{len(done)} of {len(runs)} finetunings in {seconds / 60:.1f} min; jobs:", states)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packed", nargs=2, type=int, metavar=("FINETUNINGS", "PER_JOB"))
    parser.add_argument("--keep", type=Path, help="folder in which all is left; it must not exist")
    arguments = parser.parse_args()
    if reason := lacking(*PROGRAMS):
        sys.exit(f"a real Slurm {reason}")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(exist_ok=not arguments.keep)
        slurm = Slurm(folder / "slurm")
        try:
            slurm.start()
            if arguments.packed:
                packed(slurm, folder, *arguments.packed)
            else:
                overhead(slurm, folder)
            print("load", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "cores")
        finally:
            slurm.stop()


if __name__ == "__main__":
    main()
