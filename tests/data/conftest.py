"""Tiny cohorts on disk, in the layouts that sources read."""

import json
import os
import tarfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

AFFINE = np.array([[-0.8, 0.02, 0.1, 40.0], [0.02, -0.8, 0.05, 50.0], [0.03, 0.1, 3.0, -20.0], [0, 0, 0, 1]])


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def random_image(seed, shape=(7, 6, 5)):
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def random_label(seed, shape=(7, 6, 5), values=(0, 1, 2)):
    label = np.random.default_rng(1000 + seed).choice(values, shape).astype(np.uint8)
    label.flat[: len(values)] = values
    return label


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The data root: an empty folder that FEWLABEL_DATA names."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("FEWLABEL_DATA", str(root))
    return root


@pytest.fixture
def mine(data):
    """A cohort `mine` of subjects a, b and c with labels 0, 1, 2 and a subject d without label."""
    for seed, name in enumerate("abcd"):
        save(data / "mine" / "images" / f"{name}.nii.gz", random_image(seed))
        if name != "d":
            save(data / "mine" / "labels" / f"{name}.nii.gz", random_label(seed))
    return data / "mine"


@pytest.fixture
def write():
    """Write an array as NIfTI."""
    return save


@pytest.fixture
def make_task():
    """Write a Decathlon task in its published layout: 4D images of two modalities, labels, an image without label."""

    def make(folder, volumes=None):
        if volumes is None:
            volumes = {}
            for number in (0, 2, 10):
                image = np.stack([random_image(number), random_image(100 + number)], axis=-1)
                volumes[f"prostate_{number:02}"] = (image, random_label(number), AFFINE)
            volumes["prostate_03"] = (np.stack([random_image(3), random_image(103)], axis=-1), None, AFFINE)
        training, test = [], []
        for name, (image, label, affine) in volumes.items():
            part = "imagesTs" if label is None else "imagesTr"
            save(folder / part / f"{name}.nii.gz", image, affine)
            (folder / part / f"._{name}.nii.gz").write_bytes(b"\x00\x05\x16\x07")
            if label is None:
                test.append(f"./imagesTs/{name}.nii.gz")
            else:
                save(folder / "labelsTr" / f"{name}.nii.gz", label, affine)
                (folder / "labelsTr" / f"._{name}.nii.gz").write_bytes(b"\x00\x05\x16\x07")
                training.append({"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"})
        listing = {
            "name": "PROSTATE",
            "tensorImageSize": "4D",
            "modality": {"0": "T2", "1": "ADC"},
            "labels": {"0": "background", "1": "PZ", "2": "TZ"},
            "numTraining": len(training),
            "numTest": len(test),
            "training": training,
            "test": test,
        }
        (folder / "dataset.json").write_text(json.dumps(listing))
        return folder

    return make


@pytest.fixture
def pack():
    """Pack a folder as a tar with that folder at its top, as the Decathlon is published."""

    def make(folder, archive):
        with tarfile.open(archive, "w") as tar:
            tar.addfile(tarfile.TarInfo(f"._{folder.name}"))
            tar.add(folder, arcname=folder.name)
        return archive

    return make


@pytest.fixture
def real_data(monkeypatch):
    """The folder of real volumes that FEWLABEL_TEST_DATA names, as the data root."""
    folder = os.environ.get("FEWLABEL_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real volumes are tested where FEWLABEL_TEST_DATA names their folder")
    monkeypatch.setenv("FEWLABEL_DATA", folder)

    def cohort(name):
        if not (Path(folder) / name).is_dir():
            pytest.skip(f"no {name} in FEWLABEL_TEST_DATA")
        return Path(folder) / name

    return cohort
