import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from fewlabel.config.sources.metaimage import MetaImageSource
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.formats.registry import geometry
from fewlabel.data.sources import registry
from fewlabel.data.sources.fingerprint import fingerprint
from fewlabel.data.sources.metaimage import metaimage
from fewlabel.utils.errors import InputError
from helpers.dicom_trees import OBLIQUE, UPRIGHT, itk_image, orthogonal, write_series

AFFINE = orthogonal(OBLIQUE)
IMAGE = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.int16)
LABEL = (IMAGE > 500).astype(np.int8)


def write(path, array, affine=AFFINE, compress=False):
    """As SimpleITK, which wrote PROMISE12's files, does: RAS+ to LPS+."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(itk_image(array, affine), str(path), compress)
    return path


def source(**changes):
    return MetaImageSource(kind="metaimage", folder="promise12", **changes)


def error_of(mine):
    with pytest.raises(InputError) as error:
        metaimage.list_subjects(mine)
    return str(error.value)


@pytest.fixture
def folder(data):
    """As PROMISE12 is published: two parts, an image of the second without mask."""
    root = data / "promise12"
    for name in ("Case00", "Case01"):
        write(root / "training_data" / f"{name}.mhd", IMAGE + len(name))
        write(root / "training_data" / f"{name}_segmentation.mhd", LABEL)
    write(root / "test_data" / "Case50.mhd", IMAGE)
    return root


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("suffix", [".mhd", ".mha"])
def test_pairs_are_read_where_they_lie_in_space(data, suffix, compress):
    write(data / "promise12" / f"a{suffix}", IMAGE, compress=compress)
    write(data / "promise12" / f"a_segmentation{suffix}", LABEL, compress=compress)
    (one,) = registry.list_subjects(source())
    assert registry.check(source(), [one]) == []
    volume = registry.read_volume(source(), one)
    assert np.array_equal(volume.image, IMAGE) and np.array_equal(volume.mask, LABEL)
    assert np.allclose(volume.affine, AFFINE, atol=1e-5)
    shape, affine = geometry(one.image)
    assert shape == IMAGE.shape and np.allclose(affine, volume.affine)


def test_it_lies_where_the_same_volume_as_nifti_lies(tmp_path, folder):
    path = folder / "training_data" / "Case00.mhd"
    sitk.WriteImage(sitk.ReadImage(str(path)), str(tmp_path / "same.nii.gz"))
    assert np.allclose(nib.load(tmp_path / "same.nii.gz").affine, geometry(path)[1], atol=1e-4)


def test_subjects_are_pairs_and_images_alone_are_unlabelled(folder):
    subjects = metaimage.list_subjects(source())
    assert [(one.subject, one.labelled) for one in subjects] == [("Case00", True), ("Case01", True), ("Case50", False)]
    assert metaimage.check(source(), subjects) == []


def test_the_suffix_of_masks_counts_in_any_case(folder):
    before = fingerprint(source())
    for end in (".mhd", ".raw"):
        path = folder / "training_data" / f"Case01_segmentation{end}"
        path.rename(path.with_name(f"Case01_Segmentation{end}"))
    header = folder / "training_data" / "Case01_Segmentation.mhd"
    header.write_text(header.read_text().replace("Case01_segmentation.raw", "Case01_Segmentation.raw"))
    subjects = metaimage.list_subjects(source())
    assert [(one.subject, one.labelled) for one in subjects] == [("Case00", True), ("Case01", True), ("Case50", False)]
    assert registry.survey(source())[1] == [] and metaimage.check(source(), subjects) == []
    changed = fingerprint(source())
    write(header, 1 - LABEL)  # its content counts, as a mask's does
    assert len({before, changed, fingerprint(source())}) == 3


def test_masks_of_another_suffix_are_no_images(folder):
    write(folder / "training_data" / "Case50_seg.mhd", LABEL)
    (problem,) = registry.survey(source())[1]
    assert problem.startswith(
        "training_data/Case50_seg.mhd: named like the mask of Case50; to fix: set `label_suffix` (now _segmentation)"
    )


def test_a_subjects_table_counts(folder):
    (folder / "subjects.csv").write_text("subject,patient,use\nCase00,p,exclude\nCase01,p,train\n")
    assert [(one.subject, one.use) for one in metaimage.list_subjects(source())] == [
        ("Case01", "train"), ("Case50", "auto")
    ]  # fmt: skip
    (folder / "subjects.csv").write_text("subject,use\nCase50,test\nCase09,train\n")
    message = error_of(source())
    assert "add Case50_segmentation.mhd or change the use" in message and "no image of subject 'Case09'" in message


def test_problems_of_the_listing_are_told_at_once(folder):
    (folder / "training_data" / "Case01.mhd").unlink()
    write(folder / "test_data" / "Case00.mhd", IMAGE)
    write(folder / "test_data" / "Case 2.mhd", IMAGE)
    message = error_of(source())
    assert "masks without an image of their name: Case01_segmentation.mhd" in message
    assert "duplicate subject Case00: " in message and "Case 2.mhd: unsafe subject name" in message
    assert "no masks; accepted" in error_of(source(label_suffix="_mask"))
    with pytest.raises(InputError, match="no such folder"):
        metaimage.list_subjects(MetaImageSource(kind="metaimage", folder="absent"))


def test_bad_files_are_told_at_once(folder):
    training = folder / "training_data"
    raw = training / "Case00.raw"
    raw.write_bytes(raw.read_bytes()[:-10])
    (training / "Case00_segmentation.raw").unlink()
    (training / "Case01.mhd").write_bytes(b"\x00\x01 no header")
    write(training / "Case01_segmentation.mhd", LABEL, UPRIGHT)
    (folder / "test_data" / "Case50.mhd").write_text(
        (folder / "test_data" / "Case50.mhd").read_text().replace("Case50.raw", "../../../etc/passwd")
    )
    problems = metaimage.check(source(), metaimage.list_subjects(source()))
    text = "\n".join(problems)
    assert "training_data/Case00.mhd: Case00.raw is truncated (230 of 240 bytes)" in text
    assert "training_data/Case00_segmentation.mhd: its data file Case00_segmentation.raw is missing" in text
    assert "training_data/Case01.mhd: truncated or not a MetaImage" in text
    assert "Case50.mhd: ElementDataFile = ../../../etc/passwd; accepted: one file in the header's folder" in text


def test_a_mask_elsewhere_is_refused(folder):
    write(folder / "training_data" / "Case01_segmentation.mhd", LABEL, UPRIGHT)
    (problem,) = metaimage.check(source(), metaimage.list_subjects(source()))
    assert "training_data/Case01_segmentation.mhd: its affine places it up to" in problem


def test_the_fingerprint_follows_masks_and_images(folder):
    first = fingerprint(source())
    assert len(first) == 64
    write(folder / "training_data" / "Case01_segmentation.mhd", 1 - LABEL)
    second = fingerprint(source())
    write(folder / "training_data" / "Case01.mhd", IMAGE + 1)
    assert len({first, second, fingerprint(source())}) == 3


# -------------------------------------------------------------------------------------------------------- unlabelled
def test_volumes_of_a_further_folder_pretrain_only(mine, data):
    further = data / "further"
    write_series(further / "scan_1" / "deep", IMAGE)
    write(further / "scan_2.mhd", IMAGE)
    nib.save(nib.Nifti1Image(IMAGE, UPRIGHT), further / "scan_3.nii.gz")
    (further / "empty").mkdir()
    (further / ".hidden").mkdir()
    (further / "readme.txt").write_text("x")
    plain = NiftiSource(kind="nifti", folder="mine")
    both = NiftiSource(kind="nifti", folder="mine", unlabelled="further")
    subjects = registry.list_subjects(both)
    assert [one.subject for one in subjects] == ["a", "b", "c", "d", "scan_1", "scan_2", "scan_3"]
    assert [(one.labelled, one.use) for one in subjects[4:]] == [(False, "unlabelled")] * 3
    assert registry.check(both, subjects) == []
    for one in subjects[4:]:
        volume = registry.read_volume(both, one)
        assert np.array_equal(volume.image, IMAGE) and volume.mask is None
    assert registry.list_subjects(plain) == subjects[:4]
    first = fingerprint(both)
    assert first != fingerprint(plain)
    write_series(further / "scan_4", IMAGE)
    assert fingerprint(both) != first
    assert "unlabelled" not in plain.model_dump()


def test_problems_of_the_further_folder_are_told_at_once(mine, data):
    both = NiftiSource(kind="nifti", folder="mine", unlabelled="further")
    with pytest.raises(InputError, match="further: no such folder"):
        registry.list_subjects(both)
    (data / "further").mkdir()
    with pytest.raises(InputError, match="no volumes; accepted"):
        registry.list_subjects(both)
    write_series(data / "further" / "a", IMAGE)
    write_series(data / "further" / "b c", IMAGE)
    with pytest.raises(InputError) as error:
        registry.list_subjects(both)
    assert "names of other subjects: a" in str(error.value) and "b c: unsafe subject name" in str(error.value)


def test_bad_series_of_a_cohort_are_told_at_once(mine, data):
    both = NiftiSource(kind="nifti", folder="mine", unlabelled="further")
    for name in ("s1", "s2", "s3"):
        write_series(data / "further" / name, IMAGE)
    (data / "further" / "s1" / "IMG-0004-00002.dcm").unlink()
    write_series(data / "further" / "s2", IMAGE, names=[f"x{n}.dcm" for n in range(4)])
    problems = registry.check(both, registry.list_subjects(both))
    assert len(problems) == 2 and "s1: " in problems[0] and "further/s2: 2 series" in problems[1]


# ------------------------------------------------------------------------------------------------------ real volumes
def test_real_unlabelled_prostates_written_as_dicom_give_the_same_slices(real_data, tmp_path):
    from fewlabel.config.cohort import Grid
    from fewlabel.data.preprocessing.working_grid import preprocess

    cohort = real_data("prostate_unlabelled")
    grid = Grid(matrix=(192, 192), spacing_mm=0.625)
    paths = sorted((cohort / "images").glob("*.nii.gz"))
    assert len(paths) == 11
    direct = NiftiSource(kind="nifti", folder=str(real_data("prostate158")), unlabelled=str(cohort / "images"))
    series = direct.model_copy(update={"unlabelled": str(tmp_path)})
    for path in paths:
        file = nib.load(path)
        write_series(tmp_path / path.name.removesuffix(".nii.gz"), np.asarray(file.dataobj), file.affine)
    pairs = zip(registry.list_subjects(direct), registry.list_subjects(series), strict=True)
    for one, same in [pair for pair in pairs if not pair[0].labelled]:
        assert one.subject == same.subject
        first, _, _ = preprocess(registry.read_volume(direct, one), grid)
        second, _, _ = preprocess(registry.read_volume(series, same), grid)
        assert np.array_equal(first, second)
