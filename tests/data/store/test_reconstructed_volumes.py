"""Volumes that long work makes are made once, also where `prepare` is cut off."""

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import PrepareSettings
from fewlabel.config.sources.radial import RadialSource
from fewlabel.data.preprocessing.volume import read_nifti
from fewlabel.data.sources import registry
from fewlabel.data.sources.radial_files import reading as radial_reading
from fewlabel.data.store.prepared_subjects import FOLDER, MADE_OF, prepared_folder, read_cached_volume
from helpers.missing_packages import needs_radial

pytestmark = needs_radial

AFFINE = np.diag([-4.0, -4, 8, 1])
SOURCE = RadialSource(kind="radial", folder="scans")


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """Coil images of three subjects, the last without a mask."""
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    folder = tmp_path / "scans"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in "abc":
        coils = rng.normal(size=(16, 16, 3, 4)) + 1j * rng.normal(size=(16, 16, 3, 4))
        np.save(folder / "images" / f"{name}.npy", coils.astype(np.complex64))
        if name != "c":
            mask = (rng.random((16, 16, 3)) > 0.5).astype(np.uint8)
            nib.save(nib.Nifti1Image(mask, AFFINE), folder / "labels" / f"{name}.nii.gz")
    return folder


@pytest.fixture
def computed(monkeypatch):
    """Names of the files that are reconstructed, as they are."""
    names, real = [], radial_reading.load_radial

    def load(path, *others):
        names.append(path.stem)
        return real(path, *others)

    monkeypatch.setattr(radial_reading, "load_radial", load)
    return names


def prepare(folder):
    settings = canonical(PrepareSettings(source=SOURCE, grid=Grid(matrix=(16, 16), spacing_mm=4)))
    (folder.parent / "subjects.csv").write_text("subject,patient,labelled,use\na,a,1,auto\nb,b,1,auto\nc,c,0,auto\n")
    places = {"subjects": folder.parent / "subjects.csv", "store": folder / "slices/store.json", "native": folder / "n"}
    words = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    return CliRunner().invoke(app, ["prepare", "--settings", settings, *words])


def test_after_a_failure_no_volume_is_computed_again(scans, computed, tmp_path):
    good = (scans / "images" / "c.npy").read_bytes()
    (scans / "images" / "c.npy").write_bytes(good[:-9])
    assert "images/c.npy: cannot be read" in str(prepare(tmp_path / "results").exception)
    assert computed == ["a", "b", "c"]
    (scans / "images" / "c.npy").write_bytes(good)
    assert prepare(tmp_path / "results").exit_code == 0
    assert computed == ["a", "b", "c", "c"]
    for one in registry.list_subjects(SOURCE):
        image, affine = read_nifti(tmp_path / "results" / "n" / "images" / f"{one.subject}.nii.gz")
        truth = registry.read_volume(SOURCE, one)
        assert np.array_equal(image, truth.image) and np.array_equal(affine, truth.affine)
    assert not prepared_folder(tmp_path / "results" / "slices").exists()


def test_what_is_kept_is_the_volume_with_and_without_a_mask(scans, tmp_path):
    for one in registry.list_subjects(SOURCE):
        first, again, truth = (
            *(read_cached_volume(SOURCE, tmp_path, one) for _ in "12"),
            registry.read_volume(SOURCE, one),
        )
        for found in (first, again):
            assert np.array_equal(found.image, truth.image) and np.array_equal(found.affine, truth.affine)
            assert (found.mask is None) == (one.subject == "c") and np.array_equal(found.mask, truth.mask)


@pytest.mark.parametrize("change", ["image", "label", "settings", "image.npy", "mask.npy", MADE_OF, "gone"])
def test_what_was_computed_from_something_else_or_is_damaged_is_computed_again(scans, computed, tmp_path, change):
    one, source = registry.list_subjects(SOURCE)[0], SOURCE
    read_cached_volume(source, tmp_path, one)
    kept = tmp_path / FOLDER / "a"
    if change == "image":
        np.save(one.image, 2 * np.load(one.image))
    elif change == "label":
        nib.save(nib.Nifti1Image(np.ones((16, 16, 3), np.uint8), AFFINE), one.label)
    elif change == "settings":
        source = SOURCE.model_copy(update={"slice_mm": 3.0})
    elif change == "gone":
        (kept / "image.npy").unlink()
    else:
        (kept / change).write_bytes((kept / change).read_bytes()[:-3])
    volume = read_cached_volume(source, tmp_path, one)
    assert computed == ["a", "a"]
    assert np.array_equal(volume.image, registry.read_volume(source, one).image)


def test_another_mask_of_the_interference_makes_the_volume_again(scans, computed, tmp_path):
    source = SOURCE.model_copy(update={"interference": "streaks"})
    (scans / "streaks").mkdir()
    for row in (0, 0, 5):
        mask = np.zeros((16, 16, 3), np.uint8)
        mask[row, :4] = 1
        nib.save(nib.Nifti1Image(mask, AFFINE), scans / "streaks" / "a.nii.gz")
        read_cached_volume(source, tmp_path, registry.list_subjects(source)[0])
    assert computed == ["a", "a"]
