"""Measure making, checking, packing and scoring of volumes, with the functions of the jobs."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fewlabel.config.cohort import Grid
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms import source as phantom
from fewlabel.data.preprocessing.volume import read_nifti, save_nifti
from fewlabel.data.preprocessing.working_grid import Frame
from fewlabel.data.sources import registry
from fewlabel.data.store.slice_store import pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.inference.evaluate import score
from fewlabel.operations.planning.calibration.calibration import VolumeWork

ABDOMEN = PhantomSource(kind="phantom", anatomy="abdomen", labelled=1, pixel_mm=2.0, slice_mm=8)
PELVIS = PhantomSource(kind="phantom", anatomy="pelvis", labelled=1, pixel_mm=1.0, slice_mm=4)
GRID = Grid(matrix=(128, 128), spacing_mm=3)


def measure_volumes() -> dict[VolumeWork, float]:
    """CPU seconds of each work for a million native voxels; the faster of two runs counts."""
    subject = phantom.list_subjects(ABDOMEN)[0]
    volume, pelvis = phantom.read_volume(ABDOMEN, subject), phantom.list_subjects(PELVIS)[0]
    assert volume.mask is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, label = folder / "image.nii.gz", folder / "label.nii.gz"
        save_nifti(image, volume.image, volume.affine)
        save_nifti(label, volume.mask, volume.affine)
        listed = Subject(subject.subject, subject.patient, labelled=True, image=image, label=label)
        source = NiftiSource(kind="nifti", folder=name)
        works: dict[VolumeWork, Callable[[], object]] = {
            "make abdomen": lambda: phantom.read_volume(ABDOMEN, subject),
            "check": lambda: registry.check(source, [listed]),
            "pack": lambda: pack([subject], lambda _: volume, GRID, folder / "slices", folder / "native"),
            "score": lambda: _score(label, folder),
        }
        voxels = volume.image.size
        seconds = {work: _own_seconds(do) / voxels * 1e6 for work, do in works.items()}
    pelvis_voxels = phantom.read_volume(PELVIS, pelvis).image.size
    seconds["make pelvis"] = _own_seconds(lambda: phantom.read_volume(PELVIS, pelvis)) / pelvis_voxels * 1e6
    return seconds


def _score(truth: Path, folder: Path) -> None:
    """Shift the true mask by a pixel as prediction; resample, save, read and score it."""
    mask, affine = read_nifti(truth)
    frame = Frame.of(mask.shape, affine, GRID)
    probability = np.roll(frame.mask_slices(mask.astype(np.uint8)), 1, axis=1).astype(np.float32)
    predicted = frame.native_mask(probability)
    save_nifti(folder / "predicted.nii.gz", predicted, affine)
    score(predicted, read_nifti(truth)[0].astype(np.uint8), np.linalg.norm(affine[:3, :3], axis=0))


def _own_seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        before = time.process_time()
        work()
        return time.process_time() - before

    return min(once(), once())
