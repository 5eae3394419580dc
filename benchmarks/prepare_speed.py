"""How long `fewlabel prepare` takes for prostate volumes of 320 x 320 x 20 voxels, without and with N4, and its memory.

Usage: nice python benchmarks/prepare_speed.py [volumes] [threads]

One pelvis phantom of the Decathlon's size is made, shaded, and written so many times with other noise (int16, gzipped).
CPU time is that of all processes: it says what a machine of one's own would take where this one is shared.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage.transform import resize

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import PrepareSettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.source import list_subjects, read_volume
from fewlabel.data.preprocessing.volume import save_nifti

SHAPE, SPACING = (320, 320, 20), (0.6, 0.6, 3.6)
GRID = Grid(matrix=(192, 192), spacing_mm=0.625)
NOISE = 0.03


def write_cohort(folder: Path, count: int) -> list[str]:
    """Write so many shaded volumes with their masks; the names of the subjects."""
    phantom = PhantomSource(kind="phantom", anatomy="pelvis", labelled=1, pixel_mm=1.0, slice_mm=4.0)
    volume = read_volume(phantom, list_subjects(phantom)[0])
    image = resize(volume.image, SHAPE, order=1, preserve_range=True)
    mask = resize(volume.mask.astype(np.float32), SHAPE, order=1) >= 0.5
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in SHAPE], indexing="ij")
    shading = np.exp(0.5 * axes[1] + 0.3 * axes[0] ** 2 - 0.1 * axes[2])
    scale = 1000 / np.percentile(image, 99)
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    names = [f"prostate_{number:02d}" for number in range(count)]
    for number, name in enumerate(names):
        noisy = image * scale * shading * np.random.default_rng(number).normal(1, NOISE, SHAPE)
        save_nifti(folder / "images" / f"{name}.nii.gz", noisy.astype(np.int16), affine)
        save_nifti(folder / "labels" / f"{name}.nii.gz", mask.astype(np.uint8), affine)
    return names


def prepare(folder: Path, bias: BiasCorrection | None, threads: int) -> str:
    """Run the command; wall and CPU time, and the memory of its largest process."""
    settings = PrepareSettings(source=NiftiSource(kind="nifti", folder=str(folder)), grid=GRID, bias_correction=bias)
    command = ["fewlabel", "prepare", "--settings", canonical(settings), "--subjects", folder / "subjects.txt"]
    command += ["--store", folder / "slices" / "store.json", "--native", folder / "native", "--threads", str(threads)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([str(word) for word in command], check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{wall:.0f} s, {cpu:.0f} s of CPU time, largest process so far {after.ru_maxrss / 1024:.0f} MB"


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    count, threads = [*given, 48, 2][:2] if len(given) != 1 else (given[0], 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = write_cohort(folder, count)
        rows = ["subject,patient,labelled,use", *(f"{one},{one},1,auto" for one in names)]
        (folder / "subjects.txt").write_text("\n".join(rows) + "\n")
        for what, bias in (("without N4", None), ("with N4", BiasCorrection())):
            times = prepare(folder, bias, threads)
            load = os.getloadavg()[0]
            print(f"{count} volumes on {threads} workers, {what}: {times}; load at the end {load:.1f}", flush=True)


if __name__ == "__main__":
    main()
