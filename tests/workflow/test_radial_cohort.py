"""A cohort of radial k-space, from files as a scanner leaves them to scores and pages."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.config.sources.radial import RadialImages
from fewlabel.data.phantoms.signal import Tissue
from fewlabel.data.phantoms.source import list_subjects, read_acquisition
from fewlabel.data.preprocessing.volume import read_nifti
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct

h5py = pytest.importorskip("h5py", reason="the extra `radial` is not installed")

MADE = PhantomSource(
    kind="phantom", anatomy="abdomen", labelled=4, pixel_mm=10, slice_mm=20,
    radial={"spokes": 16, "coils": 8, "echoes": 2},
)  # fmt: skip
AFFINE = np.diag([-10.0, -10, 20, 1])
COHORT = {
    "cohorts": {
        "liver_phantom": None,
        "prostate_phantom": None,
        "scans": {
            "title": "Liver (radial)",
            "source": {"kind": "radial", "folder": "scans", "labels": [2]},
            "grid": {"matrix": [24, 24], "spacing_mm": 16},
            "test": 2,
        },
    },
    "methods": {"contrastive": None, "supervised": None},
    "labels": [1],
    "draws": 1,
}


def write_cohort(folder: Path) -> dict[str, np.ndarray]:
    """k-space and masks (2: liver) of four subjects; their composite images, de-streaked by the default."""
    images = {}
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for subject in list_subjects(MADE):
        acquisition, tissues = read_acquisition(MADE, subject)
        line = acquisition.trajectory
        with h5py.File(folder / "images" / f"{subject.subject}.h5", "w") as file:
            file["kspace"], file["trajectory"], file["matrix"] = acquisition.kspace, line.points, acquisition.matrix
            file["echo"], file["echo_times"], file["affine"] = line.echo, line.echo_times, AFFINE
        mask = 2 * (np.moveaxis(tissues, 0, -1) == Tissue.LIVER).astype(np.uint8)
        nib.save(nib.Nifti1Image(mask, AFFINE), folder / "labels" / f"{subject.subject}.nii.gz")
        images[subject.subject] = np.moveaxis(reconstruct(acquisition, RadialImages()), 0, -1)
    return images


def test_a_cohort_of_radial_kspace_runs_from_its_files_to_scores_and_pages(fresh):
    data = fresh.folder / "data" / "scans"
    images, env = write_cohort(data), {"FEWLABEL_DATA": str(fresh.folder / "data")}
    pages = [f"results/tiny/{name}" for name in ("tables/quality_scans.html", "explorer.html")]
    process = fresh.run("--", *pages, change=COHORT, env=env)
    assert process.returncode == 0, process.stdout + process.stderr
    scores = pd.read_csv(fresh.results / "scores.csv")
    assert set(scores["cohort"]) == {"scans"} and set(scores["method"]) == {"scratch", "regression"}
    for name, image in images.items():
        kept, affine = read_nifti(fresh.results / "scans" / "native" / "images" / f"{name}.nii.gz")
        assert np.allclose(affine, AFFINE) and np.allclose(kept, image, rtol=1e-5, atol=1e-5 * image.max())
    quality = pd.read_csv(fresh.results / "tables" / "quality_scans.csv")
    assert quality["orientation"].tolist() == ["LPS"] * 4 and (quality["target_ml"] > 0).all()
    assert all((fresh.folder / page).is_file() for page in pages)
