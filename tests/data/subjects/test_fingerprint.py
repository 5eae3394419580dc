import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.sources.decathlon import decathlon
from fewlabel.data.sources.fingerprint import fingerprint


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", **changes})


TASK = DecathlonSource(kind="decathlon")


def test_it_does_not_depend_on_times_or_place(mine, monkeypatch):
    first = fingerprint(source())
    for path in mine.rglob("*"):
        os.utime(path, (1, 1))
    assert fingerprint(source()) == first
    shutil.copytree(mine, mine.parent / "elsewhere" / "mine")
    monkeypatch.setenv("FEWLABEL_DATA", str(mine.parent / "elsewhere"))
    assert fingerprint(source()) == first
    assert len(first) == 64


@pytest.mark.parametrize(
    "change", ["label", "image", "new image", "renamed", "table", "table changed", "label removed"]
)
def test_it_changes_with_the_files(mine, write, change):
    (mine / "subjects.csv").write_text("subject,use\na,train\n")
    first = fingerprint(source())
    if change == "label":
        path = mine / "labels" / "a.nii.gz"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1  # of equal size
        path.write_bytes(content)
    elif change == "image":
        write(mine / "images" / "a.nii.gz", np.zeros((9, 9, 9)))
    elif change == "new image":
        write(mine / "images" / "z.nii.gz", np.zeros((9, 9, 9)))
    elif change == "renamed":
        (mine / "images" / "d.nii.gz").rename(mine / "images" / "e.nii.gz")
    elif change == "table":
        (mine / "subjects.csv").unlink()
    elif change == "table changed":
        (mine / "subjects.csv").write_text("subject,use\na,test\n")
    else:
        (mine / "labels" / "a.nii.gz").unlink()
    assert fingerprint(source()) != first


def test_files_that_no_cohort_reads_do_not_count(mine):
    first = fingerprint(source())
    (mine / "notes.txt").write_text("x")
    (mine / "images" / "._a.nii.gz").write_bytes(b"x")
    assert fingerprint(source()) == first


def test_a_table_outside_the_folder_counts_by_its_content(mine, tmp_path):
    table = tmp_path / "table.tsv"
    table.write_text("subject\na\n")
    first = fingerprint(source(subjects_table=str(table)))
    table.write_text("subject\nb\n")
    assert fingerprint(source(subjects_table=str(table))) != first


def test_dangling_links_do_not_break_it(mine):
    first = fingerprint(source())
    (mine / "images" / "e.nii.gz").symlink_to(mine / "gone")
    (mine / "labels" / "e.nii.gz").symlink_to(mine / "gone")
    assert fingerprint(source()) not in ("", first)


def test_phantoms_and_absent_folders_have_none(data):
    assert fingerprint(PhantomSource(kind="phantom", anatomy="pelvis", labelled=3)) == ""
    assert fingerprint(source(folder="absent")) == ""
    assert fingerprint(TASK) == ""


def test_unpacking_an_archive_leaves_it_as_it_was(data, tmp_path, make_task, pack):
    pack(make_task(tmp_path / "Task05_Prostate"), data / "Task05_Prostate.tar")
    assert fingerprint(TASK) == ""
    folder = decathlon.fetch(TASK)
    assert fingerprint(TASK) == ""
    listing = json.loads((folder / "dataset.json").read_text())
    listing["training"].pop()
    (folder / "dataset.json").write_text(json.dumps(listing))
    assert len(fingerprint(TASK)) == 64


def test_the_users_own_decathlon_folder_has_one(data, make_task, write):
    folder = make_task(data / "Task05_Prostate")
    first = fingerprint(TASK)
    assert len(first) == 64
    (folder / "imagesTr" / "._other.nii.gz").write_bytes(b"x")
    assert fingerprint(TASK) == first
    write(folder / "labelsTr" / "prostate_00.nii.gz", np.zeros((7, 6, 5), dtype=np.uint8))
    assert fingerprint(TASK) != first


def test_its_import_brings_no_slow_library():
    code = "import sys, fewlabel.data.sources.fingerprint; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert not set(done.stdout.split()) & {
        "numpy",
        "nibabel",
        "scipy",
        "pandas",
        "requests",
        "pydicom",
        "SimpleITK",
        "tqdm",
        "torch",
    }
