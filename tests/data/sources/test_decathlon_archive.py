import functools
import hashlib
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading

import nibabel as nib
import numpy as np
import pytest

from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.download import download
from fewlabel.data.sources.decathlon import decathlon
from fewlabel.data.sources.nifti import nifti
from helpers.range_server import serving
from helpers.refusals import error_of

TASK = "Task05_Prostate"


def source(**changes):
    return DecathlonSource(kind="decathlon", **{"task": TASK, **changes})


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def image_of(path):
    return np.asarray(nib.load(path).dataobj)


def remains(root):
    """What lies in the data root: nothing half-made may stay, hidden or not."""
    return sorted(path.name for path in root.iterdir())


@pytest.fixture
def archive(data, tmp_path, make_task, pack):
    """The archive in the data root, without the folder."""
    return pack(make_task(tmp_path / "made" / TASK), data / f"{TASK}.tar")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A real HTTP server of a folder: (folder, url, paths asked for)."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{httpd.server_port}", asked
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def served(server, data, tmp_path, make_task, pack):
    """A task's archive on the server, and nothing in the data root: (archive, url, paths asked for)."""
    folder, url, asked = server
    return pack(make_task(tmp_path / "made" / TASK), folder / f"{TASK}.tar"), f"{url}/{TASK}.tar", asked


# -------------------------------------------------------------------------------------------------------- archives
def test_an_archive_is_unpacked_beside_itself(data, archive):
    subjects = decathlon.list_subjects(source(md5=md5(archive)))
    assert len(subjects) == 4
    assert decathlon.check(source(), subjects) == []
    assert remains(data) == [TASK, f"{TASK}.tar"]
    assert not list((data / TASK).rglob("._*"))


def test_a_compressed_archive_is_unpacked_too(data, tmp_path, make_task):
    with tarfile.open(data / f"{TASK}.tar", "w:gz") as tar:
        tar.add(make_task(tmp_path / TASK), arcname=f"./{TASK}")
    assert len(decathlon.list_subjects(source())) == 4


def test_a_folder_goes_before_an_archive(data, make_task):
    task = make_task(data / TASK)
    (data / f"{TASK}.tar").write_bytes(b"never opened")
    assert decathlon.fetch(source(md5="0" * 32)) == task


def test_an_archive_with_another_md5_is_refused(data, archive):
    message = error_of(decathlon.fetch, source(md5="0" * 32))
    assert message.startswith(f"{archive}: ")
    assert f"{md5(archive)}); accepted: {'0' * 32}; to fix: " in message
    assert remains(data) == [f"{TASK}.tar"]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("aligned", [True, False])
def test_half_an_archive_is_refused_and_leaves_nothing(data, archive, share, aligned):
    size = int(share * archive.stat().st_size)
    # A tar cut between two members looks complete to tar: only dataset.json tells.
    archive.write_bytes(archive.read_bytes()[: size // 512 * 512 if aligned else size + 7])
    message = error_of(decathlon.fetch, source())
    assert message.startswith(f"{TASK}.tar: ")
    assert "to fix: download it again" in message or "accepted: the archive as published" in message
    assert remains(data) == [f"{TASK}.tar"]


def test_an_archive_cut_after_a_member_is_refused(data, archive):
    with tarfile.open(archive) as tar:
        last = [member for member in tar.getmembers() if member.name.endswith(".nii.gz")][-1]
    archive.write_bytes(archive.read_bytes()[: last.offset])
    message = error_of(decathlon.fetch, source())
    assert "incomplete" in message
    assert remains(data) == [f"{TASK}.tar"]


def test_an_archive_of_another_task_is_refused(data, tmp_path, make_task, pack):
    pack(make_task(tmp_path / "Task04_Hippocampus"), data / f"{TASK}.tar")
    message = error_of(decathlon.fetch, source())
    assert f"contains Task04_Hippocampus, no folder {TASK}/; accepted: the archive as published" in message
    assert remains(data) == [f"{TASK}.tar"]


def add(archive, name, content=b"bad", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    with tarfile.open(archive, "a") as tar:
        tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../evil.txt", f"{TASK}/../../evil.txt", f"{TASK}/imagesTr/../../../evil.txt"])
def test_a_member_outside_the_folder_is_refused(data, archive, name):
    add(archive, name)
    message = error_of(decathlon.fetch, source())
    assert f"{TASK}.tar: refused" in message
    assert "evil.txt" in message
    assert remains(data) == [f"{TASK}.tar"]
    assert not list(data.parent.rglob("evil.txt"))


def test_an_absolute_member_is_refused(data, tmp_path, archive):
    add(archive, str(tmp_path / "evil.txt"))
    assert "is outside of the archive's folder" in error_of(decathlon.fetch, source())
    assert not list(tmp_path.rglob("evil.txt"))
    assert remains(data) == [f"{TASK}.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(data, archive, kind):
    add(archive, f"{TASK}/imagesTr/evil.nii.gz", b"", type=kind, linkname="/etc/passwd")
    message = error_of(decathlon.fetch, source())
    assert f"member '{TASK}/imagesTr/evil.nii.gz' is a link or device" in message
    assert remains(data) == [f"{TASK}.tar"]


def test_with_nothing_there_it_is_told_where_to_place_what(data):
    message = error_of(decathlon.list_subjects, source())
    assert str(data / TASK) in message
    assert str(data / f"{TASK}.tar") in message
    for part in ("url: https://", "md5: 35138f08b1efaef89d7424d2bcc928db", "FEWLABEL_DATA"):
        assert part in message
    assert "set `url` and `md5` of the archive" in error_of(decathlon.list_subjects, source(task="Task99_Other"))


FETCH = """
import sys
from fewlabel.data.sources.decathlon import decathlon
from fewlabel.config.sources.decathlon import DecathlonSource
from fewlabel.utils.log import show_messages
show_messages()
print(len(decathlon.list_subjects(DecathlonSource(kind="decathlon", **eval(sys.argv[1])))))
"""


def fetch_in_a_process(**settings):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FETCH, repr(settings)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_several_processes_may_fetch_at_once(data, served):
    archive, url, _ = served
    processes = [fetch_in_a_process(url=url, md5=md5(archive)) for _ in range(3)]
    results = [(process.communicate()[0].strip(), process.returncode) for process in processes]
    assert results == [("4", 0)] * 3
    assert remains(data) == [TASK, f"{TASK}.tar"]


# -------------------------------------------------------------------------------------------------------- downloads
def test_a_task_is_downloaded_once(data, served):
    archive, url, asked = served
    mine = source(url=url, md5=md5(archive))
    subjects = decathlon.list_subjects(mine)
    assert decathlon.check(mine, subjects) == []
    assert decathlon.list_subjects(mine) == subjects
    assert asked == [f"/{TASK}.tar"]
    assert md5(data / f"{TASK}.tar") == md5(archive)


def test_a_download_makes_the_data_root(data, served):
    archive, url, _ = served
    data.rmdir()
    assert len(decathlon.list_subjects(source(url=url, md5=md5(archive)))) == 4


def test_a_download_is_told_in_plain_lines_in_a_log(data, served):
    archive, url, _ = served
    with archive.open("ab") as file:
        file.write(bytes(300_000))
    process = fetch_in_a_process(url=url, md5=md5(archive))
    _, log = process.communicate()
    assert process.returncode == 0
    assert "\r" not in log
    assert f"{TASK}.tar: unpacking" in log
    assert sum(line.startswith(f"{TASK}.tar: ") and line.endswith(" MB") for line in log.splitlines()) in range(2, 11)


def test_a_download_with_another_md5_is_refused_and_leaves_nothing(data, served):
    _, url, _ = served
    message = error_of(decathlon.fetch, source(url=url, md5="0" * 32))
    assert message.startswith(url)
    assert f"; accepted: MD5 {'0' * 32}" in message
    assert f"place it as {data / TASK}.tar" in message
    assert remains(data) == []


def test_a_url_that_is_not_found_is_told(data, server):
    _, url, _ = server
    message = error_of(decathlon.fetch, source(url=f"{url}/absent.tar", md5="0" * 32))
    assert f"{url}/absent.tar: not downloaded (404" in message
    assert f"place it as {data / TASK}.tar" in message
    assert remains(data) == []


def test_no_network_is_told(data, monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/{TASK}.tar"
    message = error_of(decathlon.fetch, source(url=url, md5="0" * 32))
    assert f"{url}: not downloaded (" in message
    assert "check the network" in message
    assert remains(data) == []


def test_a_download_cut_short_is_kept_and_goes_on(data, tmp_path, make_task, pack, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.01)
    content = pack(make_task(tmp_path / "made" / TASK), tmp_path / "archive.tar").read_bytes()
    with serving(content) as served:
        served.cuts = [5000] + [0] * download.ATTEMPTS
        mine = source(url=served.url, md5=hashlib.md5(content).hexdigest())
        assert "kept in Task05_Prostate.tar.part" in error_of(decathlon.fetch, mine)
        assert remains(data) == [f"{TASK}.tar.part", f"{TASK}.tar.part.json"]
        served.cuts = []
        assert len(decathlon.list_subjects(mine)) == 4
        assert served.asked[-1][0] == "bytes=5000-"
    assert remains(data) == [TASK, f"{TASK}.tar"]


@pytest.mark.parametrize(("task", "labels", "labelled"), [("Task04_Hippocampus", [1, 2], 3), ("Task02_Heart", [1], 3)])
def test_other_tasks_need_settings_alone(data, tmp_path, make_task, pack, task, labels, labelled):
    """3D images of one modality, as these tasks are published."""
    rng = np.random.default_rng(0)
    volumes = {
        f"{task[7:].lower()}_{number:03}": (
            rng.integers(0, 900, (5, 6, 7)).astype(np.int16),
            rng.choice([0, *labels], (5, 6, 7)).astype(np.uint8) if number < labelled else None,
            np.eye(4),
        )
        for number in range(4)
    }
    folder = make_task(tmp_path / "made" / task, volumes)
    listing = json.loads((folder / "dataset.json").read_text())
    names = {"0": "background", **{str(value): f"part {value}" for value in labels}}
    listing |= {"modality": {"0": "MRI"}, "labels": names, "tensorImageSize": "3D"}
    (folder / "dataset.json").write_text(json.dumps(listing))
    archive = pack(folder, data / f"{task}.tar")
    mine = source(task=task, labels=labels, md5=md5(archive))
    subjects = decathlon.list_subjects(mine)
    assert decathlon.check(mine, subjects) == []
    assert [subject.use for subject in subjects] == ["auto"] * 3 + ["unlabelled"]
    assert decathlon.read_volume(mine, subjects[0]).mask.any()


# ----------------------------------------------------------------------------------------------------- real volumes
def test_real_prostates_packed_as_a_task_are_read_as_they_were(
    real_data, tmp_path, monkeypatch, make_task, pack, server
):
    cohort = real_data("prostate158")
    direct = NiftiSource(kind="nifti", folder=str(cohort), labels=[1, 2])
    subjects = nifti.list_subjects(direct)
    originals = {subject.subject: nifti.read_volume(direct, subject) for subject in subjects}
    volumes = {
        subject.subject: (
            np.stack([image_of(subject.image)] * 2, axis=-1),
            image_of(subject.label),
            originals[subject.subject].affine,
        )
        for subject in subjects
    }
    folder, url, _ = server
    archive = pack(make_task(tmp_path / "made" / TASK, volumes), folder / f"{TASK}.tar")
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path / "data"))
    mine = source(url=f"{url}/{TASK}.tar", md5=md5(archive))
    packed = decathlon.list_subjects(mine)
    assert [subject.subject for subject in packed] == [subject.subject for subject in subjects]
    assert decathlon.check(mine, packed) == []
    for subject in packed:
        volume, original = decathlon.read_volume(mine, subject), originals[subject.subject]
        assert np.array_equal(volume.image, original.image)
        assert np.array_equal(volume.mask, original.mask)
        assert np.allclose(volume.affine, original.affine, atol=1e-6)
