import shutil

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless, RLELossless, generate_uid

from fewlabel.data.formats.dicom_headers import series_contents
from fewlabel.data.formats.dicom_series import load_series, read_series
from fewlabel.data.formats.registry import geometry, load
from helpers.dicom_trees import OBLIQUE, UPRIGHT, orthogonal, write_series

VOLUME = np.random.default_rng(0).integers(-50, 2000, (6, 5, 4)).astype(np.int16)
AFFINES = [UPRIGHT, orthogonal(OBLIQUE)]


def problems_of(folder):
    series, problems = read_series(folder, "s")
    if series is not None:
        grid, problems = load_series(series, "s")
        assert grid is None
    return problems


@pytest.fixture
def folder(tmp_path):
    return write_series(tmp_path / "s", VOLUME)


def by_number(folder):
    return sorted(folder.glob("[!.]*.dcm"))


def edit(path, **tags):
    data = dcmread(path)
    for tag, value in tags.items():
        if value is None:
            delattr(data, tag)
        else:
            setattr(data, tag, value)
    data.save_as(path)


@pytest.mark.parametrize("affine", AFFINES, ids=["upright", "oblique"])
@pytest.mark.parametrize("backwards", [False, True])
def test_slices_are_sorted_by_place_whatever_their_names(tmp_path, affine, backwards):
    names = ["d.dcm", "a.dcm", "c", "b.IMA"]
    if backwards:  # written from the last place to the first
        affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 3], [0, 0, 0, 1.0]])
    write_series(tmp_path, VOLUME, affine, names=names, instances=[3, 1, 4, 2])
    grid, problems = load(tmp_path, "s", None, "image")
    assert problems == []
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    rising = np.dot(affine[:3, 2], normal) > 0
    assert np.array_equal(grid.array, VOLUME if rising else VOLUME[:, :, ::-1])
    # Every voxel lies where it was written.
    index = np.array([2, 3, 1 if rising else 2, 1])
    assert np.allclose(grid.affine @ index, affine @ [2, 3, 1, 1], atol=1e-5)
    shape, same = geometry(tmp_path)
    assert shape == VOLUME.shape and np.array_equal(same, grid.affine)


@pytest.mark.parametrize("affine", AFFINES, ids=["upright", "oblique"])
def test_it_agrees_with_simpleitk(tmp_path, affine):
    write_series(tmp_path, VOLUME, affine)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    grid, _ = load(tmp_path, "s", None, "image")
    for index in ((0, 0, 0), (5, 4, 3), (1, 3, 2)):
        point = np.array(image.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        ours = np.rint(np.linalg.solve(grid.affine, [*point, 1]))[:3].astype(int)
        assert np.allclose(grid.affine @ [*ours, 1], [*point, 1], atol=1e-4)
        assert grid.array[tuple(ours)] == image[index]


def bare(path, how):
    """Take from a file its preamble, its preamble and file meta information, or write it as old scanners did."""
    data = dcmread(path)
    if how == "preamble":
        path.write_bytes(path.read_bytes()[132:])
        return
    implicit = how == "implicit"
    del data.file_meta
    data.preamble = None
    data.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[:2] == b"\x08\x00"


@pytest.mark.parametrize("how", ["preamble", "explicit", "implicit"])
@pytest.mark.parametrize("ending", [".dcm", "", ".001"])
def test_files_without_a_preamble_are_read_as_simpleitk_reads_them(tmp_path, how, ending):
    names = [f"slice{number}{ending}" for number in range(4)]
    folder = write_series(tmp_path / "s", VOLUME, names=names, RescaleSlope="2", RescaleIntercept="5")
    whole, _ = load(folder, "s", None, "image")
    for name in names:
        bare(folder / name, how)
    series, problems = read_series(folder, "s")
    assert problems == [] and len(series.slices) == 4
    grid, problems = load_series(series, "s")
    assert problems == [] and np.array_equal(grid.array, whole.array) and np.array_equal(grid.affine, whole.affine)
    if how == "preamble":
        return  # which SimpleITK takes for no DICOM
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(one.path) for one in series.slices])
    image = reader.Execute()
    assert np.array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), grid.array)
    assert np.allclose(np.diag([-1, -1, 1, 1]) @ grid.affine @ [0, 0, 0, 1], [*image.GetOrigin(), 1], atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"\x08\x00garbage" * 9])
@pytest.mark.parametrize("name", ["IM5", "IM5.dcm"])
def test_what_has_lost_its_first_bytes_is_told_as_damaged(folder, name, content):
    (folder / name).write_bytes(content)
    (problem,) = problems_of(folder)
    assert name in problem and ("damaged or no DICOM" in problem or "no ImagePositionPatient" in problem)


def test_text_among_the_slices_is_no_slice(folder):
    (folder / "README").write_text("Patient 7, scanned twice.\n")
    (folder / "LIESMICH").write_bytes("Gerät, zweimal geprüft\n".encode("latin-1"))
    (folder / "protocol.1").write_text("x")
    assert read_series(folder, "s")[1] == []
    reported = {one.path.name: (one.reason, one.stops) for one in series_contents(folder).unused}
    assert reported == dict.fromkeys(("README", "LIESMICH", "protocol.1"), ("not a DICOM file", False))
    (folder / "t2.nii.gz").touch()
    assert [one.path.name for one in series_contents(folder).unused if one.stops] == ["t2.nii.gz"]


def test_values_are_scaled_as_each_slice_says(tmp_path):
    write_series(tmp_path, VOLUME, RescaleSlope=["1", "2", "1", "0.5"], RescaleIntercept=["0", "-10", "5", "0"])
    grid, _ = load(tmp_path, "s", None, "image")
    assert np.allclose(grid.array, VOLUME * np.array([1, 2, 1, 0.5]) + np.array([0, -10, 5, 0]))


def test_what_is_no_dicom_is_passed_over(folder):
    (folder / "DICOMDIR").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    (folder / "._IMG-0004-00001.dcm").write_bytes(b"x")
    (folder / "deep").mkdir()
    by_number(folder)[0].rename(folder / "deep" / "x.dcm")
    assert read_series(folder, "s")[1] == []


def test_slices_that_rle_compresses_are_read(folder):
    for path in by_number(folder):
        data = dcmread(path)
        data.compress(RLELossless)
        data.save_as(path)
    assert np.array_equal(load(folder, "s", None, "image")[0].array, VOLUME)


def test_compression_without_a_decoder_is_told_once(folder):
    for path in by_number(folder):
        data = dcmread(path)
        data.PixelData = encapsulate([b"\xff\xd8some code"])
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEGLSLossless
        data.save_as(path)
    (problem,) = problems_of(folder)
    assert "4 files are compressed as JPEG-LS Lossless" in problem and "gdcmconv --raw" in problem


def test_a_missing_slice_is_told_with_its_neighbours(folder):
    by_number(folder)[2].unlink()
    write_series(folder, VOLUME[:, :, :1], UPRIGHT @ np.array(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4], [0, 0, 0, 1.0]]), names=["e.dcm"],
        series=dcmread(by_number(folder)[0]).SeriesInstanceUID)  # fmt: skip
    (problem,) = problems_of(folder)
    assert "missing slices: 1 between IMG-0004-00002.dcm and IMG-0004-00004.dcm (elsewhere 7.7 mm apart)" in problem


def test_a_slice_twice_is_told_with_what_differs(folder):
    shutil.copy(by_number(folder)[1], folder / "copy.dcm")
    edit(folder / "copy.dcm", EchoTime="80", SOPInstanceUID=generate_uid())
    (problem,) = problems_of(folder)
    assert (
        "slices at one position: " in problem and "copy.dcm" in problem and "they differ in EchoTime: , 80" in problem
    )


def test_unequal_spacing_is_told(folder):
    path = by_number(folder)[3]
    edit(path, ImagePositionPatient=["-90", "-80", "-4"])
    (problem,) = problems_of(folder)
    assert "unequal spacing: 10.6 mm between IMG-0004-00003.dcm and IMG-0004-00004.dcm, elsewhere 7.7 mm" in problem


def test_missing_doubled_and_uneven_slices_are_told_together(tmp_path):
    places = [0, 1, 2, 2, 4, 5.3, 6.3, 7.3, 8.3, 9.3]
    positions = [["0", "0", f"{place * 5}"] for place in places]
    volume = np.zeros((3, 3, 10), dtype=np.int16)
    write_series(tmp_path, volume, ImagePositionPatient=positions)
    text = "\n".join(problems_of(tmp_path))
    assert len(text.splitlines()) == 3
    assert "at one position" in text and "missing slices: 1 between" in text and "6.5 mm between" in text


def test_mixed_series_are_told_with_their_files(folder):
    write_series(folder, VOLUME, names=[f"other{n}.dcm" for n in range(4)])
    (problem,) = problems_of(folder)
    assert "2 series: 4 files such as " in problem and "accepted: one" in problem


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"PixelSpacing": ["1", "1"]}, "different pixel sizes: 1.5 x 1.5 mm (3 files), 1 x 1 mm (1 files)"),
        ({"ImageOrientationPatient": ["0", "1", "0", "0", "0", "-1"]}, "different orientations"),
        ({"ImagePositionPatient": ["-85", "-80", "-6.9"]}, "shifted in their plane by up to 5 mm"),
        ({"ImagePositionPatient": None}, "no ImagePositionPatient"),
        ({"ImagePositionPatient": ["1", "2"]}, "invalid position, orientation or pixel size"),
        ({"ImagePositionPatient": ["nan", "0", "0"]}, "invalid position, orientation or pixel size"),
        ({"ImageOrientationPatient": ["0"] * 6}, "invalid position, orientation or pixel size"),
        ({"ImageOrientationPatient": ["1", "0", "0"] * 2}, "invalid position, orientation or pixel size"),
        ({"PixelSpacing": ["0", "1"]}, "invalid position, orientation or pixel size"),
        ({"NumberOfFrames": "5"}, "several frames in one file"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "inverted grey values"),
        ({"SeriesInstanceUID": None}, "no SeriesInstanceUID"),
    ],
)
def test_slices_that_do_not_fit_are_told(folder, tags, message):
    edit(by_number(folder)[3], **tags)
    assert message in "\n".join(problems_of(folder))


def test_slices_of_another_size_are_told(tmp_path):
    uid = generate_uid()
    write_series(tmp_path, VOLUME, series=uid)
    write_series(tmp_path, VOLUME[:3, :, :1], names=["small.dcm"], series=uid)
    assert "different sizes: 5 x 6 (4 files), 5 x 3 (1 files)" in problems_of(tmp_path)[0]


@pytest.mark.parametrize("kind", ["cut", "garbage", "empty"])
def test_damaged_files_are_told(folder, kind):
    path = by_number(folder)[1]
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-20], "garbage": b"x" * 500, "empty": b""}[kind])
    text = "\n".join(problems_of(folder))
    assert path.name in text and ("cannot be read" in text or "damaged or no DICOM" in text)


def test_a_folder_without_slices_or_with_one(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    assert "no DICOM file" in problems_of(tmp_path)[0]
    write_series(tmp_path, VOLUME[:, :, :1])
    assert "one slice; accepted: a volume of two or more" in problems_of(tmp_path)[0]
