import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fewlabel.data.download import download as module
from fewlabel.data.download import download_limits
from fewlabel.data.download.download import download
from fewlabel.utils.errors import InputError
from helpers.range_server import serving

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


def checksum(content, algorithm="md5"):
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def served():
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "archive.tar"


def names(file):
    return sorted(path.name for path in file.parent.iterdir())


def error_of(url, expected, file):
    with pytest.raises(InputError) as error:
        download(url, expected, file)
    return str(error.value)


def half(served, file, expected=None):
    """A download that ends for good after 100,000 bytes."""
    served.cuts = [100_000] + [0] * module.ATTEMPTS
    return error_of(served.url, expected or checksum(CONTENT), file)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_appears_whole_and_alone(served, file, algorithm):
    download(served.url, checksum(CONTENT, algorithm), file)
    assert file.read_bytes() == CONTENT
    assert names(file) == ["archive.tar"]
    assert served.asked == [(None, None)]


def test_a_cut_connection_goes_on_where_it_was_cut(served, file, capsys):
    served.cuts = [100_000, 50_000, 0, 1]
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    assert names(file) == ["archive.tar"]
    starts = [asked and asked.split("=")[1] for asked, _ in served.asked]
    assert starts == [None, "100000-", "150000-", "150000-", "150001-"]
    assert all(condition == served.tag() for _, condition in served.asked[1:])
    assert "again in 0 s, from 100 kB" in capsys.readouterr().err


def test_what_was_received_is_kept_and_used_by_the_next_command(served, file):
    message = half(served, file)
    assert "100 kB received so far are kept in archive.tar.part, and the same command resumes" in message
    assert f"place it as {file}" in message and "curl -L -C - -o archive.tar http://" in message
    assert names(file) == ["archive.tar.part", "archive.tar.part.json"]
    served.cuts, served.asked[:] = [], []
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    assert served.asked == [("bytes=100000-", served.tag())]
    assert names(file) == ["archive.tar"]


def test_a_killed_process_loses_nothing_that_was_written(served, file):
    served.cuts = [3 * (1 << 20)]
    served.content = CONTENT * 20
    code = (
        "import sys; from pathlib import Path; from fewlabel.data.download import download as d; "
        "d.FIRST_WAIT_SECONDS = 60;"
        "d.download(sys.argv[1], sys.argv[2], Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, served.url, checksum(served.content), str(file)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    while not module._length(module._part(file)):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = module._length(module._part(file))
    assert kept >= 1 << 20
    download(served.url, checksum(served.content), file)
    assert file.read_bytes() == served.content
    assert served.asked[-1] == (f"bytes={kept}-", served.tag())


def test_a_file_that_was_changed_meanwhile_is_not_spliced(served, file):
    half(served, file)
    served.cuts, served.content = [], OTHER
    download(served.url, checksum(OTHER), file)
    assert file.read_bytes() == OTHER


def test_a_server_that_cannot_go_on_sends_the_whole_file_again(served, file, capsys):
    served.ranges = False
    served.cuts = [200_000]
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    assert "sends the whole file again" in capsys.readouterr().err


def test_a_server_that_always_cuts_at_one_place_and_cannot_go_on_is_given_up(served, file):
    served.ranges, served.cuts = False, [100_000] * 50
    assert "after 100 kB of 300 kB" in error_of(served.url, checksum(CONTENT), file)
    assert len(served.asked) == module.ATTEMPTS


@pytest.mark.parametrize("etag", ["weak", "none"])
def test_without_a_strong_etag_the_time_of_a_change_long_ago_counts(served, file, etag):
    served.etag, served.modified, served.cuts = etag, time.time() - 3600, [100_000]
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    assert served.asked[1][0] == "bytes=100000-" and "GMT" in served.asked[1][1]


@pytest.mark.parametrize("modified", [None, "now"])
def test_without_anything_that_tells_the_state_the_file_is_asked_for_anew(served, file, modified):
    served.etag, served.modified, served.cuts = "weak", modified and time.time(), [100_000]
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    assert served.asked == [(None, None)] * 2


def test_an_answer_that_goes_on_elsewhere_is_not_used(served, file):
    half(served, file)
    served.cuts, served.shift = [], 7
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["", "[]", '{"url": 1}', "{}"])
def test_a_part_of_which_nothing_is_known_is_not_used(served, file, note):
    file.parent.mkdir()
    (file.parent / "archive.tar.part").write_bytes(OTHER[:1000])
    (file.parent / "archive.tar.part.json").write_text(note)
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT and names(file) == ["archive.tar"]


def test_a_part_of_another_address_is_not_used(served, file):
    half(served, file)
    served.cuts, served.asked[:] = [], []
    download(served.url + "?2", checksum(CONTENT), file)
    assert served.asked == [(None, None)]


@pytest.mark.parametrize("further", [0, 10])
def test_a_part_that_is_whole_already_or_too_long(served, file, further):
    half(served, file)
    served.cuts = []
    (file.parent / "archive.tar.part").write_bytes(CONTENT + bytes(further))
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT


def test_a_wrong_checksum_is_told_with_the_one_found_and_nothing_is_left(served, file):
    message = error_of(served.url, checksum(OTHER, "sha256"), file)
    assert f"accepted: SHA-256 {checksum(OTHER, 'sha256')[7:]}" in message
    assert checksum(CONTENT, "sha256") in message.replace("SHA-256 ", "sha256:")
    assert names(file) == []


def test_errors_that_pass_are_waited_for(served, file):
    served.errors = [(503, {"Retry-After": "0"}), (429, {}), (500, {"Retry-After": "soon"})]
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_errors_that_stay_are_told_at_once(served, file, status):
    served.errors = [(status, {})] * 9
    assert f"not downloaded ({status} " in error_of(served.url, checksum(CONTENT), file)
    assert len(served.asked) == 1 and names(file) == []


def test_no_network_is_told_after_some_attempts(file):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.tar"
    message = error_of(url, checksum(CONTENT), file)
    assert message.startswith(f"{url}: not downloaded (") and "check the network" in message and "\n" not in message


@pytest.mark.parametrize("url", ["http://", "http://[", "http://exa mple.invalid:port/x"])
def test_an_address_that_is_none_is_told(file, url):
    assert "not downloaded (" in error_of(url, checksum(CONTENT), file)


def test_a_server_that_tells_no_length_is_judged_by_the_checksum(served, file):
    served.length = False
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT
    file.unlink()
    served.cuts = [5000]
    assert "wrong checksum of the download" in error_of(served.url, checksum(CONTENT), file)


def test_too_little_space_is_told_before_a_byte_is_written(served, file, monkeypatch):
    usage = module.shutil.disk_usage(file.parent.parent)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert "no space: 300 kB missing, 1 kB free" in error_of(served.url, checksum(CONTENT), file)
    assert names(file) == ["archive.tar.part.json"]


def test_a_server_that_sends_without_an_end_is_stopped(served, file, monkeypatch):
    served.length = False
    monkeypatch.setattr(download_limits, "MOST_UNKNOWN_BYTES", 200_000)
    message = error_of(served.url, checksum(CONTENT), file)
    assert "the server sends no Content-Length and more data than the limit; accepted: up to 200 kB" in message
    assert "download it on a machine with a network" in message
    assert len(served.asked) == 1 and names(file) == []


def test_a_server_that_tells_no_length_leaves_room_on_the_disk(served, file, monkeypatch):
    served.length = False
    usage = module.shutil.disk_usage(file.parent.parent)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=download_limits.LEFT_FREE_BYTES + 9))
    assert "with 1 GB left free on the disk" in error_of(served.url, checksum(CONTENT), file)
    assert names(file) == []


@pytest.mark.parametrize("length", [True, False])
def test_a_part_that_is_longer_than_it_was_asked_for_is_cut(served, file, length):
    half(served, file)
    served.cuts, served.surplus, served.length = [], b"x" * 500_000, length
    download(served.url, checksum(CONTENT), file)
    assert file.read_bytes() == CONTENT and names(file) == ["archive.tar"]


def test_what_a_server_says_is_shown_without_its_control_characters(file, capsys):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def answer():
            with listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 404 \x1b[2J\x1b]0;owned\x07\r\nContent-Length: 0\r\n\r\n")

        server = threading.Thread(target=answer)
        server.start()
        message = error_of(f"http://127.0.0.1:{listening.getsockname()[1]}/a", checksum(CONTENT), file)
        server.join()
    assert "404" in message and "\\x1b[2J" in message
    assert not [each for each in message + capsys.readouterr().err if ord(each) < 32 and each != "\n"]


def test_several_at_once_ask_once(served, file):
    served.content = CONTENT * 10
    expected = checksum(served.content)
    threads = [threading.Thread(target=download, args=(served.url, expected, file)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_bytes() == served.content
    assert served.asked == [(None, None)] and names(file) == ["archive.tar"]


def test_a_download_that_goes_on_counts_on(served, file, capsys):
    half(served, file)
    served.cuts = []
    capsys.readouterr()
    download(served.url, checksum(CONTENT), file)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.endswith(" MB")]
    assert 1 <= len(lines) <= 6  # from the fourth tenth on, in a few blocks


def test_the_state_of_a_part_can_be_read(served, file):
    half(served, file)
    note = json.loads((file.parent / "archive.tar.part.json").read_text())
    assert note == {"url": served.url, "validator": served.tag(), "total": 300_000}
