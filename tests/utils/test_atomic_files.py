"""Atomic writes of files and folders."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fewlabel
from fewlabel.utils.atomic_files import (
    PARTIAL,
    atomic_file,
    atomic_files,
    atomic_folder,
    partial_name,
    visible,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), atomic_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before" and names(tmp_path) == ["a.txt"]


def test_of_several_files_none_appears_before_all_are_written(tmp_path):
    paths = [tmp_path / "x" / "a.txt", tmp_path / "y" / "b.txt"]
    with pytest.raises(FileNotFoundError), atomic_files(paths) as partials:
        partials[0].write_text("a")  # the second is never written
    assert not any(path.exists() for path in paths)
    with atomic_files(paths) as partials:
        for partial in partials:
            partial.write_text("done")
        assert not any(path.exists() for path in paths)
    assert [path.read_text() for path in paths] == ["done", "done"]
    assert names(tmp_path / "x") == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(folder) as partial:
        (partial / "half").write_text("half")
        raise RuntimeError
    assert names(folder) == ["old"] and names(tmp_path) == ["folder"]
    with atomic_folder(folder) as partial:
        (partial / "new").write_text("new")
    assert names(folder) == ["new"] and names(tmp_path) == ["folder"]


def test_written_files_can_be_read_by_others_as_the_umask_says(tmp_path):
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "a", "text")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_temporary_names_are_hidden_keep_all_suffixes_and_belong_to_their_process():
    name = partial_name(Path("s/mask.nii.gz")).name
    assert name.startswith(".") and name.endswith(".nii.gz") and str(os.getpid()) in name and PARTIAL in name


WRITER = """
import itertools, sys
from pathlib import Path
from fewlabel.utils.atomic_files import atomic_folder
for turn in itertools.count():
    with atomic_folder(Path(sys.argv[1])) as partial:
        for index in range(20):
            (partial / str(index)).write_text(f"{sys.argv[2]} {turn}")
    print(turn, flush=True)
"""


def test_of_two_processes_that_write_one_folder_at_once_and_are_killed_one_counts_as_a_whole(tmp_path):
    folder = tmp_path / "folder"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "0\n"
    time.sleep(1)
    assert [writer.poll() for writer in writers] == [None, None]
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    if folder.exists():  # a kill between the two renames leaves the name free
        contents = {path.read_text() for path in folder.iterdir()}
        assert len(contents) == 1 and len(names(folder)) == 20


def test_what_is_hidden_is_never_listed(tmp_path):
    for name in ("a/run.json", "a/b/run.json", ".a/run.json", "a/.b/run.json", "a/.run.json", "c [x]/run.json"):
        write_text(tmp_path / name, "{}")
    with atomic_folder(tmp_path / "a" / "late") as partial:
        write_text(partial / "run.json", "{}")
        names = [path.relative_to(tmp_path).as_posix() for path in visible(tmp_path, "*/**/run.json")]
    assert names == ["a/b/run.json", "a/run.json", "c [x]/run.json"]
    assert visible(tmp_path / "c [x]", "*.json") == [tmp_path / "c [x]" / "run.json"]
    assert visible(tmp_path / "nothing", "*") == []


def test_nobody_lists_results_by_patterns_that_match_hidden_names():
    """Each module that uses such patterns lists code, inputs of a user, locks or sizes, never results."""
    package = Path(fewlabel.__file__).parent
    allowed = {
        "prepared_subjects.py",
        "snapshot.py",
        "gpu_slots.py",
        "stale_files.py",
        "atomic_files.py",
        "export.py",
    }
    listing = [
        path.relative_to(package)
        for path in package.rglob("*.py")
        if re.search(r"\.(r?glob|iterdir)\(", path.read_text()) and path.name not in allowed
    ]
    assert [
        path for path in listing if not any(map(path.is_relative_to, ("data", "operations/doctor", "inference")))
    ] == []
