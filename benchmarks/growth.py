"""Time a slice and memory from fetch to pretraining, for cohorts of growing size: `python -m benchmarks.growth 10 100`.

Each stage is the command that the workflow runs, in a process of its own with one thread. `FULL=1` adds 10,000 volumes
and has slices of 192 x 192 pixels; it needs 50 GB in the folder of temporary files (TMPDIR), and hours.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter

from benchmarks.shared import Clock, Row, Section, apart, significant
from fewlabel.config.augmentation import AUGMENTATIONS
from fewlabel.config.cohort import Grid
from fewlabel.config.figure_options import ContactSheet
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import DrawSettings, FetchSettings, PlannedSplit, PrepareSettings, SplitSettings
from fewlabel.config.jobs.figures.quality import ContactSheetSettings, QualitySettings
from fewlabel.config.jobs.training import PretrainSettings
from fewlabel.config.pretexts.contrastive import ContrastiveMethod, GlobalStage
from fewlabel.config.pretexts.registry import PretrainedMethod
from fewlabel.config.pretexts.regression import RegressionMethod
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.training import Network, Training
from fewlabel.data.store.slice_store import Store
from fewlabel.training.sampling import Slices

TITLE = "Growth with the number of volumes"
SIZES = (10, 100, 1000)
FULL = 10_000
"""Volumes that `FULL=1` adds."""
STORES = (100, 1000, 10_000)
"""Volumes of the stores whose slices are read, without being trained on."""
SLICES, SIDE, FULL_SIDE = 20, 96, 192
BATCH = 16
BASES = 16
"""Images that differ as a whole; of each, further volumes differ in their first slice."""
EVERY_S = 0.05
"""Seconds between two looks at a process's memory."""
COHORT, SEED = "cohort", 3914


# ----------------------------------------------------------------------------------------------------------- volumes
def write_cohort(folder: Path, volumes: int, slices: int, side: int) -> None:
    """Write distinct volumes (int16, gzip) and their masks at the cost of `BASES` volumes and of first slices."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    shape, affine = (side, side, slices), np.diag([-1.0, -1.0, 3.0, 1.0])
    rest, masks = [], []
    for number in range(min(BASES, volumes)):
        image, mask = _drawn(shape, np.random.default_rng(number))
        rest.append(_packed(image[..., 1:]))
        masks.append(nib.Nifti1Image(mask, affine).to_bytes())
    header = nib.Nifti1Image(np.zeros(shape, np.int16), affine).to_bytes()[:352]
    for number in range(volumes):
        first = np.random.default_rng(BASES + number).integers(0, 100, shape[:2]).astype(np.int16)
        # A gzip file may have several members, which are read as one.
        content = _packed(np.frombuffer(header, np.uint8)) + _packed(first) + rest[number % BASES]
        (folder / "images" / f"s{number:05d}.nii.gz").write_bytes(content)
        (folder / "labels" / f"s{number:05d}.nii.gz").write_bytes(_packed(masks[number % BASES]))


def _drawn(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image with noise, and a sphere in it."""
    image = gaussian_filter(rng.normal(size=shape), (8, 8, 2)) * 20_000 + rng.normal(0, 20, shape) + 500
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    mask = sum(axis**2 for axis in axes) < 0.15
    return (image + 200 * mask).clip(0, 4000).astype(np.int16), mask.astype(np.uint8)


def _packed(content: np.ndarray | bytes) -> bytes:
    """One member of a gzip file; arrays in the order of NIfTI files."""
    data = content if isinstance(content, bytes) else content.tobytes(order="F")
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(data) + packer.flush()


# ---------------------------------------------------------------------------------------------------------- commands
def _pretraining(method: PretrainedMethod, stage: str, augmentation: str) -> str:
    return canonical(
        PretrainSettings(
            network=Network(widths=[4, 4]),
            method=method,
            augmentations={stage: AUGMENTATIONS[augmentation]},
            flip=[],
            precision="auto",
            deterministic=False,
            seed=SEED,
        )
    )


def commands(cohort: Path, out: Path, volumes: int, slices: int, side: int) -> Iterator[tuple[str, list[str]]]:
    """Stages and their commands, in the order in which they run."""
    source, grid = NiftiSource(kind="nifti", folder=str(cohort)), Grid(matrix=(side, side), spacing_mm=1)
    test = max(1, volumes // 10)
    split = {"cohort": COHORT, "test": test, "seed": SEED, "drawing": "hash"}
    subjects, listed = f"--subjects {out}/subjects.csv", f"--source {out}/source.json"
    roles, store, native = f"{out}/splits/roles.csv", f"--store {out}/slices/store.json", f"--native {out}/native"
    steps = max(1, (volumes - test) * slices // BATCH)
    budget = {"steps": steps, "batch": BATCH, "schedule": "cosine"}
    regression = RegressionMethod(pretext="regression", training=Training(**budget, augmentation="none"), block=16)
    contrast = GlobalStage(**budget, augmentation="intensity", head=(16, 8))
    contrastive = ContrastiveMethod(pretext="contrastive", global_stage=contrast, local_stage=None)
    given = {"cohort": COHORT, "title": "Cohort", "grid": grid}

    def pretrain(name: str, settings: str) -> list[str]:
        files = [f"--{kind} {out}/{name}.{end}" for kind, end in (("weights", "safetensors"), ("history", "csv"))]
        words = f"{store} --roles {roles} {' '.join(files)} --run {out}/{name}.json --state {out}/{name}.state"
        return ["pretrain", "--settings", settings, *words.split()]

    fetch = FetchSettings(cohort=COHORT, source=source, fingerprint="")
    planned = ["--split", canonical(PlannedSplit(**split, grid=grid, partitions=4))]
    yield "fetch", ["fetch", "--settings", canonical(fetch), *planned, *f"{subjects} {listed}".split()]
    words = f"{subjects} {listed} --roles {roles} --record {out}/splits/source.json"
    yield "split", ["split", "--settings", canonical(SplitSettings(**split)), *words.split()]
    drawn = canonical(DrawSettings(cohort=COHORT, seed=SEED, draw=1, drawing="hash"))
    yield "draw", ["draw", "--settings", drawn, *f"--roles {roles} --order {out}/splits/draw1.csv".split()]
    prepared = canonical(PrepareSettings(source=source, grid=grid))
    yield "prepare", ["prepare", "--settings", prepared, *f"{subjects} {store} {native}".split()]
    words = f"{store} --roles {roles} {native} --csv {out}/quality.csv --markdown {out}/quality.md"
    yield "quality", ["quality", "--settings", canonical(QualitySettings(**given, source=source)), *words.split()]
    sheet = canonical(ContactSheetSettings(**given, figure=ContactSheet()))
    words = f"{store} --quality {out}/quality.csv --png {out}/sheet.png --html {out}/sheet.html"
    yield "contact sheet", ["contact-sheet", "--settings", sheet, *words.split()]
    yield "regression", pretrain("regression", _pretraining(regression, "training", "none"))
    yield "contrastive", pretrain("contrastive", _pretraining(contrastive, "global_stage", "intensity"))


# ------------------------------------------------------------------------------------------------------- measurement
@dataclass
class Measured:
    """Of one command: CPU and wall seconds, and the largest memory of its processes in MB.

    Attributes:
        own: without pages of files (Linux: RssAnon), seen every `EVERY_S` seconds.
        resident: with pages of files, such as libraries and memory maps (Linux: VmHWM).
    """

    cpu: float
    wall: float
    own: float
    resident: float


def measured(command: Sequence[str]) -> Measured:
    """Run a command of `fewlabel` and look at its memory until it ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    code = "import sys; from fewlabel.cli.main import main; sys.argv[0] = 'fewlabel'; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    largest = {"RssAnon": 0, "VmHWM": 0}
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(process.pid, largest, ended))
    looking.start()
    assert process.stderr is not None
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    looking.join()
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {messages.decode()[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(cpu, time.perf_counter() - start, largest["RssAnon"] / 1024, largest["VmHWM"] / 1024)


def _look(pid: int, largest: dict[str, int], ended: threading.Event) -> None:
    # Not `ru_maxrss`: it begins with the memory of the process that started the command.
    while not ended.wait(EVERY_S):
        try:
            memory = _memory(pid)
        except OSError:
            return
        for name, kilobytes in memory.items():
            largest[name] = max(largest[name], kilobytes)


def _memory(pid: int) -> dict[str, int]:
    """Memory of a process in KB, by its name in /proc; empty once the process has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(size) for name, size in re.findall(r"^(RssAnon|VmHWM):\s+(\d+) kB$", status, re.MULTILINE)}


def grown(volumes: int, slices: int = SLICES, side: int = SIDE) -> dict[str, Measured]:
    """All stages of a cohort of so many volumes; its files are removed at the end."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        cohort, out = Path(name, "volumes"), Path(name, "out")
        write_cohort(cohort, volumes, slices, side)
        for stage, command in commands(cohort, out, volumes, slices, side):
            found[stage] = one = measured(command)
            print(
                f"  {volumes} volumes, {stage}: {one.cpu:.1f} s of CPU time, {one.wall:.1f} s, {one.own:.0f} MB, with "
                f"pages of files {one.resident:.0f} MB",
                flush=True,
            )
    return found


def streamed(volumes: int, slices: int, side: int) -> Row:
    """Read all slices of a store in random batches, as an epoch of pretraining does, without training."""
    shape = (volumes * slices, side, side)
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        path = Path(name, "images.npy")
        with path.open("wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            # A hole: zeros that take no space on the disk.
            file.truncate(file.tell() + 2 * int(np.prod(shape)))
        images = np.load(path, mmap_mode="r")
        store = Store(images, np.zeros(0, np.uint8), pd.DataFrame(), pd.DataFrame())
        read, rows = Slices(store, torch.device("cpu")), np.random.default_rng(SEED).permutation(len(images))
        clock = Clock()
        for start in range(0, len(rows), BATCH):
            read.images(rows[start : start + BATCH])
        seconds, memory = clock.seconds(), _memory(os.getpid())
    return {
        "volumes": volumes,
        "images (GB)": significant(images.nbytes / 1e9),
        "CPU ms a slice": significant(1000 * seconds["cpu"] / len(rows)),
        "memory without pages of files (MB)": round(memory["RssAnon"] / 1024),
        "largest resident memory (MB)": round(memory["VmHWM"] / 1024),
    }


def tables(found: dict[int, dict[str, Measured]], slices: int) -> dict[str, list[Row]]:
    """Time and memory of each stage by the number of volumes."""
    stages = list(next(iter(found.values())))

    def rows(value: Callable[[int, Measured], float]) -> list[Row]:
        return [
            {"volumes": volumes, **{stage: value(volumes, by_stage[stage]) for stage in stages}}
            for volumes, by_stage in found.items()
        ]

    return {
        "CPU ms a slice, with the start of the command": rows(
            lambda volumes, one: significant(1000 * one.cpu / (volumes * slices))
        ),
        **({"CPU ms a further slice": further(found, slices)} if len(found) > 1 else {}),
        "CPU seconds": rows(lambda volumes, one: significant(one.cpu)),
        "Largest memory without pages of files (MB)": rows(lambda _, one: round(one.own)),
        "Largest resident memory (MB)": rows(lambda _, one: round(one.resident)),
    }


def further(found: Mapping[int, Mapping[str, Measured]], slices: int) -> list[Row]:
    """CPU time of the slices that a cohort has more than the next smaller one: flat where work grows with slices."""
    return [
        {
            "volumes": f"{fewer} to {more}",
            **{
                stage: significant(1000 * (one.cpu - found[fewer][stage].cpu) / ((more - fewer) * slices))
                for stage, one in found[more].items()
            },
        }
        for fewer, more in pairwise(found)
    ]


def missing() -> str | None:
    """Why it cannot run here."""
    return None if Path("/proc/self/status").exists() else "memory is read from /proc, which only Linux has"


def measure(quick: bool) -> Section:
    full = bool(os.environ.get("FULL"))
    sizes = (4, 8) if quick else (*SIZES, *([FULL] if full else []))
    slices, side = (4, 32) if quick else (SLICES, FULL_SIDE if full else SIDE)
    found = {volumes: grown(volumes, slices, side) for volumes in sizes}
    text = (
        f"Volumes of {slices} x {side} x {side} voxels (NIfTI, int16, gzip), all labelled, a tenth tested. Each "
        "stage is the command that the workflow runs, in a process with one thread. Pretrainings take one epoch with a "
        f"network of widths 4-4 and batches of {BATCH}, so that reading slices counts."
    )
    text += (
        " The last table is of reading alone: all slices of a store in random batches, with the images in a file "
        "of zeros (a hole). Memory without pages of files is what a process needs; resident memory includes them."
    )
    stores = [apart(streamed, volumes, slices, 32 if quick else FULL_SIDE) for volumes in ((8,) if quick else STORES)]
    return Section(text, {**tables(found, slices), "Reads of an epoch": stores}, ["numpy", "nibabel"])


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]):
        grown(size, side=FULL_SIDE if os.environ.get("FULL") else SIDE)
