"""Volumes in each format that is read: endings in any case, places as the libraries that write them say."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.registry import geometry, load
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from helpers.dicom_trees import OBLIQUE, UPRIGHT, itk_image, orthogonal

IMAGE = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.int16)


def source(**changes):
    return NiftiSource(kind="nifti", folder="mine", labels=[1], **changes)


def reported(chosen):
    return "\n".join(registry.survey(chosen)[1])


@pytest.mark.parametrize("ending", [".NII.GZ", ".Nii.Gz", ".nii.GZ"])
def test_endings_count_whatever_their_case(mine, ending):
    before = registry.list_subjects(source())
    first = registry.read_volume(source(), before[0])
    for part in ("images", "labels"):
        (mine / part / "a.nii.gz").rename(mine / part / f"a{ending}")
    (mine / "labels" / "b.nii.gz").rename(mine / "labels" / f"b{ending}")
    after = registry.list_subjects(source())
    assert [(one.subject, one.labelled) for one in after] == [(one.subject, one.labelled) for one in before]
    assert registry.check(source(), after) == [] and reported(source()) == ""
    again = registry.read_volume(source(), after[0])
    assert np.array_equal(first.image, again.image) and np.array_equal(first.mask, again.mask)


@pytest.mark.parametrize("ending", [".NII", ".Nii", ".nii.Gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_file_is_opened_under_the_name_that_it_has(tmp_path, ending, kind):
    nib.save(kind(IMAGE, UPRIGHT), tmp_path / f"a{ending.lower()}")
    (tmp_path / f"a{ending.lower()}").rename(tmp_path / f"a{ending}")
    grid, problems = load(tmp_path / f"a{ending}", "a", None, "image")
    assert problems == [] and np.array_equal(grid.array, IMAGE) and np.allclose(grid.affine, UPRIGHT)
    assert geometry(tmp_path / f"a{ending}")[0] == IMAGE.shape


@pytest.mark.parametrize("ending", [".mha", ".MHA", ".mhd", ".MHD", ".nrrd", ".NRRD", ".seg.nrrd", ".nhdr", ".NHDR"])
def test_what_itk_writes_lies_where_its_nifti_lies(tmp_path, ending):
    image, path = itk_image(IMAGE, orthogonal(OBLIQUE)), tmp_path / f"a{ending}"
    sitk.WriteImage(image, str(tmp_path / f"a{ending.lower()}"))
    (tmp_path / f"a{ending.lower()}").rename(path)
    sitk.WriteImage(image, str(tmp_path / "same.nii.gz"))
    grid, problems = load(path, path.name, None, "image")
    assert problems == [] and np.array_equal(grid.array, IMAGE)
    assert np.allclose(grid.affine, nib.load(tmp_path / "same.nii.gz").affine, atol=1e-4)
    shape, affine = geometry(path)
    assert shape == IMAGE.shape and np.array_equal(affine, grid.affine)


@pytest.mark.parametrize("ending", [".mgz", ".MGZ", ".Mgz", ".mgh"])
def test_what_freesurfer_writes_lies_where_nibabel_says(tmp_path, ending):
    affine = orthogonal(OBLIQUE)
    nib.save(nib.MGHImage(IMAGE.astype(np.int16), affine), tmp_path / f"a{ending.lower()}")
    (tmp_path / f"a{ending.lower()}").rename(tmp_path / f"a{ending}")
    grid, problems = load(tmp_path / f"a{ending}", "a", None, "image")
    assert problems == [] and np.array_equal(grid.array, IMAGE) and np.allclose(grid.affine, affine, atol=1e-4)
    shape, _ = geometry(tmp_path / f"a{ending}")
    assert shape == IMAGE.shape


def test_formats_go_together_in_one_cohort(mine):
    """Image and mask of a subject may be of different formats: they lie on one grid."""
    sitk.WriteImage(itk_image(IMAGE), str(mine / "images" / "e.mha"))
    nib.save(nib.Nifti1Image((IMAGE > 500).astype(np.uint8), UPRIGHT), mine / "labels" / "e.nii.gz")
    sitk.WriteImage(itk_image(IMAGE), str(mine / "images" / "f.mhd"))
    sitk.WriteImage(itk_image((IMAGE > 500).astype(np.uint8)), str(mine / "labels" / "f.seg.nrrd"))
    nib.save(nib.MGHImage(IMAGE, UPRIGHT), mine / "images" / "g.mgz")
    subjects = registry.list_subjects(source())
    assert [(one.subject, one.labelled) for one in subjects[4:]] == [("e", True), ("f", True), ("g", False)]
    assert registry.check(source(), subjects) == [] and reported(source()) == ""
    for one in subjects[4:6]:
        assert np.array_equal(registry.read_volume(source(), one).mask, IMAGE > 500)
    # The voxels of a MetaImage count, not its header alone.
    first = fingerprint(source())
    sitk.WriteImage(itk_image(IMAGE + 1), str(mine / "images" / "f.mhd"))
    assert fingerprint(source()) != first


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".nhdr", ".mgz"])
def test_damaged_files_of_other_formats_are_told(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    large = np.random.default_rng(0).integers(0, 900, (40, 30, 20)).astype(np.int16)
    if ending == ".mgz":
        nib.save(nib.MGHImage(large, UPRIGHT), path)
    else:
        sitk.WriteImage(itk_image(large), str(path))
    data = tmp_path / "a.raw" if ending == ".nhdr" else path
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    grid, (problem,) = load(path, path.name, None, "image")
    kind = {".mha": "a MetaImage;", ".mgz": "an MGH file ("}.get(ending, "an NRRD file (fread got only")
    assert grid is None and problem.startswith(f"a{ending}: truncated or not {kind}")


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".mgz", ".nii"])
def test_a_link_to_nothing_is_told_in_every_format(tmp_path, ending):
    (tmp_path / f"a{ending}").symlink_to("gone")
    _, problems = load(tmp_path / f"a{ending}", f"a{ending}", None, "image")
    assert problems == [f"a{ending}: a link to gone, which does not exist; to fix: correct or remove the link"]


def test_an_mgh_file_that_is_not_compressed_as_its_name_says_is_told(tmp_path):
    nib.save(nib.MGHImage(IMAGE, UPRIGHT), tmp_path / "a.mgh")
    (tmp_path / "a.mgh").rename(tmp_path / "a.mgz")
    _, (problem,) = load(tmp_path / "a.mgz", "a.mgz", None, "image")
    assert problem == "a.mgz: not compressed; accepted: .mgh for such a file; to fix: rename it to a.mgh"


def test_a_header_of_nrrd_reads_no_file_elsewhere(tmp_path):
    sitk.WriteImage(itk_image(IMAGE), str(tmp_path / "a.nhdr"))
    header = (tmp_path / "a.nhdr").read_text()
    for named in ("../a.raw", "/etc/passwd", "LIST"):
        (tmp_path / "a.nhdr").write_text(header.replace("data file: a.raw", f"data file: {named}"))
        _, (problem,) = load(tmp_path / "a.nhdr", "a.nhdr", None, "image")
        assert problem == f"a.nhdr: data file: {named}; accepted: one file in the header's folder"
    (tmp_path / "a.nhdr").write_text(header.replace("data file: a.raw", "data file: b.raw"))
    assert "its data file b.raw is missing" in load(tmp_path / "a.nhdr", "a.nhdr", None, "image")[1][0]
