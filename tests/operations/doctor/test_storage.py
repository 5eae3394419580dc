"""Room, write access, links and locks of a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fewlabel.operations.doctor import storage
from fewlabel.operations.doctor.storage import DiskSpace

GOOD = {"free": 10**12, "files": 10**6, "links": True, "locks": True}


def statuses(**facts):
    findings = storage.findings("results", DiskSpace(Path("results"), **{**GOOD, **facts}))
    return [finding.status for finding in findings], " ".join(f"{finding.text} {finding.todo}" for finding in findings)


@pytest.mark.parametrize(
    ("facts", "expected", "words"),
    [
        ({}, ["ok", "ok"], "1.0 TB free"),
        ({"free": 10**8}, ["problem", "ok"], "too little for a study"),
        ({"free": 5 * 10**9}, ["note", "ok"], "fewlabel stale-files"),
        ({"files": 0}, ["problem", "ok"], "inodes"),
        ({"files": 100}, ["note", "ok"], "only 100 inodes free"),
        ({"files": None}, ["ok", "ok"], "locks work"),
        ({"refused": "your quota is full"}, ["ok", "problem"], "your quota is full"),
        ({"locks": False}, ["ok", "problem"], "Lustre: `flock`"),
        ({"links": False}, ["ok", "note"], "files are copied instead"),
    ],
)
def test_what_is_said_of_a_disk(facts, expected, words):
    found, text = statuses(**facts)
    assert found == expected and words in text


def test_a_temporary_folder_need_not_lock_but_must_be_writable():
    assert len(storage.findings("temporary", DiskSpace(Path(), free=10**12, locks=False), for_results=False)) == 1
    refused = storage.findings(
        "temporary", DiskSpace(Path(), free=10**12, refused="the disk is full"), for_results=False
    )
    assert refused[1].status == "problem"


def test_a_real_folder_is_tried_out_and_left_as_it_was(tmp_path):
    disk = storage.ask(tmp_path)
    assert (disk.refused, disk.links, disk.locks) == (None, True, True)
    assert disk.free > 0 and disk.clock is not None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    assert storage.ask(tmp_path / "a" / "b").folder == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_limit_that_really_stops_writing_is_told(tmp_path):
    """A limit on the size of files stops a write as a quota does."""
    code = f"""
import resource, signal
from pathlib import Path
from fewlabel.operations.doctor import storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
print(storage.ask(Path({str(tmp_path)!r})).refused)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "writing failed (File too large)\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_without_write_access_is_told(tmp_path):
    tmp_path.chmod(0o500)
    assert "writing failed" in storage.ask(tmp_path).refused


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    here = tmp_path.resolve()
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {here} nfs4 rw 0 0\nproc {here}/other proc rw 0 0\n")
    assert storage.file_system(tmp_path, mounts) == "nfs4"
    assert storage.file_system(Path("/"), mounts) == "ext4"
    assert storage.file_system(tmp_path, tmp_path / "nothing") is None


LUSTRE = "        /scratch  104857600* 0 104857600       -  12345       0       0       -\n"
NFS = """Disk quotas for user a (uid 1000):
     Filesystem   blocks   quota   limit   grace   files   quota   limit   grace
server:/home    51200000 52428800 62914560       0  100000       0       0       0
"""
NONE = "Disk quotas for user a (uid 1000): none\n"


@pytest.mark.parametrize(
    ("text", "expected", "status"),
    [
        (LUSTRE, (104857600 * 1024, 104857600 * 1024), ["problem"]),
        (NFS, (51200000 * 1024, 52428800 * 1024), ["note"]),
        (NFS.replace("51200000", "100"), (102400, 52428800 * 1024), ["ok"]),
        (NONE, None, []),
        ("", None, []),
    ],
)
def test_a_quota_is_read_and_judged(text, expected, status):
    assert storage.used_and_granted(text) == expected
    assert [finding.status for finding in storage.quota_findings(expected)] == status
