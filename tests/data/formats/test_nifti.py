import gzip
import os

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.checks import TOLERANCE_MM, corner_distance
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.subjects.folder_contents import contents, unread_lines
from fewlabel.utils.errors import InputError


def source(**changes):
    return NiftiSource(kind="nifti", **{"folder": "mine", "labels": [1], **changes})


def named(subjects, name):
    return next(subject for subject in subjects if subject.subject == name)


def reading_error(name="a", **changes):
    """The message of reading one subject; the check of the whole cohort must hold the same lines."""
    subjects = nifti.list_subjects(source(**changes))
    with pytest.raises(InputError) as error:
        nifti.read_volume(source(**changes), named(subjects, name))
    checked = nifti.check(source(**changes), subjects)
    assert set(str(error.value).splitlines()) <= set(checked)
    return str(error.value)


def image_of(path):
    return np.asarray(nib.load(path).dataobj)


# ---------------------------------------------------------------------------------------------------- bad volumes
@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(mine, part, share):
    path = mine / part / "a.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert reading_error().startswith(f"{part}/a.nii.gz: truncated")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(missing=st.integers(1, 400))
def test_wherever_a_compressed_file_is_cut_it_is_refused(mine, missing):
    path = mine / "images" / "cut.nii.gz"
    path.write_bytes((mine / "images" / "a.nii.gz").read_bytes()[:-missing])
    subject = named(nifti.list_subjects(source()), "cut")
    with pytest.raises(InputError, match=r"images/cut\.nii\.gz: truncated"):
        nifti.read_volume(source(), subject)


def test_a_damaged_byte_is_found_behind_the_channel_that_is_read(mine, write):
    path = write(
        mine / "images" / "a.nii.gz", np.random.default_rng(0).integers(0, 999, (16, 16, 8, 4), dtype=np.int16)
    )
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 0xFF
    path.write_bytes(damaged)
    subjects = nifti.list_subjects(source(channel=0))
    with pytest.raises(InputError, match=r"images/a\.nii\.gz: truncated or damaged"):
        nifti.read_volume(source(channel=0), subjects[0])


def test_an_uncompressed_file_cut_short_is_refused(mine, write):
    (mine / "images" / "a.nii.gz").unlink()
    path = write(mine / "images" / "a.nii", np.arange(210, dtype=np.int16).reshape(7, 6, 5))
    path.write_bytes(path.read_bytes()[:-10])
    assert reading_error().startswith("images/a.nii: truncated")


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x1f\x8b" + b"garbage" * 100])
@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_file_that_is_no_nifti_is_refused(mine, part, content):
    (mine / part / "a.nii.gz").write_bytes(content)
    assert reading_error().startswith(f"{part}/a.nii.gz: truncated or not a NIfTI file")


def test_a_dangling_link_is_refused(mine):
    (mine / "images" / "e.nii.gz").symlink_to(mine / "gone.nii.gz")
    link = f"a link to {mine}/gone.nii.gz, which does not exist"
    assert reading_error("e") == f"images/e.nii.gz: {link}; to fix: correct or remove the link"


def test_a_file_that_is_not_compressed_as_its_name_says_is_told(mine):
    path = mine / "images" / "a.nii.gz"
    packed = path.read_bytes()
    path.write_bytes(gzip.decompress(packed))
    assert reading_error() == (
        "images/a.nii.gz: not compressed; accepted: .nii for such a file; to fix: rename it to a.nii"
    )
    path.rename(mine / "images" / "a.nii")
    nifti.read_volume(source(), nifti.list_subjects(source())[0])
    (mine / "images" / "a.nii").write_bytes(packed)
    assert "images/a.nii: compressed; accepted: .nii.gz" in reading_error()


def test_what_the_system_refuses_is_told_as_such(mine):
    path = mine / "images" / "a.nii.gz"
    path.unlink()
    path.symlink_to("a.nii.gz")
    assert reading_error() == (
        "images/a.nii.gz: Too many levels of symbolic links; to fix: correct the symbolic link, which points to itself"
    )


def test_a_pipe_among_images_is_refused_and_never_opened(mine):
    os.mkfifo(mine / "images" / "pipe.nii.gz")
    found = contents(mine / "images")
    assert "pipe.nii.gz" not in [path.name for path in found.used]
    assert unread_lines(found.unused, mine, stopping=True) == [
        "images/: not read: pipe.nii.gz: a pipe, socket or device; accepted: files; to fix: remove it"
    ]


def test_a_4d_image_without_channel_is_refused(mine, write):
    write(mine / "images" / "a.nii.gz", np.random.default_rng(0).random((7, 6, 5, 3)))
    assert reading_error() == (
        "images/a.nii.gz: 4D file of 3 channels; to fix: set `channel` to one of 0 to 2, or "
        "make it one 3D file a channel"
    )


def test_a_channel_that_is_not_there_is_refused(mine, write):
    write(mine / "images" / "a.nii.gz", np.random.default_rng(0).random((7, 6, 5, 3)))
    assert "images/a.nii.gz: no channel 3; accepted: 0 to 2" in reading_error(channel=3)


def test_a_channel_of_a_3d_image_is_refused(mine):
    assert "images/a.nii.gz: no channel 1, the file is 3D" in reading_error(channel=1)


def test_a_label_of_several_channels_is_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.zeros((7, 6, 5, 2), dtype=np.uint8))
    message = reading_error()
    assert "labels/a.nii.gz: a label of 2 channels" in message
    assert "set `channel`" not in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_values_are_refused(mine, write, value):
    image = np.random.default_rng(0).random((7, 6, 5)).astype(np.float32)
    image[3, 2, 1] = value
    write(mine / "images" / "a.nii.gz", image)
    assert "images/a.nii.gz: 1 values are NaN or infinite" in reading_error()


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_volume_is_refused(mine, write, value):
    write(mine / "images" / "a.nii.gz", np.full((7, 6, 5), value, dtype=np.int16))
    assert f"images/a.nii.gz: constant volume ({value} everywhere)" in reading_error()


def test_image_and_mask_of_different_shape_are_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.ones((7, 6, 4), dtype=np.uint8))
    message = reading_error()
    assert "labels/a.nii.gz: shape (7, 6, 4), but images/a.nii.gz has (7, 6, 5)" in message


@pytest.mark.parametrize("change", ["shift", "mirror", "slice"])
def test_image_and_mask_of_different_affine_are_refused(mine, write, change):
    affine = nib.load(mine / "labels" / "a.nii.gz").affine.copy()
    if change == "shift":
        affine[0, 3] += 0.01
    elif change == "mirror":
        affine[:, 0] *= -1
    else:
        affine[:3, 2] *= 1.001
    write(mine / "labels" / "a.nii.gz", image_of(mine / "labels" / "a.nii.gz"), affine)
    message = reading_error()
    assert "labels/a.nii.gz: its affine places it up to " in message
    assert "mm from images/a.nii.gz" in message


def test_an_affine_without_inverse_is_refused(mine):
    image = nib.load(mine / "images" / "a.nii.gz")
    header = image.header.copy()
    header.set_qform(None, 0)
    header["srow_x"] = 0
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, header), mine / "images" / "a.nii.gz")
    assert "images/a.nii.gz: the header's affine has no inverse" in reading_error()


def test_a_label_of_broken_values_is_refused(mine, write):
    label = np.linspace(0, 1, 210).reshape(7, 6, 5).astype(np.float32)
    write(mine / "labels" / "a.nii.gz", label)
    assert "labels/a.nii.gz: values that are no whole numbers (0.0047" in reading_error()


def test_a_label_of_nan_is_refused(mine, write):
    write(mine / "labels" / "a.nii.gz", np.full((7, 6, 5), np.nan, dtype=np.float32))
    assert "labels/a.nii.gz: values that are no whole numbers (nan)" in reading_error()


def test_all_problems_of_one_volume_are_told_at_once(mine, write):
    write(mine / "images" / "a.nii.gz", np.zeros((7, 6, 5), dtype=np.int16))
    write(mine / "labels" / "a.nii.gz", np.full((7, 6, 4), 0.5, dtype=np.float32))
    message = reading_error()
    for part in ("constant volume", "no whole numbers", "shape (7, 6, 4)"):
        assert part in message


# ------------------------------------------------------------------------------------------------ affines that agree
def quaternion_only(image):
    """The same image whose header holds the affine as a quaternion only."""
    header = image.header.copy()
    header.set_qform(image.affine, code=1)
    header.set_sform(None, code=0)
    return nib.Nifti1Image(np.asarray(image.dataobj), None, header)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(seed=st.integers(0, 10**6), tilt=st.sampled_from([1.0, 0.1, 1e-2, 1e-3, 1e-4]), half_turn=st.booleans())
def test_a_mask_whose_header_holds_a_quaternion_fits_its_image(mine, seed, tilt, half_turn):
    rng = np.random.default_rng(seed)
    turn = np.diag([-1, -1, 1]) if half_turn else np.eye(3)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(rng.normal(0, tilt, 3)).as_matrix() @ turn * [0.6, 0.6, 3.0]
    affine[:3, 3] = rng.uniform(-150, 150, 3)
    # Long axes, since a rounded rotation moves far corners most.
    image = nib.Nifti1Image(rng.integers(0, 99, (384, 3, 30), dtype=np.int16), affine)
    label = quaternion_only(nib.Nifti1Image(np.ones((384, 3, 30), dtype=np.uint8), affine))
    nib.save(image, mine / "images" / "turned.nii")
    nib.save(label, mine / "labels" / "turned.nii")
    subject = named(nifti.list_subjects(source()), "turned")
    assert nifti.read_volume(source(), subject).mask.all()


def test_the_corner_distance_of_a_shift_is_the_shift():
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    shifted = affine.copy()
    shifted[:3, 3] = [3.0, 4.0, 0.0]
    assert corner_distance((4, 5, 6), affine, shifted) == pytest.approx(5.0)


def test_the_corner_distance_of_a_scaling_is_that_of_the_farthest_corner():
    affine = np.eye(4)
    assert corner_distance((11, 2, 2), affine, np.diag([1.1, 1, 1, 1])) == pytest.approx(1.0)


def test_rounding_below_the_tolerance_passes(mine, write):
    affine = nib.load(mine / "labels" / "a.nii.gz").affine.copy()
    affine[0, 3] += TOLERANCE_MM / 2
    write(mine / "labels" / "a.nii.gz", image_of(mine / "labels" / "a.nii.gz"), affine)
    assert nifti.check(source(), nifti.list_subjects(source())) == []


# ----------------------------------------------------------------------------------------------------- odd headers
def patch(path, *changes):
    """Overwrite bytes of a NIfTI file's header, as (offset, bytes): nibabel would not write such a file."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    for offset, content in changes:
        raw[offset : offset + len(content)] = content
    path.write_bytes(gzip.compress(bytes(raw)))


# sform_code 1, then the first number of srow_x.
NAN_SFORM = ((254, b"\1\0"), (280, np.float32(np.nan).tobytes()))


@pytest.mark.parametrize("parts", [["images"], ["labels"], ["images", "labels"]])
def test_an_affine_with_nan_is_told_once(mine, parts):
    for part in parts:
        patch(mine / part / "a.nii.gz", *NAN_SFORM)
    message = reading_error()
    assert message.startswith(f"{parts[0]}/a.nii.gz: the header's affine has no inverse")
    assert len(message.splitlines()) == 1 and "nan mm" not in message


def test_complex_values_and_colours_are_refused(mine, write):
    image = image_of(mine / "images" / "a.nii.gz")
    write(mine / "images" / "a.nii.gz", image * np.complex64(1 + 1j))
    assert "values of type complex64; accepted: one real number a voxel" in reading_error()
    write(mine / "images" / "a.nii.gz", np.zeros(image.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")]))
    assert "colours; accepted: one real number a voxel" in reading_error()


def test_a_header_of_a_size_that_no_memory_holds_is_told_with_a_reason(mine):
    patch(mine / "images" / "a.nii.gz", (42, np.array([32000] * 3, "<i2").tobytes()))
    message = reading_error()
    assert message.startswith(
        "images/a.nii.gz: 32000 x 32000 x 32000 voxels; accepted: up to 1,000,000,000 in a volume"
    )
