"""A task of the Decathlon is downloaded once, whole or not at all, and resumed where it was cut."""

import functools
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.download import download
from fewlabel.data.sources.decathlon import decathlon
from fewlabel.data.sources.nifti import nifti
from helpers.decathlon_tasks import TASK, image_of, md5, remains, source
from helpers.range_server import serving
from helpers.refusals import error_of


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
