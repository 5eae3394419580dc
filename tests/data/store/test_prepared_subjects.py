"""A preparation that ends early keeps what it has finished, and nothing else counts as finished."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import Preparation, PrepareSettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.preprocessing.volume import Volume, save_nifti
from fewlabel.data.store.npy import save_array, save_blocks
from fewlabel.data.store.prepared_subjects import (
    ARRAYS,
    MADE_OF,
    load_prepared,
    preparation_key,
    prepared_folder,
    save_prepared,
    volume_key,
)
from fewlabel.data.store.slice_store import VERIFIED, open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError

GRID = Grid(matrix=(16, 16), spacing_mm=2)
NAMES = ("a", "b", "c")
SUBJECTS = [Subject(name, name, name != "c") for name in NAMES]
AGAIN = "of {} subjects were prepared by an interrupted run"


def read(subject):
    image = np.random.default_rng(ord(subject.subject)).random((16, 16, 4)).astype(np.float32)
    return Volume(image, np.diag([-2.0, -2, 5, 1]), (image > 0.5).astype(np.uint8) if subject.labelled else None)


def read_with_trouble(subject):
    if subject.subject == "b":
        raise InputError("damaged")
    return read(subject)


def read_another_a(subject):
    volume = read(subject)
    return Volume(volume.image + (subject.subject == "a"), volume.affine, volume.mask)


def content(folder):
    """Every file beneath a folder, without the times of verified files."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != VERIFIED)
    return {path.relative_to(folder): path.read_bytes() for path in files}


def places(folder):
    return folder / "slices", folder / "native"


@pytest.fixture
def failed(tmp_path):
    """What a preparation left in which one of three subjects was no good."""
    with pytest.raises(InputError, match="b: damaged"):
        pack(SUBJECTS, read_with_trouble, GRID, *places(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one that nothing happened to makes."""
    folder = tmp_path_factory.mktemp("whole")
    pack(SUBJECTS, read, GRID, *places(folder))
    return content(folder)


def test_where_one_subject_is_no_good_the_others_are_kept_and_no_result_appears(failed):
    assert [path.name for path in failed.iterdir()] == [".slices.prepared"]
    assert sorted(path.name for path in prepared_folder(failed / "slices").iterdir()) == ["a", "c"]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_next_run_goes_on_from_them_and_makes_the_same_and_leaves_nothing(failed, whole, workers, capsys):
    pack(SUBJECTS, read, GRID, *places(failed), workers)
    assert f"2 {AGAIN.format(3)}" in capsys.readouterr().out
    assert content(failed) == whole
    pack(SUBJECTS, read, GRID, *places(failed), workers)
    assert "kept" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("grid", "reading", "again"),
    [
        (GRID.model_copy(update={"percentiles": (0.0, 99.0)}), read, 0),
        (GRID, read_another_a, 1),
        (GRID, read, 2),
    ],
)
def test_what_was_made_otherwise_is_made_again(failed, tmp_path, grid, reading, again, capsys):
    pack(SUBJECTS, reading, grid, *places(failed))
    output = capsys.readouterr().out
    assert (f"{again} {AGAIN.format(3)}" in output) if again else ("kept" not in output)
    pack(SUBJECTS, reading, grid, *places(tmp_path / "fresh"))
    assert content(failed / "slices") == content(tmp_path / "fresh" / "slices")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def change(path):
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")


@pytest.mark.parametrize("damage", [truncate, change, Path.unlink])
@pytest.mark.parametrize("name", [*ARRAYS, MADE_OF])
def test_what_is_not_as_it_was_written_is_made_again(failed, whole, name, damage, capsys):
    damage(prepared_folder(failed / "slices") / "a" / name)
    pack(SUBJECTS, read, GRID, *places(failed))
    assert f"1 {AGAIN.format(3)}" in capsys.readouterr().out
    assert content(failed) == whole


def test_the_key_tells_pixels_places_masks_and_settings_apart():
    volume, how = read(SUBJECTS[0]), preparation_key(Preparation(grid=GRID))
    bias = preparation_key(Preparation(grid=GRID, bias_correction=BiasCorrection()))
    other = volume.image.copy()
    other[0, 0, 0] += 1
    moved = volume.affine + np.eye(4)[3] * 0.001
    keys = [
        volume_key(volume, how),
        volume_key(volume, bias),
        volume_key(Volume(other, volume.affine, volume.mask), how),
        volume_key(Volume(volume.image, moved, volume.mask), how),
        volume_key(Volume(volume.image, volume.affine, 1 - volume.mask), how),
        volume_key(Volume(volume.image, volume.affine), how),
    ]
    assert len(set(keys)) == len(keys)
    assert volume_key(Volume(np.asfortranarray(volume.image), volume.affine, volume.mask), how) == keys[0]
    assert json.loads(bias)["libraries"].keys() >= {"SimpleITK", "scikit-image"}


def test_a_subject_is_kept_whole_or_not_at_all(tmp_path):
    class Trouble:
        def __array__(self, *_, **__):
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        save_prepared(tmp_path / "a", "key", np.zeros((2, 4, 4), np.float16), Trouble())
    assert not list(tmp_path.iterdir()) and load_prepared(tmp_path / "a", "key") is None


# ------------------------------------------------------------------------------------------------------------ kill -9
def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def until(true, seconds=300):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_what_was_finished_before_kill_9_is_not_made_again_and_no_worker_stays(tmp_path):
    names = [f"s{number}" for number in range(6)]
    rng = np.random.default_rng(0)
    for name in names:
        image = (100 + 20 * rng.random((48, 48, 8))).astype(np.float32)
        save_nifti(tmp_path / "images" / f"{name}.nii.gz", image, np.diag([-2.0, -2, 5, 1]))
        save_nifti(tmp_path / "labels" / f"{name}.nii.gz", (image > 110).astype(np.uint8), np.diag([-2.0, -2, 5, 1]))
    (tmp_path / "listed.csv").write_text(
        "\n".join(["subject,patient,labelled,use", *(f"{name},{name},1,auto" for name in names)])
    )
    settings = PrepareSettings(
        source=NiftiSource(kind="nifti", folder=str(tmp_path)),
        grid=GRID,
        bias_correction=BiasCorrection(iterations=[60], convergence=1e-12),
    )

    def command(folder):
        words = ["fewlabel", "prepare", "--settings", canonical(settings), "--subjects", tmp_path / "listed.csv"]
        words += ["--store", folder / "slices" / "store.json", "--native", folder / "native", "--threads", "2"]
        return [str(word) for word in words]

    killed, fresh = tmp_path / "killed", tmp_path / "fresh"
    place = prepared_folder(killed / "slices")

    def finished():
        return [name for name in names if (place / name).exists()]

    process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: finished() or process.poll() is not None) and process.poll() is None
    workers = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert workers and until(lambda: not any(map(alive, workers)))
    assert not (killed / "slices").exists() and not (killed / "native").exists()
    before = {name: (place / name / "images.npy").stat().st_mtime_ns for name in finished()}
    assert 1 <= len(before) < len(names)
    output = subprocess.run(command(killed), check=True, capture_output=True, text=True).stdout
    assert f"{len(before)} {AGAIN.format(len(names))}" in output and not place.exists()
    subprocess.run(command(fresh), check=True, capture_output=True)
    for part in ("slices", "native"):
        assert content(killed / part) == content(fresh / part)
    assert open_store(killed / "slices" / "store.json").subjects["subject"].tolist() == names


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from fewlabel.data.subjects.subject import Subject
from fewlabel.config.cohort import Grid
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.slice_store import pack
from fewlabel.utils.system_errors import describe

def read(subject):
    return Volume(np.random.default_rng(1).random((64, 64, 16)).astype(np.float32), np.diag([-2.0, -2, 5, 1]))

if __name__ == "__main__":
    folder, limit, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    subjects = [Subject(name, name, False) for name in "abc"]
    try:
        pack(subjects, read, Grid(matrix=(64, 64), spacing_mm=2), folder / "slices", folder / "native", workers)
    except OSError as error:
        print(describe(error))
"""


@pytest.mark.parametrize(
    ("limit", "workers", "place"),
    [
        (100_000, 1, ".slices.prepared/a/images.npy"),  # its slices have 131 kB
        (100_000, 2, ".slices.prepared/a/images.npy"),
        (150_000, 1, "native/images/a.nii.gz"),  # above 200 kB
        (300_000, 1, "slices/images.npy"),  # 393 kB
    ],
)
def test_a_disk_that_takes_no_more_is_told_with_the_file(tmp_path, limit, workers, place):
    script = tmp_path / "full.py"
    script.write_text(FULL)
    command = [sys.executable, script, tmp_path, str(limit), str(workers)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    line = process.stdout.splitlines()[-1]
    assert line.startswith(f"{tmp_path / place}: File too large; to fix: ")


def test_arrays_are_written_as_numpy_does(tmp_path):
    array = np.random.default_rng(0).random((5, 4, 3)).astype(np.float16)
    for each in (array, np.asfortranarray(array)):
        np.save(tmp_path / "wanted.npy", each)
        save_array(tmp_path / "found.npy", each)
        assert (tmp_path / "found.npy").read_bytes() == (tmp_path / "wanted.npy").read_bytes()
    np.save(tmp_path / "wanted.npy", array)
    save_blocks(tmp_path / "found.npy", [np.asfortranarray(array[:2]), array[2:]], array.shape, np.float16)
    assert (tmp_path / "found.npy").read_bytes() == (tmp_path / "wanted.npy").read_bytes()
