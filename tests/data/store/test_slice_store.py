import json
import os
import shutil
import subprocess
from functools import partial

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fewlabel.config.cohort import Grid
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.data.sources import registry
from fewlabel.data.store.slice_store import VERIFIED, open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import sha256
from fewlabel.utils.errors import InputError

GRID = Grid(matrix=(16, 24), spacing_mm=2)
SUBJECTS = [Subject("a", "p1", True), Subject("b", "p1", False), Subject("c", "p2", True)]


def read(subject):
    rng = np.random.default_rng(ord(subject.subject))
    shape = {"a": (20, 18, 5), "b": (24, 16, 3), "c": (30, 30, 4)}[subject.subject]
    image = rng.random(shape).astype(np.float32)
    mask = (image > 0.7).astype(np.uint8) if subject.labelled else None
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    affine[:3, 3] = [10, 20, 30]
    return Volume(image, affine, mask)


@pytest.fixture(params=[1, 2])
def store(tmp_path, request):
    pack(SUBJECTS, read, GRID, tmp_path / "slices", tmp_path / "native", workers=request.param)
    return tmp_path


def test_a_store_holds_the_preprocessed_slices_of_each_subject(store):
    opened = open_store(store / "slices" / "store.json")
    assert opened.images.shape == opened.masks.shape == (12, 16, 24)
    for subject in SUBJECTS:
        images, masks, _ = preprocess(read(subject), GRID)
        rows = opened.rows([subject.subject])
        assert np.allclose(opened.images[rows], images, atol=2e-3)
        assert np.array_equal(opened.masks[rows], masks if masks is not None else np.zeros_like(opened.masks[rows]))


def test_the_index_says_where_each_slice_lies_and_what_it_holds(store):
    opened = open_store(store / "slices" / "store.json")
    index = opened.index
    assert index["subject"].tolist() == ["a"] * 5 + ["b"] * 3 + ["c"] * 4
    assert index.loc[index["subject"] == "c", "position"].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert np.array_equal(index["target_px"], opened.masks.sum(axis=(1, 2)))
    assert index.groupby("subject")["labelled"].first().to_dict() == {"a": 1, "b": 0, "c": 1}


def test_arrays_are_memory_mapped(store):
    opened = open_store(store / "slices" / "store.json")
    assert isinstance(opened.images, np.memmap) and isinstance(opened.masks, np.memmap)


def test_a_subjects_frame_leads_back_to_its_native_grid(store):
    opened = open_store(store / "slices" / "store.json")
    frame, affine = opened.frame("c", GRID)
    assert np.array_equal(affine, read(SUBJECTS[2]).affine)
    assert frame.native_mask(opened.masks[opened.rows(["c"])].astype(np.float32)).shape == (30, 30, 4)


def test_native_truth_is_kept_for_labelled_subjects_and_images_for_those_without_files(store):
    truth = nib.load(store / "native" / "labels" / "a.nii.gz")
    assert np.array_equal(truth.get_fdata(), read(SUBJECTS[0]).mask)
    assert np.array_equal(truth.affine, read(SUBJECTS[0]).affine)
    assert sorted(path.name for path in (store / "native" / "labels").iterdir()) == ["a.nii.gz", "c.nii.gz"]
    assert len(list((store / "native" / "images").iterdir())) == 3
    command = ["sha256sum", "--check", "SHA256SUMS"]
    sums = subprocess.run(command, cwd=store / "native", capture_output=True, text=True, check=True)
    assert sums.stdout.count(": OK") == 5


def test_the_manifest_carries_the_hash_of_every_file(store):
    facts = json.loads((store / "slices" / "store.json").read_text())
    assert facts["sha256"] == {name: sha256(store / "slices" / name) for name in facts["sha256"]}
    assert len(facts["sha256"]) == 4


def test_nothing_temporary_is_left(store):
    assert sorted(path.name for path in (store / "slices").iterdir()) == [
        ".verified.json",
        "images.npy",
        "index.csv",
        "masks.npy",
        "store.json",
        "subjects.csv",
    ]


def test_the_number_of_workers_does_not_change_the_store(tmp_path):
    for workers in (1, 2):
        pack(SUBJECTS, read, GRID, tmp_path / str(workers), tmp_path / "native", workers)
    assert (tmp_path / "1" / "store.json").read_text() == (tmp_path / "2" / "store.json").read_text()


def test_a_volume_without_contrast_is_named_and_leaves_no_store(tmp_path):
    def constant(subject):
        return Volume(np.zeros((4, 4, 4), np.float32), np.eye(4))

    with pytest.raises(InputError, match="a: no contrast: percentiles"):
        pack(SUBJECTS[:1], constant, GRID, tmp_path / "slices", tmp_path / "native")
    assert not (tmp_path / "slices").exists() and not (tmp_path / "native").exists()
    assert not list(tmp_path.iterdir())


def test_subjects_may_be_called_na_or_007(tmp_path):
    names = ["NA", "null", "007"]
    pack(
        [Subject(name, name, True) for name in names], lambda _: read(SUBJECTS[0]), GRID, tmp_path / "s", tmp_path / "n"
    )
    store = open_store(tmp_path / "s" / "store.json")
    assert store.subjects["subject"].tolist() == names
    assert all(len(store.rows([name])) == 5 for name in names)


def test_a_single_extreme_voxel_does_not_become_infinite(tmp_path):
    def spiked(_):
        image = np.zeros((10, 10, 3), np.float32)
        image[:, :5] = 1e-4
        image[0, 0, 0] = 500
        return Volume(image, np.diag([2.0, 2, 5, 1]))

    pack([SUBJECTS[1]], spiked, GRID, tmp_path / "s", tmp_path / "n")
    assert np.isfinite(open_store(tmp_path / "s" / "store.json").images).all()


def test_a_target_outside_the_working_grid_is_refused(tmp_path):
    def corner(_):
        volume = read(SUBJECTS[2])
        mask = np.zeros_like(volume.mask)
        mask[0, 0, 0] = 1
        return Volume(volume.image, volume.affine, mask)

    with pytest.raises(InputError, match="c: its target is outside the working grid"):
        pack([SUBJECTS[2]], corner, Grid(matrix=(8, 8), spacing_mm=2), tmp_path / "s", tmp_path / "n")


@pytest.mark.parametrize("damage", ["truncated", "missing", "other"])
def test_a_damaged_store_is_refused(store, damage):
    arrays = store / "slices" / "images.npy"
    if damage == "truncated":
        arrays.write_bytes(arrays.read_bytes()[:500])
    elif damage == "missing":
        arrays.unlink()
    else:
        np.save(arrays, np.zeros((3, 16, 24), np.float16))
    with pytest.raises(InputError, match=r"make (it|the store) again"):
        open_store(store / "slices" / "store.json")


# ----------------------------------------------------------------------------------------- what was changed since
def zeros(folder):
    np.save(folder / "masks.npy", np.zeros_like(np.load(folder / "masks.npy")))


def reversed_index(folder):
    head, *rows = (folder / "index.csv").read_text().splitlines(keepends=True)
    (folder / "index.csv").write_text("".join([head, *reversed(rows)]))


def truncated(folder):
    (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes()[:-1000])


def one_bit_and_the_old_date(folder):
    path = folder / "images.npy"
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def missing(folder):
    (folder / "subjects.csv").unlink()


@pytest.fixture
def made(tmp_path):
    pack(SUBJECTS, read, GRID, tmp_path / "slices", tmp_path / "native")
    return tmp_path / "slices"


@pytest.mark.parametrize("known", [True, False], ids=["verified before", "never verified"])
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (zeros, "masks.npy"),
        (reversed_index, "index.csv"),
        (truncated, "images.npy"),
        (one_bit_and_the_old_date, "images.npy"),
        (missing, "subjects.csv (missing)"),
    ],
)
def test_a_store_that_was_changed_is_refused_with_the_file_and_what_to_do(made, change, name, known):
    open_store(made / "store.json")
    if not known:
        (made / VERIFIED).unlink()
    change(made)
    with pytest.raises(InputError) as error:
        open_store(made / "store.json")
    assert str(error.value).endswith(f"\n  - {name}")
    assert f"snakemake --configfile <experiment> {made / 'store.json'}" in str(error.value)


def test_an_old_or_copied_store_is_read_once_and_then_known(made, tmp_path, monkeypatch):
    read_through = []
    real = recorded_hashes.sha256
    monkeypatch.setattr(recorded_hashes, "sha256", lambda path: read_through.append(path.name) or real(path))
    open_store(made / "store.json")
    assert "images.npy" not in read_through  # known since it was packed
    copy = tmp_path / "elsewhere"
    shutil.copytree(made, copy, copy_function=shutil.copyfile)  # other dates
    open_store(copy / "store.json")
    assert read_through.count("images.npy") == 1
    recorded_hashes._content.cache_clear()  # as in another process
    open_store(copy / "store.json")
    assert read_through.count("images.npy") == 1


def test_a_store_in_a_place_where_nothing_can_be_written_is_opened(made, monkeypatch):
    (made / VERIFIED).unlink()

    def refused(path, text):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("fewlabel.data.store.slice_store.write_text", refused)
    assert len(open_store(made / "store.json").index) == 12


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"slices": 1, "matrix": [1, 1]}', "[" * 100_000])
def test_a_damaged_manifest_is_named(made, text):
    (made / "store.json").write_text(text)
    with pytest.raises(InputError, match="not the manifest of a slice store"):
        open_store(made / "store.json")


# ------------------------------------------------------------------------------------------------------ several classes
def of_classes(subject):
    volume = read(subject)
    mask = None if volume.mask is None else np.digitize(volume.image, [0.6, 0.8]).astype(np.uint8)
    return Volume(volume.image, volume.affine, mask)


def test_a_store_of_several_classes_holds_class_numbers_and_their_volumes(tmp_path):
    pack(SUBJECTS, of_classes, GRID, tmp_path / "s", tmp_path / "n", classes=["zone", "gland"])
    store = open_store(tmp_path / "s" / "store.json")
    for subject in SUBJECTS:
        volume, row = of_classes(subject), store.subjects.set_index("subject").loc[subject.subject]
        rows = store.rows([subject.subject])
        if volume.mask is None:
            assert row[["target_ml", "ml_zone", "ml_gland"]].isna().all() and not store.masks[rows].any()
            continue
        assert np.array_equal(store.masks[rows], preprocess(volume, GRID)[1])
        assert np.array_equal(nib.load(tmp_path / "n" / "labels" / f"{subject.subject}.nii.gz").dataobj, volume.mask)
        counts = np.bincount(volume.mask.ravel()) * 0.02
        expected = [*counts[1:], counts[1:].sum()]
        assert row[["ml_zone", "ml_gland", "target_ml"]].tolist() == pytest.approx(expected, abs=1e-3)
    assert np.array_equal(store.index["target_px"], (store.masks > 0).sum(axis=(1, 2)))
    assert set(np.unique(store.masks)) == {0, 1, 2}


def test_a_class_that_the_grid_loses_is_refused_by_name(tmp_path):
    def corner(subject):
        volume = read(subject)
        mask = volume.mask * np.uint8(2)
        mask[0, 0, 0] = 1
        return Volume(volume.image, volume.affine, mask)

    small = Grid(matrix=(8, 8), spacing_mm=2)
    with pytest.raises(InputError, match="c: its class zone is outside the working grid"):
        pack([SUBJECTS[2]], corner, small, tmp_path / "s", tmp_path / "n", classes=["zone", "gland"])


def test_a_class_of_all_values_makes_the_store_of_the_merged_mask(mine, tmp_path):
    """To the byte, but for the column of the class."""
    for name, given in (("merged", {"labels": [1, 2]}), ("named", {"classes": {"whole": [1, 2]}})):
        source = NiftiSource(kind="nifti", folder="mine", **given)
        read_one = partial(registry.read_volume, source)
        subjects, classes = registry.list_subjects(source), list(source.classes)
        pack(subjects, read_one, GRID, tmp_path / name, tmp_path / f"{name}_native", classes=classes)
    for file in ("images.npy", "masks.npy", "index.csv"):
        assert (tmp_path / "merged" / file).read_bytes() == (tmp_path / "named" / file).read_bytes()
    tables = [pd.read_csv(tmp_path / name / "subjects.csv") for name in ("merged", "named")]
    assert (
        tables[0].equals(tables[1].drop(columns="ml_whole"))
        and (tables[1]["ml_whole"] == tables[1]["target_ml"])[:3].all()
    )
    assert list(tables[0]) == [name for name in tables[1] if name != "ml_whole"]
    natives = [tmp_path / f"{name}_native" / "SHA256SUMS" for name in ("merged", "named")]
    assert natives[0].read_text() == natives[1].read_text()
