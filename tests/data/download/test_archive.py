import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import PurePosixPath

import pytest

from fewlabel.data.download import archive as module
from fewlabel.data.download.archive import unpack
from fewlabel.utils.errors import InputError

FILES = {
    "Train/MR/1/a.dcm": b"one",
    "Train/MR/2/b.dcm": b"two",
    "Train/CT/3/c.dcm": b"three",
    "Train/MR/._a.dcm": b"x",
    "__MACOSX/Train/MR/1/a.dcm": b"x",
    "Train/.DS_Store": b"x",
}


def make_zip(path, files=FILES, **kinds):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Train/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
        for name, mode in kinds.items():
            member = zipfile.ZipInfo(f"Train/{name}")
            member.external_attr = (mode | 0o644) << 16
            archive.writestr(member, b"/etc/passwd")
    return path


def make_tar(path, files=FILES):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def unpacked(archive, folder, **settings):
    unpack(archive, folder, lambda _: None, **settings)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def error_of(archive, folder, **settings):
    with pytest.raises(InputError) as error:
        unpack(archive, folder, lambda _: None, **settings)
    assert not folder.exists() and not list(folder.parent.glob(".*"))
    return str(error.value)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_files_appear_in_a_folder_that_is_made_without_those_of_macos(tmp_path, make):
    archive = make(tmp_path / "Train.archive")
    assert unpacked(archive, tmp_path / "new" / "Train") == ["CT/3/c.dcm", "MR/1/a.dcm", "MR/2/b.dcm"]
    assert (tmp_path / "new/Train/MR/1/a.dcm").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["Train"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_only_what_is_wanted_is_written(tmp_path, make):
    archive = make(tmp_path / "Train.archive")
    wanted = unpacked(archive, tmp_path / "Train", selects=lambda path: path.match("Train/MR/*/*.dcm"))
    assert wanted == ["MR/1/a.dcm", "MR/2/b.dcm"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_what_is_not_wanted_is_judged_as_well(tmp_path, make):
    archive = make(tmp_path / "Train.archive", {**FILES, "Train/../../evil": b"x"})
    message = error_of(archive, tmp_path / "new" / "Train", selects=lambda _: False)
    assert "Train.archive: refused, " in message and "evil" in message
    assert not (tmp_path / "new").exists() and not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "Train/a/../../../evil", "..\\evil", "C:/evil", "Train\\..\\evil"]
)
def test_a_zip_member_outside_the_folder_is_refused(tmp_path, name):
    archive = make_zip(tmp_path / "Train.zip", {**FILES, name: b"x"})
    assert "is outside of the archive's folder" in error_of(archive, tmp_path / "sub" / "Train")
    assert not list(tmp_path.rglob("evil"))


def test_a_tar_member_of_an_absolute_name_is_refused(tmp_path):
    archive = make_tar(tmp_path / "Train.tar", {**FILES, str(tmp_path / "evil"): b"x"})
    assert "is outside of the archive's folder" in error_of(archive, tmp_path / "sub" / "Train")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, mode):
    archive = make_zip(tmp_path / "Train.zip", evil=mode)
    assert "member 'Train/evil' is a link or device" in error_of(archive, tmp_path / "sub" / "Train")


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = make_zip(tmp_path / "Train.zip", {"Train/a": b"x"})
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # of the last member's entry in the directory
    archive.write_bytes(content)
    assert "'Train/a' is encrypted" in error_of(archive, tmp_path / "sub" / "Train")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_zip_is_refused(tmp_path, share):
    archive = make_zip(tmp_path / "Train.zip")
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    message = error_of(archive, tmp_path / "sub" / "Train")
    assert (
        "truncated, or neither tar nor zip (a zip without the list of members at its end); to fix: download it again"
        in message
    )


def test_a_zip_with_changed_bytes_is_refused(tmp_path):
    archive = make_zip(tmp_path / "Train.zip", {"Train/a": bytes(range(256)) * 8})
    content = bytearray(archive.read_bytes())
    content[content.index(b"Train/a") + 40] ^= 255
    archive.write_bytes(content)
    assert "truncated, or neither tar nor zip" in error_of(archive, tmp_path / "sub" / "Train")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_small_archive_that_would_fill_a_disk_is_refused(tmp_path, make, monkeypatch):
    monkeypatch.setattr(module, "ALWAYS_BYTES", 1000)
    archive = make(tmp_path / "Train.archive", {"Train/a": bytes(2_000_000)})
    assert archive.stat().st_size < 10_000
    assert "which is implausible for an archive of volumes of its size" in error_of(archive, tmp_path / "sub" / "Train")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_of_too_many_members_is_refused(tmp_path, make, monkeypatch):
    monkeypatch.setattr(module, "MOST_MEMBERS", 3)
    assert "it has more than 3 members" in error_of(make(tmp_path / "Train.archive"), tmp_path / "sub" / "Train")


def test_a_zip_that_does_not_fit_the_disk_writes_nothing(tmp_path, monkeypatch):
    archive, usage = make_zip(tmp_path / "Train.zip"), module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=10))
    text = error_of(archive, tmp_path / "sub" / "Train")
    assert "11 B to write, 10 B free" in text


def test_members_are_named_by_their_whole_place(tmp_path):
    seen = []
    unpacked(make_zip(tmp_path / "Train.zip"), tmp_path / "Train", selects=lambda path: bool(seen.append(path)) or True)
    assert PurePosixPath("Train/MR/1/a.dcm") in seen


# --------------------------------------------------------------------------------------------------- bombs in headers
def header(kind, name, length):
    """A tar header of 512 bytes."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, length
    return member.tobuf(tarfile.GNU_FORMAT)


def bomb(path, first, length, opened=gzip.open):
    """A compressed archive whose first header is followed by so many zeros, and then by a sound member."""
    with opened(path, "wb") as file:
        file.write(first)
        for _ in range(length // 2**20):
            file.write(bytes(2**20))
        file.write(header(tarfile.REGTYPE, "Train/a", 0) + bytes(1024))
    return path


@pytest.mark.parametrize("opened", [gzip.open, bz2.open, lzma.open])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_megabytes_is_refused_before_it_is_read(tmp_path, kind, opened):
    """Measured: of 64 MB no more than a few are in memory at any time."""
    archive = bomb(tmp_path / "Train.tar.gz", header(kind, "long", 64 * 2**20), 64 * 2**20, opened)
    tracemalloc.start()
    message = error_of(archive, tmp_path / "new" / "Train")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "refused, a member's headers are larger than 1 MB" in message
    assert peak < 16 * 2**20


def test_headers_nested_without_end_are_refused(tmp_path):
    archive = tmp_path / "Train.tar"
    name = header(tarfile.GNUTYPE_LONGNAME, "long", 5) + b"Train".ljust(512, b"\0")
    archive.write_bytes(name * 900 + header(tarfile.REGTYPE, "Train/a", 0) + bytes(1024))
    assert "refused, " in error_of(archive, tmp_path / "new" / "Train")


def test_a_map_of_a_sparse_member_without_end_is_refused(tmp_path):
    first = bytearray(header(tarfile.GNUTYPE_SPARSE, "Train/a", 0))
    first[482] = 1  # the map goes on
    # Each further block says so, too.
    more = bytearray(512)
    more[504] = 1
    first[148:156] = b"%06o\0 " % (256 + sum(first[:148]) + sum(first[156:]))
    archive = tmp_path / "Train.tar.gz"
    with gzip.open(archive, "wb") as file:
        file.write(bytes(first) + bytes(more) * 20_000)
    assert "refused, " in error_of(archive, tmp_path / "new" / "Train")


def test_members_larger_than_the_limit_of_headers_and_long_names_are_taken(tmp_path):
    content = bytes(range(256)) * 20_000
    name = "Train/" + "/".join(["a" * 90] * 12)
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        archive = tmp_path / f"{kind}.tar.gz"
        with tarfile.open(archive, "w:gz", format=kind) as tar:
            for place in (name, "Train/not/wanted", "Train/b"):
                member = tarfile.TarInfo(place)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        folder = tmp_path / str(kind) / "Train"
        found = unpacked(archive, folder, selects=lambda path: "not" not in path.parts)
        assert found == sorted([name.removeprefix("Train/"), "b"])
        assert all((folder / each).read_bytes() == content for each in found)


def test_control_characters_of_names_are_told_escaped(tmp_path):
    archive = make_tar(tmp_path / "Train.tar.gz", {"Train/\x1b[2Jevil/../../../x": b"x"})
    message = error_of(archive, tmp_path / "new" / "Train")
    assert "\x1b" not in message and "evil" in message


@pytest.mark.parametrize("opened", [gzip.open, bz2.open, lzma.open])
def test_damage_within_a_compressed_archive_is_told_as_such(tmp_path, opened):
    archive = tmp_path / "Train.tar.x"
    with opened(archive, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("Train/a")
        member.size = 100_000
        tar.addfile(member, io.BytesIO(random.Random(0).randbytes(100_000)))
    content = bytearray(archive.read_bytes())
    content[5000:5200] = bytes(200)
    archive.write_bytes(content)
    assert "truncated, or neither tar nor zip" in error_of(archive, tmp_path / "sub" / "Train")
