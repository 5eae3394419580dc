"""Voxel sizes that no image has and working grids that no memory holds are refused by name, in any format."""

import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from typer.testing import CliRunner

from fewlabel.cli.commands import app
from fewlabel.config.cohort import Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import FetchSettings, PlannedSplit, Preparation
from fewlabel.config.sources.chaos import ChaosSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.dicom_series import load_series, read_series
from fewlabel.data.formats.registry import geometry, load
from fewlabel.data.sources import registry
from fewlabel.inference.predict import read_image
from fewlabel.utils.errors import InputError
from helpers.dicom_trees import write_ground, write_series

IMAGE = np.random.default_rng(0).integers(0, 900, (12, 10, 4)).astype(np.int16)
SOUND = np.diag([-2.0, -2.0, 5.0, 1.0])


def nifti(path, affine, unit="mm", more=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(IMAGE + np.int16(more), affine)
    image.header.set_xyzt_units(unit)
    nib.save(image, path)


def metaimage(path, affine, unit=None):
    image = SimpleITK.GetImageFromArray(IMAGE.transpose(2, 1, 0))
    image.SetSpacing(np.abs(np.diag(affine)[:3]).tolist())
    SimpleITK.WriteImage(image, path)
    if unit is not None:
        text = path.read_text()
        path.write_text(text.replace("ElementSpacing", f"DistanceUnits = {unit}\nElementSpacing"))


# -------------------------------------------------------------------------------------------------------- voxel sizes
@pytest.mark.parametrize(
    ("sizes", "unit", "said"),
    [
        ((5e5, 2, 5), "mm", "voxels of 5e+05 x 2 x 5 mm (unit in its header: mm)"),
        ((2, 0.002, 5), "mm", "voxels of 2 x 0.002 x 5 mm"),
        ((2, 2, 5), "meter", "voxels of 2000 x 2000 x 5000 mm (unit in its header: metre)"),
        ((2, 2, 5), "micron", "voxels of 0.002 x 0.002 x 0.005 mm (unit in its header: micron)"),
        ((2000, 2000, 5000), "unknown", "voxels of 2000 x 2000 x 5000 mm (unit in its header: unknown, taken as mm)"),
    ],
)
def test_sizes_that_no_image_has_are_refused_at_the_check_and_by_predict(data, sizes, unit, said):
    nifti(data / "mine" / "images" / "a.nii.gz", np.diag([*sizes, 1.0]), unit)
    nifti(data / "mine" / "labels" / "a.nii.gz", np.diag([*sizes, 1.0]), unit)
    source = NiftiSource(kind="nifti", folder="mine")
    reported = [one for one in registry.check(source, registry.list_subjects(source)) if "voxels of" in one]
    (problem,) = reported
    assert problem.startswith(f"images/a.nii.gz: {said}") and "accepted: 0.01 to 100 mm" in problem
    with pytest.raises(InputError, match=r"accepted: 0\.01 to 100 mm along each axis"):
        read_image(data / "mine" / "images" / "a.nii.gz")


def test_sizes_at_the_bounds_are_accepted(tmp_path):
    for number, size in enumerate((0.0100001, 99.999)):
        nifti(tmp_path / f"{number}.nii.gz", np.diag([size, size, size, 1.0]))
        assert read_image(tmp_path / f"{number}.nii.gz").image.shape == IMAGE.shape


def test_sizes_of_a_metaimage_and_a_dicom_series_are_checked(tmp_path):
    metaimage(tmp_path / "a.mhd", np.diag([5e5, 2, 5, 1.0]))
    write_series(tmp_path / "series", IMAGE, np.diag([-2000.0, -2000.0, 5.0, 1.0]))
    with pytest.raises(InputError, match=r"a\.mhd: voxels of 5e\+05 x 2 x 5 mm"):
        read_image(tmp_path / "a.mhd")
    with pytest.raises(InputError, match=r"series: voxels of 2000 x 2000 x 5 mm; accepted"):
        read_image(tmp_path / "series")


def test_the_check_of_chaos_looks_at_sizes(data):
    tree = data / "CHAOS" / "Train_Sets" / "MR" / "1" / "T2SPIR"
    write_series(tree / "DICOM_anon", IMAGE, np.diag([-0.001, -0.001, 5.0, 1.0]))
    write_ground(tree / "Ground", np.ones(IMAGE.shape, np.uint8))
    source = ChaosSource(kind="chaos", folder="CHAOS", png_order="numbered")
    problems = registry.check(source, registry.list_subjects(source))
    assert any("DICOM_anon: voxels of 0.001 x 0.001 x 5 mm" in problem for problem in problems)


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("cm", 10.0), ("mm", 1.0), (None, 1.0)])
def test_the_unit_of_a_metaimage_counts(tmp_path, unit, factor):
    metaimage(tmp_path / "a.mhd", np.diag([2 / factor, 2 / factor, 5 / factor, 1.0]), unit)
    assert np.allclose(np.abs(np.diag(geometry(tmp_path / "a.mhd")[1])), [2, 2, 5, 1])
    assert np.allclose(np.abs(np.diag(read_image(tmp_path / "a.mhd").affine)), [2, 2, 5, 1])


# ------------------------------------------------------------------------------------------------------- working grids
def fetch(out, grid):
    settings = FetchSettings(cohort="own", source=NiftiSource(kind="nifti", folder="mine"), fingerprint="")
    admission = PlannedSplit(cohort="own", test=1, seed=0, grid=grid)
    words = ["fetch", "--settings", canonical(settings), "--split", canonical(admission)]
    words += ["--subjects", str(out / "subjects.csv"), "--source", str(out / "source.json")]
    return CliRunner().invoke(app, words, env={"OMP_NUM_THREADS": "1"})


@pytest.fixture
def three(data):
    for name in "abc":
        affine = np.diag([90.0, 90.0, 5.0, 1.0]) if name == "b" else SOUND
        nifti(data / "mine" / "images" / f"{name}.nii.gz", affine, more=ord(name))
        label = nib.Nifti1Image((5 * ord(name) < IMAGE).astype(np.uint8), affine)
        (data / "mine" / "labels").mkdir(exist_ok=True)
        nib.save(label, data / "mine" / "labels" / f"{name}.nii.gz")
    return data / "mine"


def test_a_working_grid_that_no_memory_holds_is_refused_at_the_check(three, tmp_path):
    reported = str(fetch(tmp_path / "out", Grid(spacing_mm=0.05)).exception)
    (line,) = [line for line in reported.splitlines() if "images/" in line]
    assert "images/b.nii.gz: 4 slices of 18000 x 21600 pixels on the working grid" in line
    assert "check the voxel size in its header" in line and not (tmp_path / "out").exists()
    assert fetch(tmp_path / "out", Grid(spacing_mm=3)).exit_code == 0


def test_predict_refuses_such_an_image_and_names_it(three, tmp_path):
    from fewlabel.inference.predict import segment
    from fewlabel.inference.prediction_plan import PredictionTask
    from fewlabel.inference.segmenter import Segmenter

    preparation = Preparation(grid=Grid(spacing_mm=0.05))
    tasks = [PredictionTask(three / "images" / "b.nii.gz", tmp_path / "mask.nii.gz")]
    # No network is needed: the image does not get so far.
    with pytest.raises(InputError, match=r"b\.nii\.gz: 4 slices of 18000 x 21600 pixels"):
        segment(Segmenter(None, preparation, None, "f32"), tasks)
    assert not (tmp_path / "mask.nii.gz").exists()


# -------------------------------------------------------------------------------------------- libraries that say much
def spoil_series(folder):
    """A series that pydicom reads, with warnings: an unknown character set, and bytes behind the pixels."""
    pixels = [IMAGE[:, :, index].T.tobytes() + bytes(64) for index in range(IMAGE.shape[2])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_series(folder, IMAGE, SpecificCharacterSet="foo", PixelData=pixels)


def test_what_libraries_print_of_a_file_without_its_name_does_not_appear(tmp_path, capfd, caplog):
    spoil_series(tmp_path / "series")
    metaimage(tmp_path / "a.mhd", SOUND)
    (tmp_path / "a.mhd").write_text((tmp_path / "a.mhd").read_text().replace("ElementType = MET_SHORT\n", ""))
    nifti(tmp_path / "a.nii", SOUND)
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[80:84] = np.float32(-2).tobytes()
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    caplog.clear()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        series, _ = read_series(tmp_path / "series", "series")
        assert load_series(series, "series")[0] is not None
        grid, problems = load(tmp_path / "a.mhd", "a.mhd", None, "image")
        assert grid is None and problems[0].startswith("a.mhd: ")
        with pytest.raises(InputError):
            geometry(tmp_path / "a.mhd")
        assert read_image(tmp_path / "a.nii").image.shape == IMAGE.shape
    said = capfd.readouterr()
    assert said.out == "" and said.err == "" and not warned and not caplog.records
