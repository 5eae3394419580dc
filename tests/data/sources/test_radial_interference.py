"""Masks of the interference: where they reach the images, what is refused before anything is reconstructed."""

import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError

from fewlabel.config.sources.radial import RadialImages, RadialSource
from fewlabel.data.reconstruction.destreaking.reconstruct import reconstruct
from fewlabel.data.reconstruction.radial.acquisition import Acquisition
from fewlabel.data.reconstruction.radial.trajectory import golden_angle
from fewlabel.data.reconstruction.raw_data.file import examine_radial
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.data.subjects.subject import ListingError
from fewlabel.utils.errors import InputError

h5py = pytest.importorskip("h5py", reason="the extra `radial` is not installed")

AFFINE = np.diag([-2.0, -2, 5, 1])
SIDE = 6
"""Rows, columns and slices alike, so that shapes tell nothing of the order of axes."""
SEEN = ([0, 0, 1, 5, 4], [1, 2, 2, 0, 3], [5, 4, 4, 1, 2])
"""Rows, columns and slices of pixels; no order of axes but one finds them."""


def source(**changes):
    return RadialSource(kind="radial", folder="scans", **{"interference": "streaks", **changes})


def normal(seed, shape):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def drawn(side=SIDE, slices=SIDE):
    mask = np.zeros((side, side, slices), np.uint8)
    mask[SEEN] = 1
    return mask


def save(scans, name, array, affine=AFFINE, folder="streaks"):
    (scans / folder).mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), scans / folder / f"{name}.nii.gz")


def write_kspace(path, matrix=16):
    line = golden_angle(24, 16, np.array([10.0, 20]))
    kspace = normal(2, (SIDE, 4, *line.points.shape[:2]))
    with h5py.File(path, "w") as file:
        for key, value in (("kspace", kspace), ("trajectory", line.points), ("matrix", matrix), ("echo", line.echo),
                           ("echo_times", line.echo_times), ("affine", AFFINE)):  # fmt: skip
            file[key] = value
    return Acquisition(kspace, line, matrix)


@pytest.fixture
def scans(data):
    """Coil images of one labelled subject."""
    folder = data / "scans"
    (folder / "images").mkdir(parents=True)
    np.save(folder / "images" / "a.npy", normal(0, (SIDE, SIDE, SIDE, 8)))
    save(folder, "a", np.ones((SIDE, SIDE, SIDE), np.uint8), folder="labels")
    return folder


@pytest.fixture
def nothing_is_reconstructed(monkeypatch):
    def refuse(*_):
        raise AssertionError("reconstructed")

    monkeypatch.setattr("fewlabel.data.reconstruction.destreaking.reconstruct.reconstruct", refuse)
    monkeypatch.setattr("fewlabel.data.reconstruction.destreaking.destreaking_filter.from_images", refuse)


def test_streaks_go_that_are_seen_where_the_mask_says(scans):
    images, direction = normal(0, (SIDE, SIDE, SIDE, 8)), normal(1, 8)
    images[SEEN] = 30 * direction * np.arange(1, 6)[:, None]
    np.save(scans / "images" / "a.npy", images)
    save(scans, "a", drawn())
    (one,) = registry.list_subjects(source())
    assert registry.check(source(), [one]) == []
    found = registry.read_volume(source(), one).image
    unit = direction / np.linalg.norm(direction)
    truth = np.linalg.norm(images - (images @ unit.conj())[..., None] * unit, axis=-1)
    assert np.allclose(found, truth, atol=1e-3) and found[SEEN].max() < 1e-3 < found[drawn() == 0].min()


def test_of_kspace_the_mask_reaches_the_reconstruction(scans):
    acquisition = write_kspace(scans / "images" / "b.h5")
    region = np.zeros((SIDE, 16, 16), dtype=bool)
    for row, column, number in zip(*SEEN, strict=True):
        region[number, row, column] = True
    for name, side in (("a", SIDE), ("b", 16)):
        save(scans, name, drawn(side))
    mine = source(destreak={"method": "remove_coils", "threshold": 1.01})
    subjects = registry.list_subjects(mine)
    assert registry.check(mine, subjects) == []
    images = RadialImages(destreak=mine.destreak)
    truth, automatic = (np.moveaxis(reconstruct(acquisition, images, each), 0, -1) for each in (region, None))
    found = registry.read_volume(mine, subjects[1]).image
    assert np.array_equal(found, truth) and not np.allclose(found, automatic)


@pytest.mark.usefixtures("nothing_is_reconstructed")
def test_all_that_is_wrong_with_masks_is_told_before_anything_is_reconstructed(scans):
    good, moved = drawn(), AFFINE.copy()
    moved[0, 3] = 2
    broken = good.astype(np.float32)
    broken[3, 3, 3] = np.nan
    for name in "bcdefghij":
        np.save(scans / "images" / f"{name}.npy", normal(3, (SIDE, SIDE, SIDE, 8)))
        save(scans, name, good, folder="labels")
    save(scans, "b", good[:, :, :5])
    save(scans, "c", good, moved)
    save(scans, "d", 0 * good)
    save(scans, "e", 0 * good + 1)
    save(scans, "f", 2 * good)
    save(scans, "g", broken)
    (scans / "streaks" / "h.nii.gz").write_bytes(b"no NIfTI")
    save(scans, "i", good)
    (scans / "labels" / "i.nii.gz").unlink()  # so that the settings' sizes, 1 mm, tell where its image lies
    (scans / "labels" / "j.nii.gz").write_bytes(b"no NIfTI")  # it is not known where the image lies
    save(scans, "j", good)
    expected = {
        "a": "no such file; accepted: a mask for each image in images/",
        "b": "shape (6, 6, 5), but images/b.npy (position from its label) has (6, 6, 6)",
        "c": "its affine places it up to 2 mm from images/c.npy (position from its label)",
        "d": "0 everywhere; accepted: 1 in regions with streaks and 0 elsewhere",
        "e": "1 everywhere; accepted: 1 in regions with streaks and 0 elsewhere",
        "f": "values 2; accepted: 1 in regions with streaks and 0 elsewhere",
        "g": "values nan; accepted: 1 in regions with streaks and 0 elsewhere",
        "h": "truncated or not a NIfTI file",
        "i": "its affine places it up to ",
    }
    subjects = registry.list_subjects(source())
    problems = registry.check(source(), subjects)
    assert [line[:10] for line in problems] == [*(f"streaks/{name}." for name in expected), "labels/j.n"]
    for (name, reported), line in zip(expected.items(), problems, strict=False):
        assert line.startswith(f"streaks/{name}.nii.gz: {reported}")
    assert "images/i.npy (position from pixel_mm and slice_mm)" in problems[8]
    for one, line in zip(subjects[:1] + subjects[3:8], problems[:1] + problems[3:8], strict=True):
        with pytest.raises(InputError) as told_again:
            registry.read_volume(source(), one)
        assert str(told_again.value) == line


def test_a_mask_that_no_longer_fits_is_told_where_its_volume_is_read(scans):
    save(scans, "a", drawn(7))
    with pytest.raises(InputError, match=r"images/a.npy: shape \(6, 6, 6\), but its interference mask has \(7, 7, 6\)"):
        registry.read_volume(source(), registry.list_subjects(source())[0])


def test_masks_of_no_subject_and_two_of_one_are_told(scans):
    save(scans, "a", drawn())
    save(scans, "z", drawn())
    nib.save(nib.Nifti1Image(drawn(), AFFINE), scans / "streaks" / "a.nii")
    with pytest.raises(ListingError) as reported:
        registry.list_subjects(source())
    assert reported.value.problems == [
        "streaks/: no image of the same name in images/ for z; to fix: rename or remove them",
        "duplicate subject a: streaks/a.nii, streaks/a.nii.gz; to fix: keep one of them",
    ]
    assert len(registry.list_subjects(source(interference=None))) == 1


@pytest.mark.usefixtures("nothing_is_reconstructed")
def test_finished_volumes_and_excluded_subjects_need_no_mask(scans, data):
    (data / "further").mkdir()
    nib.save(nib.Nifti1Image(np.abs(normal(4, (9, 9, 9))), AFFINE), data / "further" / "c.nii.gz")
    np.save(scans / "images" / "b.npy", normal(3, (SIDE, SIDE, SIDE, 8)))
    (scans / "subjects.tsv").write_text("subject\tuse\nb\texclude\n")
    save(scans, "a", drawn())
    mine = source(unlabelled="further")
    subjects = registry.list_subjects(mine)
    assert [one.subject for one in subjects] == ["a", "c"]
    assert registry.check(mine, subjects) == []
    assert registry.read_volume(mine, subjects[1]).image.shape == (9, 9, 9)


def test_with_a_mask_nothing_beyond_the_view_is_needed(scans):
    write_kspace(scans / "images" / "b.h5", matrix=24)
    reported = "or `interference` masks, or method remove_coils or none"
    for mine, count in ((source(interference=None), 1), (source(), 0)):
        _, problems = examine_radial(scans / "images" / "b.h5", "b.h5", mine)
        assert len(problems) == count and all(reported in line for line in problems)


def test_a_changed_mask_changes_the_fingerprint_where_masks_are_used(scans):
    save(scans, "a", drawn())
    used, unused = fingerprint(source()), fingerprint(source(interference=None))
    save(scans, "a", np.roll(drawn(), 1))
    assert fingerprint(source()) != used
    assert fingerprint(source(interference=None)) == unused != used


@pytest.mark.parametrize("folder", ["images", "./labels", "/elsewhere", "../streaks", "."])
def test_only_a_folder_of_its_own_beneath_the_cohort_is_accepted(folder):
    with pytest.raises(ValidationError, match="accepted: a folder of its own below the cohort's"):
        source(interference=folder)


def test_masks_are_of_no_use_where_nothing_is_removed():
    with pytest.raises(ValidationError, match="interference is for method remove_coils, cactus or bstar"):
        source(destreak={"method": "none"})
    assert "interference" not in source(interference=None).model_dump(mode="json")
