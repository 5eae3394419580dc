"""Small files that would be gigabytes in memory: refused from their headers, measured in memory and in bytes read."""

import gzip
import struct
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the library's own short name
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from fewlabel.data.formats import dicom_limits, volume_limits
from fewlabel.data.formats import nifti as nifti_file
from fewlabel.data.formats.dicom_series import read_series
from fewlabel.data.formats.registry import geometry, load
from fewlabel.data.formats.volume_limits import refuse_size
from helpers.dicom_trees import write_series
from helpers.refusals import error_of

MEGABYTE = 2**20


def nifti(path, shape, dtype=np.uint8, content=b"", extensions=b"", offset=None, second=False):
    """A compressed NIfTI file of that shape by its header, with this content behind it."""
    kind = nib.Nifti2Header if second else nib.Nifti1Header
    header = kind()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header.set_sform(np.eye(4), 1)
    size = kind.sizeof_hdr + 4 + len(extensions)
    header["vox_offset"] = size if offset is None else offset
    header["magic"] = header.single_magic
    more = b"\x01\0\0\0" if extensions else bytes(4)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock + more + extensions + content)
    return path


def problem_of(path, role="image"):
    """The one problem of a file, and the most memory that Python took to find it."""
    tracemalloc.start()
    grid, problems = load(path, f"images/{path.name}", None, role)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grid is None and len(problems) == 1 and problems[0].startswith(f"images/{path.name}"), problems
    return problems[0], peak


def test_a_volume_is_judged_by_its_sides_its_voxels_and_the_memory_there_is():
    refuse_size((1000, 1000, 1000), "a", 12 * 10**9)
    refuse_size((100, 100, 100, 1000), "a", 12 * 10**6)
    assert "1000 x 1000 x 1001 voxels; accepted: up to 1,000,000,000" in error_of(refuse_size, (1000, 1000, 1001), "a")
    assert "32,767 along an axis" in error_of(refuse_size, (1, 1, 10**6), "a")
    message = error_of(refuse_size, (100, 100, 100), "a", 12 * 10**6 - 1)
    assert "need 12 MB of memory; accepted: up to 12 MB on this machine; to fix: resample" in message


@pytest.mark.parametrize("second", [False, True])
def test_a_nifti_file_of_zeros_without_end_is_refused_from_its_header(tmp_path, second):
    path = nifti(tmp_path / "a.nii.gz", (2000, 2000, 1000), second=second)
    message, peak = problem_of(path)
    assert "2000 x 2000 x 1000 voxels; accepted: up to 1,000,000,000" in message and peak < 10 * MEGABYTE
    assert "2000 x 2000 x 1000" in error_of(geometry, path)


def test_what_stands_behind_the_voxels_is_not_decompressed(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti_file, "MOST_TRAILER_BYTES", 4 * MEGABYTE)
    monkeypatch.setattr(nifti_file, "BLOCK", MEGABYTE)
    voxels = bytes(range(250)) * 4
    nifti(tmp_path / "sound.nii.gz", (10, 10, 10), content=voxels + bytes(MEGABYTE))
    assert load(tmp_path / "sound.nii.gz", "a", None, "image")[1] == []
    path = nifti(tmp_path / "a.nii.gz", (10, 10, 10), content=voxels + bytes(64 * MEGABYTE))
    message, peak = problem_of(path)
    assert "more than 4 MB follow its voxels" in message and peak < 20 * MEGABYTE


@pytest.mark.parametrize("second", [False, True])
def test_header_extensions_of_gigabytes_are_refused_before_they_are_read(tmp_path, second, monkeypatch):
    monkeypatch.setattr(volume_limits, "MOST_EXTENSION_BYTES", 4 * MEGABYTE)
    one = struct.pack("<ii24x", 64 * MEGABYTE, 6)
    path = nifti(tmp_path / "a.nii.gz", (4, 4, 4), extensions=one, content=bytes(64 * MEGABYTE), second=second)
    message, peak = problem_of(path)
    assert "bytes between its header and its voxels" in message and peak < 10 * MEGABYTE
    far = nifti(tmp_path / "b.nii.gz", (4, 4, 4), offset=10**9, content=bytes(64 * MEGABYTE), second=second)
    assert "1e+09 bytes between" in problem_of(far)[0]
    many = struct.pack("<ii8x", 16, 6) * 2000
    path = nifti(tmp_path / "c.nii.gz", (4, 4, 4), extensions=many, content=bytes(64), second=second)
    assert "more than 1000 header extensions" in problem_of(path)[0]


def test_a_file_with_extensions_is_read(tmp_path):
    image = nib.Nifti1Image(np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 5000))
    nib.save(image, tmp_path / "a.nii.gz")
    assert load(tmp_path / "a.nii.gz", "a", None, "image")[1] == []


def test_a_compressed_metaimage_is_judged_by_its_header(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((4, 4, 4), np.uint8))
    for name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(image, str(tmp_path / name), useCompression=True)
        content = (tmp_path / name).read_bytes()
        for key in (b"DimSize = 4 4 4", b"sizes: 4 4 4"):
            content = content.replace(key, key.replace(b"4 4 4", b"20000 20000 20000"))
        (tmp_path / name).write_bytes(content)
        assert "20000 x 20000 x 20000 voxels; accepted" in problem_of(tmp_path / name)[0]


# --------------------------------------------------------------------------------------------------------------- DICOM
@pytest.fixture
def series(tmp_path):
    volume = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
    return write_series(tmp_path / "s", volume)


def test_a_slice_of_more_pixels_than_any_is_refused_from_its_header(series):
    for path in series.iterdir():
        dataset = dcmread(path)
        dataset.Rows = dataset.Columns = 65535
        dataset.save_as(path)
    found, problems = read_series(series, "s")
    assert found is None
    assert problems == [
        "s: 65535 x 65535 pixels; accepted: 1 to 8192 along each side; to fix: resample or export them again in "
        "IMG-0004-00001.dcm, IMG-0004-00002.dcm, IMG-0004-00003.dcm"
    ]


def deflated(path, content):
    """The header of a file as a deflated one, and content in the place of what follows."""
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    if content:
        whole = path.read_bytes()
        start = 132 + 12 + dataset.file_meta.FileMetaInformationGroupLength
        compress = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        path.write_bytes(whole[:start] + compress.compress(content) + compress.flush())


def test_deflated_files_are_read_and_those_of_zeros_without_end_are_refused(series, monkeypatch):
    monkeypatch.setattr(dicom_limits, "MOST_DEFLATED_BYTES", 8 * MEGABYTE)
    files = sorted(series.iterdir())
    for path in files:
        deflated(path, b"")
    assert read_series(series, "s")[1] == []
    deflated(files[1], bytes(64 * MEGABYTE))
    tracemalloc.start()
    _, problems = read_series(series, "s")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a deflated file of more than 8 MB when decompressed" in problems[0] and "IMG-0004-00002.dcm" in problems[0]
    assert peak < 16 * MEGABYTE


def test_a_folder_of_more_files_than_any_series_is_refused_before_they_are_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom_limits, "MOST_FILES", 3)
    monkeypatch.setattr("fewlabel.data.formats.dicom_headers.MOST_FILES", 3)
    folder = tmp_path / "s"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.dcm").touch()
    assert read_series(folder, "s")[1] == [
        "s: 4 files; accepted: one series of up to 3 slices; to fix: split the folder"
    ]
