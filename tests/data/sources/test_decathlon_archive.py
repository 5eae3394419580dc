import io
import json
import tarfile

import numpy as np
import pytest

from fewlabel.data.sources.decathlon import decathlon
from helpers.decathlon_tasks import TASK, md5, remains, source
from helpers.refusals import error_of


@pytest.fixture
def archive(data, tmp_path, make_task, pack):
    """The archive in the data root, without the folder."""
    return pack(make_task(tmp_path / "made" / TASK), data / f"{TASK}.tar")


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
