"""Masks lie where their images lie, in nibabel and in ITK, whatever the image's header says of its place."""

import gzip
from functools import partial

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from scipy.spatial.transform import Rotation

from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.data import Preparation
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.registry import geometry
from fewlabel.data.preprocessing.volume import read_nifti
from fewlabel.data.sources import registry
from fewlabel.data.sources.nifti import nifti
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.inference.evaluate import evaluate_subject
from fewlabel.inference.image_channels import ImageChannels
from fewlabel.inference.predict import segment
from fewlabel.inference.prediction_plan import PredictionTask
from fewlabel.inference.segmenter import Segmenter
from fewlabel.training.sampling import Slices
from helpers.networks import ragged_network

SHAPE = (20, 18, 6)
GRID = Grid(matrix=(16, 16), spacing_mm=2.5)
TURNED = np.eye(4)
TURNED[:3, :3] = Rotation.from_euler("xyz", [9, -7, 4], degrees=True).as_matrix() @ np.diag([-2.0, 2.0, 5.0])
TURNED[:3, 3] = [10, 20, -30]
UPRIGHT = np.array([[-2.0, 0, 0, 15], [0, 2, 0, 10], [0, 0, 5, -30], [0, 0, 0, 1]])


def header(qcode, scode, qform=UPRIGHT, sform=TURNED, unit="mm", scale=1.0):
    """A header that places a grid twice; lengths are multiplied by `scale`, as the unit asks."""
    made, scaling = nib.Nifti1Header(), np.diag([scale, scale, scale, 1])
    made.set_data_shape(SHAPE)
    made.set_zooms((2 * scale, 2 * scale, 5 * scale))
    made.set_qform(scaling @ qform, qcode)
    made.set_sform(scaling @ sform, scode)
    made.set_xyzt_units(unit)
    return made


PLACES = {
    "sform and qform differ, codes 1 and 1": header(1, 1),
    "sform and qform differ, codes 1 and 2": header(1, 2),
    "sform and qform differ, codes 2 and 4": header(2, 4),
    "qform alone": header(1, 0),
    "sform alone": header(0, 2),
    "no codes": header(0, 0),
    "micron": header(1, 1, TURNED, TURNED, "micron", 1000),
    "metre": header(1, 1, TURNED, TURNED, "meter", 0.001),
}


def write(path, made, array):
    path.parent.mkdir(exist_ok=True, parents=True)
    made = made.copy()
    made.set_data_dtype(array.dtype)
    nib.save(nib.Nifti1Image(array, None, made), path)
    return path


def image():
    return np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)


def itk_affine(path):
    """Where ITK places the voxels, RAS+ mm."""
    read = SimpleITK.ReadImage(path)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(read.GetDirection(), (3, 3)) * read.GetSpacing()
    affine[:3, 3] = read.GetOrigin()
    return np.diag([-1.0, -1, 1, 1]) @ affine


def refuse_other_places(mask, image):
    first, second = nib.load(mask), nib.load(image)
    assert first.shape == second.shape[:3] and first.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(first.affine, second.affine)
    np.testing.assert_array_equal(itk_affine(mask), itk_affine(image))
    for name in ("qform_code", "sform_code", "xyzt_units", "quatern_b", "qoffset_x", "srow_x"):
        np.testing.assert_array_equal(first.header[name], second.header[name])


def network():
    return ragged_network([4, 8], GRID.matrix)


@pytest.fixture
def cohort(tmp_path):
    def make(made, mask_like=None):
        write(tmp_path / "cohort" / "images" / "a.nii.gz", made, image())
        write(tmp_path / "cohort" / "labels" / "a.nii.gz", mask_like or made, (image() > 500).astype(np.uint8))
        return NiftiSource(kind="nifti", folder=str(tmp_path / "cohort"))

    return make


# -------------------------------------------------------------------------------------------------- what is written
@pytest.mark.parametrize("name", PLACES)
def test_a_predicted_mask_lies_on_its_image_in_every_program(tmp_path, name):
    path = write(tmp_path / "image.nii.gz", PLACES[name], image())
    use = Segmenter(network(), Preparation(grid=GRID), torch.device("cpu"), "f32")
    segment(use, [PredictionTask(path, tmp_path / "mask.nii.gz")])
    assert 0.05 < nib.load(tmp_path / "mask.nii.gz").get_fdata().mean() < 0.95
    refuse_other_places(tmp_path / "mask.nii.gz", path)


@pytest.mark.parametrize("name", PLACES)
def test_the_masks_of_a_study_lie_on_their_images_in_every_program(cohort, tmp_path, name):
    source = cohort(PLACES[name])
    assert nifti.check(source, nifti.list_subjects(source)) == []
    listed, read = nifti.list_subjects(source), partial(nifti.read_volume, source)
    pack(listed, read, GRID, tmp_path / "slices", tmp_path / "native")
    slices = Slices(open_store(tmp_path / "slices" / "store.json"), torch.device("cpu"))
    (tmp_path / "predictions").mkdir()
    labels, predictions = tmp_path / "native" / "labels", tmp_path / "predictions"
    evaluate_subject(network(), slices, GRID, "a", labels, predictions, "f32")
    for folder in (labels, predictions):
        refuse_other_places(folder / "a.nii.gz", tmp_path / "cohort" / "images" / "a.nii.gz")
    truth = nib.load(labels / "a.nii.gz")
    assert np.array_equal(np.asarray(truth.dataobj), image() > 500)


def test_a_channel_of_a_4d_image_places_its_mask(tmp_path):
    made = header(1, 2)
    made.set_data_shape((*SHAPE, 2))
    path = write(tmp_path / "image.nii.gz", made, np.stack([image(), image()], axis=-1))
    use = Segmenter(network(), Preparation(grid=GRID), torch.device("cpu"), "f32")
    segment(use, [PredictionTask(path, tmp_path / "mask.nii.gz")], ImageChannels({"": 1}))
    mask, first = nib.load(tmp_path / "mask.nii.gz"), nib.load(path)
    np.testing.assert_array_equal(mask.header.get_qform(), first.header.get_qform())
    np.testing.assert_array_equal(mask.header.get_sform(), first.header.get_sform())


# ----------------------------------------------------------------------------------------------------- what is read
@pytest.mark.parametrize("name", PLACES)
def test_a_mask_that_itk_writes_on_an_image_is_on_its_grid(cohort, tmp_path, name):
    source = cohort(PLACES[name])
    path = tmp_path / "cohort" / "images" / "a.nii.gz"
    read = SimpleITK.ReadImage(path)
    mask = SimpleITK.Cast(read > 500, SimpleITK.sitkUInt8)
    SimpleITK.WriteImage(mask, tmp_path / "cohort" / "labels" / "a.nii.gz")
    assert nifti.check(source, nifti.list_subjects(source)) == []
    (subject,) = nifti.list_subjects(source)
    assert np.array_equal(nifti.read_volume(source, subject).mask, image() > 500)


def test_a_mask_elsewhere_is_still_refused(cohort):
    away = UPRIGHT.copy()
    away[0, 3] += 3
    source = cohort(header(1, 1), mask_like=header(1, 1, away, away))
    (problem,) = nifti.check(source, nifti.list_subjects(source))
    assert "labels/a.nii.gz: its affine places it up to" in problem


def test_lengths_in_micron_and_metre_are_read_as_mm(tmp_path):
    for name in ("micron", "metre"):
        path = write(tmp_path / f"{name}.nii.gz", PLACES[name], image())
        np.testing.assert_allclose(read_nifti(path)[1], TURNED, atol=1e-4)
        np.testing.assert_allclose(geometry(path)[1], TURNED, atol=1e-4)
        np.testing.assert_allclose(itk_affine(path), TURNED, atol=1e-4)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_quaternion_a_little_longer_than_1_is_read_as_itk_reads_it(tmp_path, number):
    rng = np.random.default_rng(number)
    made = header(1, 0)
    vector = rng.normal(size=3)
    vector *= 1.0002 / np.linalg.norm(vector)
    made["quatern_b"], made["quatern_c"], made["quatern_d"] = vector
    path = write(tmp_path / "image.nii", made, image())
    with pytest.raises(ValueError, match="w2 should be positive"):
        nib.load(path)
    np.testing.assert_allclose(read_nifti(path)[1], itk_affine(path), atol=1e-3)
    np.testing.assert_allclose(geometry(path)[1], itk_affine(path), atol=1e-3)
    use = Segmenter(network(), Preparation(grid=GRID), torch.device("cpu"), "f32")
    segment(use, [PredictionTask(path, tmp_path / "mask.nii")])
    np.testing.assert_allclose(itk_affine(tmp_path / "mask.nii"), itk_affine(path), atol=1e-3)
    np.testing.assert_allclose(nib.load(tmp_path / "mask.nii").affine, itk_affine(path), atol=1e-3)


def test_axes_of_length_1_behind_the_third_are_read(cohort, tmp_path):
    source = cohort(PLACES["sform alone"])
    for part in ("images", "labels"):
        path = tmp_path / "cohort" / part / "a.nii.gz"
        file = nib.load(path)
        nib.save(nib.Nifti1Image(np.asarray(file.dataobj)[..., None, None], file.affine), path)
    assert nib.load(path).shape == (*SHAPE, 1, 1)
    assert nifti.check(source, nifti.list_subjects(source)) == []
    (subject,) = nifti.list_subjects(source)
    volume = nifti.read_volume(source, subject)
    assert volume.image.shape == SHAPE and np.array_equal(volume.mask, image() > 500)


# ----------------------------------------------------------------------------------------------------- what is told
def warnings_of(source, capsys):
    assert registry.check(source, nifti.list_subjects(source)) == []
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "sform and qform differ, codes 1 and 2",
            "images/a.nii.gz: its sform and qform differ by up to",
        ),
        ("no codes", "images/a.nii.gz: its header defines no position"),
        ("sform alone", None),
        ("micron", None),
    ],
)
def test_images_that_programs_place_differently_are_told(cohort, tmp_path, capsys, name, said):
    found = warnings_of(cohort(PLACES[name]), capsys)
    assert len(found) == (said is not None) and all(said in line for line in found)
    use = Segmenter(network(), Preparation(grid=GRID), torch.device("cpu"), "f32")
    segment(use, [PredictionTask(tmp_path / "cohort" / "images" / "a.nii.gz", tmp_path / "mask.nii.gz")])
    told = [line for line in capsys.readouterr().err.splitlines() if "form" in line]
    assert len(told) == len(found) and all(line.startswith("warning: a.nii.gz: its ") for line in told)


def test_the_distance_told_is_that_of_the_farthest_corner(cohort, capsys):
    moved = UPRIGHT.copy()
    moved[:3, 3] += [3, 4, 0]
    (line,) = warnings_of(cohort(header(1, 1, UPRIGHT, moved)), capsys)
    assert "differ by up to 5 mm;" in line


@pytest.mark.parametrize(("size", "said"), [(0.0, "(pixdim) 0 x 2 x 5"), (np.nan, "(pixdim) nan x 2 x 5")])
def test_voxel_sizes_that_are_none_are_told_by_file_and_not_by_the_library(cohort, tmp_path, caplog, size, said):
    source = cohort(PLACES["sform alone"])
    path = tmp_path / "cohort" / "images" / "a.nii.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[80:84] = np.float32(size).tobytes()
    path.write_bytes(gzip.compress(bytes(raw)))
    (problem,) = nifti.check(source, nifti.list_subjects(source))
    assert problem.startswith("images/a.nii.gz: voxel sizes") and said in problem
    # The library reports no problem of its own; progress is no problem.
    assert not [record for record in caplog.records if record.name != "fewlabel"]
