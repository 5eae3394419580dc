import hashlib
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.data.download import download
from fewlabel.data.sources import registry
from fewlabel.data.sources.chaos import chaos
from fewlabel.data.sources.fingerprint import fingerprint
from helpers.dicom_trees import UPRIGHT, organs, write_ground, write_series
from helpers.range_server import serving
from helpers.refusals import error_of

SLICES = 12
DOWN = UPRIGHT @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, SLICES - 1], [0, 0, 0, 1.0]])
"""Files are written from the highest place down."""


def source(**changes):
    return ChaosSource(kind="chaos", **changes)


def subject_folder(root, number, part="Train_Sets"):
    return root / part / "MR" / str(number) / "T2SPIR"


def write_subject(root, number, part="Train_Sets", png=None, affine=UPRIGHT, **tags):
    """A subject in the original layout; `png` names the mask of each slice."""
    image, labels = organs(number)
    folder = subject_folder(root, number, part)
    write_series(folder / "DICOM_anon", image, affine, **tags)
    if part == "Train_Sets":
        write_ground(folder / "Ground", labels, png)
    # What the archives hold beside.
    write_series(root / part / "MR" / str(number) / "T1DUAL" / "DICOM_anon" / "InPhase", image[:, :, :2])
    return image, labels


@pytest.fixture
def tree(data):
    """Two labelled subjects and one without masks."""
    root = data / "CHAOS"
    truth = {number: write_subject(root, number) for number in (1, 20)}
    truth[4] = write_subject(root, 4, "Test_Sets")
    return root, truth


def archive_of(root, part, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member in sorted((root / part).rglob("*")):
            file.write(member, member.relative_to(root))
        file.writestr(f"{part}/CT/1/DICOM_anon/i0001.dcm", bytes(1000))
        file.writestr(f"__MACOSX/{part}/MR/1/T2SPIR/._Ground", b"x")
    return path


def md5(path):
    return f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"


# ----------------------------------------------------------------------------------------------------------- folders
def test_the_published_folders_are_read(tree):
    _, truth = tree
    subjects = chaos.list_subjects(source(test_sets=True))
    listed = [(one.subject, one.labelled, one.use) for one in subjects]
    assert listed == [("chaos_01", True, "auto"), ("chaos_04", False, "unlabelled"), ("chaos_20", True, "auto")]
    assert chaos.check(source(), subjects) == []
    for one, number in zip(subjects, (1, 4, 20), strict=True):
        volume = chaos.read_volume(source(labels=[1, 4]), one)
        image, labels = truth[number]
        assert np.array_equal(volume.image, image)
        assert np.allclose(volume.affine, UPRIGHT)
        if number == 4:
            assert volume.mask is None
        else:
            assert np.array_equal(volume.mask, np.isin(labels, [1, 4]))


def test_the_test_sets_are_left_out_by_default(tree):
    assert [one.subject for one in registry.list_subjects(source())] == ["chaos_01", "chaos_20"]


@pytest.mark.parametrize("label", [1, 2, 3, 4])
def test_each_organ_can_be_the_target(tree, label):
    _, truth = tree
    mine = source(labels=[label])
    subjects = registry.list_subjects(mine)
    assert registry.check(mine, subjects) == []
    assert np.array_equal(registry.read_volume(mine, subjects[0]).mask, truth[1][1] == label)


# ------------------------------------------------------------------------------------------------------------- order
REVERSED = [f"IMG-0004-{SLICES - k:05}.png" for k in range(SLICES)]
OTHER_NAMES = [f"mask_{k + 100}.png" for k in range(SLICES)]
OTHER_NAMES_REVERSED = OTHER_NAMES[::-1]


@pytest.mark.parametrize("affine", [UPRIGHT, DOWN], ids=["up", "down"])
@pytest.mark.parametrize("png", [None, REVERSED, OTHER_NAMES, OTHER_NAMES_REVERSED])
def test_each_mask_finds_its_slice_whatever_the_numbers_say(data, png, affine, capsys):
    image, labels = write_subject(data / "CHAOS", 1, png=png, affine=affine)
    (one,) = chaos.list_subjects(source())
    volume = chaos.read_volume(source(), one)
    turn = slice(None) if affine is UPRIGHT else slice(None, None, -1)
    assert np.array_equal(volume.image, image[:, :, turn])
    assert np.array_equal(volume.mask, labels[:, :, turn] == 1)
    assert ("reversed" in capsys.readouterr().err) == (png in (REVERSED, OTHER_NAMES_REVERSED))


def test_files_of_interleaved_numbers_are_matched_by_number(data):
    order = [*range(0, SLICES, 2), *range(1, SLICES, 2)]
    numbers = [order.index(k) + 1 for k in range(SLICES)]
    names = [f"IMG-0004-{n:05}" for n in numbers]
    _, labels = write_subject(
        data / "CHAOS", 1, png=[f"{n}.png" for n in names], names=[f"{n}.dcm" for n in names], instances=numbers
    )
    (one,) = chaos.list_subjects(source())
    assert np.array_equal(chaos.read_volume(source(), one).mask, labels == 1)


def test_an_instance_number_unlike_the_files_number_is_a_further_suggestion(data):
    _, labels = write_subject(
        data / "CHAOS", 1, names=[f"{(7 * k) % 12:02}.dcm" for k in range(SLICES)], png=[f"{k}.png" for k in range(12)]
    )
    (one,) = chaos.list_subjects(source())
    assert np.array_equal(chaos.read_volume(source(), one).mask, labels == 1)


def blurred(root, number=1):
    """The same subject with an image that tells nothing."""
    folder = subject_folder(root, number) / "DICOM_anon"
    shutil.rmtree(folder)
    write_series(folder, np.random.default_rng(0).integers(0, 1000, (40, 36, SLICES)).astype(np.int16))


def test_an_order_that_the_images_do_not_tell_is_not_assumed(tree):
    root, truth = tree
    blurred(root)
    subjects = chaos.list_subjects(source())
    (problem,) = chaos.check(source(), subjects)
    assert "MR/1/T2SPIR/Ground: the images do not show which PNG belongs to which slice" in problem
    assert "by file number" in problem and "set `png_order` to numbered or reversed" in problem
    numbered = chaos.read_volume(source(png_order="numbered"), subjects[0])
    assert np.array_equal(numbered.mask, truth[1][1] == 1)
    turned = chaos.read_volume(source(png_order="reversed"), subjects[0])
    assert np.array_equal(turned.mask, truth[1][1][:, :, ::-1] == 1)


# ------------------------------------------------------------------------------------------------------------- masks
def test_grey_values_have_their_ranges_and_others_are_refused(tree):
    root, _ = tree
    ground = subject_folder(root, 1) / "Ground"
    for name, values in (("IMG-0004-00003.png", [55, 70, 110, 135, 175, 200, 240, 255]), ("IMG-0004-00009.png", [54])):
        grey = np.array(Image.open(ground / name))
        grey.flat[: len(values)] = values
        Image.fromarray(grey).save(ground / name)
    (problem,) = chaos.check(source(), chaos.list_subjects(source()))
    assert "Ground/IMG-0004-00009.png: unknown grey values 54; accepted: 0 (background), 55-70 (liver)" in problem


def test_everything_wrong_with_a_cohort_is_told_at_once(tree):
    root, _ = tree
    first, second = subject_folder(root, 1), subject_folder(root, 20)
    (first / "Ground" / "IMG-0004-00002.png").unlink()
    (first / "Ground" / "IMG-0004-00003.png").write_bytes(b"\x89PNG\r\n")
    grey = Image.open(first / "Ground" / "IMG-0004-00004.png")
    grey.convert("RGB").save(first / "Ground" / "IMG-0004-00004.png")
    grey.crop((0, 0, 9, 8)).save(first / "Ground" / "IMG-0004-00005.png")
    (second / "DICOM_anon" / "IMG-0004-00005.dcm").unlink()
    subjects = chaos.list_subjects(source())
    text = "\n".join(chaos.check(source(), subjects))
    for part in (
        "1/T2SPIR/Ground: 11 PNGs, but 12 DICOM slices",
        "IMG-0004-00003.png: damaged or not a PNG",
        "IMG-0004-00004.png: a picture of mode RGB; accepted: 8-bit grey values",
        "IMG-0004-00005.png: 8 x 9 pixels, but the DICOM slices have 36 x 40",
        "20/T2SPIR/DICOM_anon: missing slices: 1 between IMG-0004-00004.dcm and IMG-0004-00006.dcm",
    ):
        assert part in text, text


def test_missing_folders_are_told_at_once(tree):
    root, _ = tree
    shutil.rmtree(subject_folder(root, 1) / "Ground")
    shutil.rmtree(subject_folder(root, 20) / "DICOM_anon")
    write_subject(root, 20, "Test_Sets")
    message = error_of(chaos.list_subjects, source(test_sets=True))
    assert "MR/1/T2SPIR/Ground: no such folder" in message
    assert "MR/20/T2SPIR/DICOM_anon: no such folder" in message
    assert "chaos_20: in Train_Sets and in Test_Sets" in message


# ---------------------------------------------------------------------------------------------------------- archives
@pytest.fixture
def archives(data, tmp_path):
    root = tmp_path / "made"
    write_subject(root, 1)
    write_subject(root, 4, "Test_Sets")
    return {part: archive_of(root, part, tmp_path / f"CHAOS_{part}.zip") for part in ("Train_Sets", "Test_Sets")}


@pytest.mark.parametrize("inside", [True, False])
def test_archives_are_unpacked_to_what_is_read(data, archives, inside):
    place = data / "CHAOS" if inside else data
    place.mkdir(exist_ok=True)
    for archive in archives.values():
        shutil.copy(archive, place)
    mine = source(test_sets=True)
    assert fingerprint(mine) == ""
    subjects = chaos.list_subjects(mine)
    assert [one.subject for one in subjects] == ["chaos_01", "chaos_04"]
    assert chaos.check(mine, subjects) == []
    assert fingerprint(mine) == ""  # still as unpacked
    assert not list((data / "CHAOS").rglob("T1DUAL")) and not list((data / "CHAOS").rglob("CT"))
    (subject_folder(data / "CHAOS", 1) / "Ground" / "IMG-0004-00001.png").unlink()
    assert len(fingerprint(mine)) == 64


def test_archives_are_downloaded_and_go_on(data, archives, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.01)
    train = archives["Train_Sets"]
    with serving(train.read_bytes()) as served:
        served.cuts = [3000, 2000]
        mine = source(train={"url": served.url, "checksum": md5(train)})
        assert [one.subject for one in chaos.list_subjects(mine)] == ["chaos_01"]
        assert [asked for asked, _ in served.asked] == [None, "bytes=3000-", "bytes=5000-"]
    assert sorted(path.name for path in data.iterdir()) == ["CHAOS", "CHAOS_Train_Sets.zip"]


def test_with_nothing_there_it_is_told_where_to_place_what(data):
    message = error_of(chaos.list_subjects, source(test_sets=True))
    assert len(message.splitlines()) == 2
    for part in (
        str(data / "CHAOS" / "Train_Sets" / "MR"),
        str(data / "CHAOS_Train_Sets.zip"),
        "train: {url: https://zenodo.org/records/3431873/files/CHAOS_Train_Sets.zip, checksum: md5:df21053002a1cc86",
        str(data / "CHAOS_Test_Sets.zip"),
    ):
        assert part in message
    assert list(data.iterdir()) == []


def test_bad_archives_are_refused_and_leave_nothing(data, archives):
    content = archives["Train_Sets"].read_bytes()
    archive = data / "CHAOS_Train_Sets.zip"
    wrong = source(train={"url": "https://example.org/x.zip", "checksum": "md5:" + "0" * 32})
    archive.write_bytes(content)
    assert f"accepted: {'0' * 32}; to fix: remove it" in error_of(chaos.list_subjects, wrong)
    archive.write_bytes(content[: len(content) // 2])
    assert "truncated, or neither tar nor zip" in error_of(chaos.list_subjects, source())
    shutil.copy(archives["Test_Sets"], archive)
    assert "contains Test_Sets, no folder Train_Sets/" in error_of(chaos.list_subjects, source())
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Train_Sets/MR/1/T2SPIR/notes.txt", "x")
    assert "no MR/<id>/T2SPIR/DICOM_anon in the archive" in error_of(chaos.list_subjects, source())
    assert [path.name for path in data.iterdir()] == ["CHAOS_Train_Sets.zip"]


# ------------------------------------------------------------------------------------------------------ real volumes
def test_real_livers_written_as_chaos_are_read_as_they_were(real_data, data, tmp_path, monkeypatch):
    import nibabel as nib

    cohort = real_data("chaos_t2_liver")
    names = ["chaos_01", "chaos_13", "chaos_36"]
    found = {}
    for number, name in enumerate(names, start=1):
        image, label = (nib.load(cohort / kind / f"{name}.nii.gz") for kind in ("images", "labels"))
        pixels, masks = np.asarray(image.dataobj), np.asarray(label.dataobj)
        folder = subject_folder(tmp_path / "CHAOS", number)
        write_series(folder / "DICOM_anon", pixels, image.affine)
        count = pixels.shape[2]
        png = [f"IMG-0004-{count - k if number > 1 else k + 1:05}.png" for k in range(count)]
        write_ground(folder / "Ground", masks, png)
        found[f"chaos_{number:02}"] = pixels, masks, image.affine
    monkeypatch.setenv("FEWLABEL_DATA", str(tmp_path))
    subjects = chaos.list_subjects(source())
    assert chaos.check(source(), subjects) == []
    for one in subjects:
        volume = chaos.read_volume(source(), one)
        pixels, masks, affine = found[one.subject]
        ours = np.linalg.solve(volume.affine, affine @ [3, 5, 2, 1])
        slice_of_ours = round(float(ours[2]))
        turn = slice(None) if slice_of_ours == 2 else slice(None, None, -1)
        assert np.array_equal(volume.image, pixels[:, :, turn])
        assert np.array_equal(volume.mask, masks[:, :, turn] == 1)
        assert np.allclose(ours[:2], [3, 5], atol=1e-3)
