"""Cohorts of any size: work grows with the number of volumes and not with its square, and memory does not grow.

Nothing is timed: calls are counted, and so are bytes.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fewlabel.config.cohort import RANDOM_SUBJECTS, Grid
from fewlabel.config.jobs.data import SplitSettings
from fewlabel.config.jobs.figures.quality import QualitySettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.existing_split import ExistingSplit
from fewlabel.data.labelled_pool import order_pool
from fewlabel.data.moved_subjects import _reordered
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.data.sources.registry import list_subjects
from fewlabel.data.splits import split_roles
from fewlabel.data.store.npy import take_rows
from fewlabel.data.store.packed_subject import QUARTILES
from fewlabel.data.store.slice_store import Store, open_store, pack
from fewlabel.data.subjects.folder_contents import contents
from fewlabel.data.subjects.subject import Subject
from fewlabel.inference.training_ranges import ranges_of
from fewlabel.reporting.tables.quality_checks import quality_rows
from fewlabel.training.sampling import copied_to, rows_by_volume
from helpers.growth import calls, peak_bytes

SHAPE, GRID = (48, 48, 10), Grid(matrix=(48, 48), spacing_mm=1)
AFFINE = np.diag([-1.0, -1, 3, 1])
VOLUME_BYTES = 4 * int(np.prod(SHAPE))
FEW, MANY = 8, 64


def read(subject: Subject) -> Volume:
    rng = np.random.default_rng(int(subject.subject[1:]))
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:30, 10:30, 2 : 3 + int(subject.subject[1:]) % 6] = 1
    return Volume(rng.random(SHAPE, np.float32), AFFINE, mask)


def subjects(count: int) -> list[Subject]:
    return [Subject(f"s{number:03d}", f"p{number // 2}", labelled=True) for number in range(count)]


def packed(folder: Path, count: int) -> Store:
    pack(subjects(count), read, GRID, folder / "slices", folder / "native")
    return open_store(folder / "slices" / "store.json")


def test_preparation_holds_one_volume_at_a_time(tmp_path):
    packed(tmp_path / "warm", 2)
    few, many = (peak_bytes(lambda count=count: packed(tmp_path / str(count), count)) for count in (FEW, MANY))
    # Facts of a subject remain, its slices do not.
    assert few > VOLUME_BYTES and many - few < (MANY - FEW) * VOLUME_BYTES / 8


def test_the_index_of_a_store_is_that_of_its_subjects(tmp_path):
    index = packed(tmp_path, 3).index
    expected = [(one.subject, one.patient, number) for one in subjects(3) for number in range(SHAPE[2])]
    assert list(index[["subject", "patient", "slice"]].itertuples(index=False, name=None)) == expected
    assert index["position"].tolist() == 3 * [round((number + 0.5) / 10, 6) for number in range(10)]
    assert index.groupby("subject")["target_px"].sum().tolist() == [400, 800, 1200]


def test_rows_of_subjects_are_those_in_the_index():
    names = np.random.default_rng(1).permutation(np.repeat(["007", "NA", "b", "c"], [3, 1, 5, 2]))
    index = pd.DataFrame({"subject": names, "slice": np.random.default_rng(2).permutation(len(names))})
    store = Store(np.zeros(0, np.float16), np.zeros(0, np.uint8), index, pd.DataFrame())
    for chosen in ([], ["b"], ["c", "007"], ["NA", "b", "unknown"], ["b", "b"]):
        rows = store.rows(chosen)
        assert rows.dtype == np.int64 and rows.tolist() == np.flatnonzero(np.isin(names, chosen)).tolist()
    first_seen = list(dict.fromkeys(names.tolist()))
    by_volume = rows_by_volume(index, {"b", "007", "c"})
    assert [names[rows[0]] for rows in by_volume] == [name for name in first_seen if name != "NA"]
    for rows in by_volume:
        assert (names[rows] == names[rows[0]]).all() and (np.diff(index["slice"].to_numpy()[rows]) > 0).all()


def test_the_ranges_of_a_pool_need_no_slices(tmp_path):
    store, names = packed(tmp_path, 4), [one.subject for one in subjects(4)]
    without = replace(store, images=np.zeros(0, np.float16))
    # Stores of earlier versions have no quartiles; the slices give the same ones.
    earlier = replace(store, subjects=store.subjects.drop(columns=list(QUARTILES)))
    assert ranges_of(without, names) == ranges_of(earlier, names) is not None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc of Linux")
def test_slices_that_were_read_are_no_memory_of_the_process(tmp_path):
    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))

    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((4096, 64, 64)).astype(np.float16))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    before = resident()
    for start in range(0, len(images), 64):
        rows = np.arange(start, start + 64)
        assert np.array_equal(take_rows(images, rows), np.load(tmp_path / "images.npy", mmap_mode="r")[rows])
    assert images.nbytes > 30e6 and resident() - before < images.nbytes / 8


def test_slices_are_copied_to_a_device_in_blocks():
    images = np.random.default_rng(0).random((600, 3, 2)).astype(np.float16)
    copied = copied_to(torch.device("cpu"), images)
    assert copied.dtype == torch.float16 and np.array_equal(copied.numpy(), images)


def cohort(folder: Path, count: int) -> NiftiSource:
    volume = read(Subject("s001", "s001", True))
    for part, array in (("images", volume.image), ("labels", volume.mask)):
        save_nifti(folder / part / "s0.nii", array[:4, :4, :2], AFFINE)
        for number in range(1, count):
            (folder / part / f"s{number}.nii").hardlink_to(folder / part / "s0.nii")
    return NiftiSource(kind="nifti", folder=str(folder))


def test_a_folder_is_listed_in_time_proportional_to_its_files(tmp_path):
    few, many = (cohort(tmp_path / str(count), count) for count in (FEW, 8 * FEW))
    for work in (
        lambda source: contents(Path(source.folder) / "images"),
        list_subjects,
        fingerprint,
    ):
        work(few)
        assert calls(lambda work=work: work(many)) < 9 * calls(lambda work=work: work(few))


def test_the_quality_table_asks_once_for_what_is_usual(tmp_path, monkeypatch):
    settings = QualitySettings(cohort="c", title="C", source=NiftiSource(kind="nifti", folder="/none"), grid=GRID)
    counted: dict[int, int] = {}
    for count in (4, 12):
        store, native = packed(tmp_path / str(count), count), tmp_path / str(count) / "native"
        for one in subjects(count):
            save_nifti(native / "images" / f"{one.subject}.nii.gz", read(one).image, AFFINE)
        roles = pd.DataFrame({"subject": [one.subject for one in subjects(count)], "role": "pool"})
        found = []
        with monkeypatch.context() as patched:
            for owner, name in (
                (pd.Series, "median"),
                (pd.Series, "isin"),
                (pd.DataFrame, "set_index"),
                (pd.DataFrame, "groupby"),
            ):
                real = getattr(owner, name)
                spy = lambda *given, real=real, seen=found, **named: seen.append(1) or real(*given, **named)  # noqa: E731
                patched.setattr(owner, name, spy)
            rows = quality_rows(store, roles, native, settings)
        assert len(rows) == count and (rows["kept"] == 1).all()
        counted[count] = len(found)
    assert counted[4] == counted[12]


def test_the_order_of_a_pool_is_compared_among_subjects_that_both_orders_hold():
    def table(count: int) -> pd.DataFrame:
        names = [f"s{number}" for number in range(count)]
        return pd.DataFrame({"subject": names, "patient": names, "labelled": 1, "use": "auto"})

    split = SplitSettings(cohort="c", test=2, seed=1, drawing="hash")
    listed = table(40)
    roles = split_roles(listed, split)
    order = order_pool(roles, "c", 1, 1, "hash")["subject"].tolist()
    base = ExistingSplit(roles, split)
    assert _reordered(listed, split, base, {(None, 1): order}, RANDOM_SUBJECTS) == []
    assert _reordered(listed, split, base, {(None, 1): ["gone", *order]}, RANDOM_SUBJECTS) == []
    (found,) = _reordered(listed, split, base, {(None, 1): order[::-1]}, RANDOM_SUBJECTS)
    assert "draw 1" in found
