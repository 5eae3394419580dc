"""N4 against fields that are known, since the volume was multiplied with them."""

import numpy as np
import pytest

from fewlabel.config.cohort import BiasCorrection, Grid
from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import prepare_settings
from fewlabel.config.loading.load import load
from fewlabel.config.loading.yaml_files import read_config
from fewlabel.data.preprocessing.n4 import bias_field, correct_bias, fitted_voxels, shrink_factors
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.store.packed_subject import QUARTILES
from fewlabel.data.store.slice_store import open_store, pack
from fewlabel.data.subjects.subject import Subject
from fewlabel.utils.errors import InputError
from helpers.studies import ROOT

SHAPE, SPACING = (64, 56, 10), (2.5, 2.5, 7.0)
QUICK = BiasCorrection(iterations=[30, 30, 30], shrink=4)
NOISE = 0.03


def grid(shape, spacing):
    """Distances from the centre along each axis, in mm."""
    axes = [(np.arange(side) - (side - 1) / 2) * mm for side, mm in zip(shape, spacing, strict=True)]
    return np.meshgrid(*axes, indexing="ij")


def tissues(shape=SHAPE, spacing=SPACING):
    """A body of organs with four values, and where it is."""
    x, y, z = (axis / max(np.abs(axis).max(), 1) for axis in grid(shape, spacing))
    body = (x / 0.9) ** 2 + (y / 0.8) ** 2 < 1
    image, rng = np.where(body, 100.0, 0.0), np.random.default_rng(0)
    for value in rng.choice([60, 180, 260], 30):
        centre, radii = rng.uniform(-0.7, 0.7, 3), rng.uniform(0.1, 0.35, 3)
        organ = sum(((axis - c) / r) ** 2 for axis, c, r in zip((x, y, z), centre, radii, strict=True)) < 1
        image[organ & body] = value
    return image.astype(np.float32), body


def shading(shape=SHAPE, spacing=SPACING):
    """A smooth field along all three axes, about 0.6 to 2."""
    x, y, z = grid(shape, spacing)
    return np.exp(0.4 * np.sin(x / 60 + 0.3) + 0.5 * (y / 80) ** 2 - 0.004 * z + x * y / 40_000).astype(np.float32)


def noisy(image):
    """With noise that every voxel has in proportion, as tissue has."""
    return (image * np.random.default_rng(1).normal(1, NOISE, image.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def shaded():
    """What is observed, the field in it, and where the body is."""
    image, body = tissues()
    return noisy(image * shading()), shading(), body


def left_over(found, field, body):
    """What is left of a field in the body, as the logarithm of the ratio, whose mean says nothing."""
    rest = np.log(found / field)[body]
    return rest - rest.mean()


@pytest.mark.parametrize("threshold", [0.1, "otsu"])
def test_a_known_field_is_found_within_two_and_a_half_percent(shaded, threshold):
    image, field, body = shaded
    found = bias_field(image, fitted_voxels(image, threshold), np.array(SPACING), QUICK)
    rest = left_over(found, field, body)
    assert np.log(field)[body].std() > 0.15
    assert rest.std() < 0.025 and np.abs(rest).max() < 0.25


def test_thick_slices_are_told_apart():
    """Most of the field lies along the slices, each 30 times as thick as its pixels."""
    shape, spacing = (96, 96, 6), (1.0, 1.0, 30.0)
    image, body = tissues(shape, spacing)
    x, _, z = grid(shape, spacing)
    field = np.exp(0.003 * z + 0.2 * (x / 80) ** 2)
    found = bias_field(noisy(image * field), image > 0, np.array(spacing), QUICK)
    assert np.log(field)[body].std() > 0.15 and left_over(found, field, body).std() < 0.02


def test_a_volume_without_shading_stays_as_it_is():
    image, _ = tissues()
    corrected = correct_bias(image, np.diag([*SPACING, 1]), QUICK)
    assert corrected[image > 0] == pytest.approx(image[image > 0], rel=0.02)
    assert not corrected[image == 0].any()


def test_equal_volumes_give_equal_bits_and_the_mean_stays(shaded):
    image, _, _ = shaded
    first, again = (correct_bias(image, np.diag([*SPACING, 1]), QUICK) for _ in range(2))
    mask = fitted_voxels(image, QUICK.threshold)
    assert first.dtype == np.float32 and first.shape == SHAPE and np.array_equal(first, again)
    assert first[mask].mean() == pytest.approx(image[mask].mean(), rel=1e-4)


def test_how_a_file_stores_its_axes_changes_nothing(shaded):
    image, _, _ = shaded
    affine = np.diag([*SPACING, 1])
    expected = correct_bias(image, affine, QUICK)
    order, flip = (2, 0, 1), 1
    turned = affine.copy()
    turned[:3, :3] = affine[:3, :3][:, order]
    turned[:3, flip] *= -1
    moved = np.flip(image.transpose(order), flip)
    back = np.flip(correct_bias(moved, turned, QUICK), flip).transpose(np.argsort(order))
    # Which voxels shrinking keeps depends on where it begins.
    assert np.abs(back - expected).max() < 0.05 * expected.max()
    assert np.abs(back - expected).mean() < 0.01 * expected.mean()


def test_shrinking_spares_thick_slices_and_short_axes():
    assert shrink_factors((320, 320, 20), np.array([0.625, 0.625, 3.6]), 4) == [4, 4, 1]
    assert shrink_factors((35, 51, 35), np.ones(3), 4) == [4, 4, 4]
    assert shrink_factors((320, 320, 3), np.array([0.5, 0.5, 0.5]), 4) == [4, 4, 1]
    assert shrink_factors((320, 1, 20), np.array([1.0, 1, 3]), 8) == [8, 1, 3]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8, 4)), "no value is above 0"),
        (np.full((8, 8, 4), -2.0), "no value is above 0"),
        (np.full((8, 8, 4), 7.0), "all 256 voxels have the value 7"),
        (np.where(np.arange(256).reshape(8, 8, 4) == 9, 5.0, 0), "all 1 voxels have the value 5"),
    ],
)
def test_a_volume_that_no_field_can_be_fitted_to_is_refused_with_what_to_do(image, words):
    with pytest.raises(InputError, match=words) as told:
        correct_bias(image.astype(np.float32), np.eye(4), BiasCorrection())
    assert "bias_correction: null" in str(told.value)


def test_a_few_bright_voxels_and_single_slices_are_no_trouble():
    speck = np.zeros((40, 40, 5), np.float32)
    speck[17, 17:19, 2] = 100, 120
    flat = noisy(tissues((40, 40, 1), (2, 2, 5))[0])
    for image in (speck, flat):
        assert np.isfinite(correct_bias(image, np.diag([2, 2, 5, 1.0]), QUICK)).all()


def read(subject):
    affine = np.diag([-2.5, 2.5, 7.0, 1])
    if subject.subject == "empty":
        return Volume(np.zeros((8, 8, 2), np.float32), affine)
    image, body = tissues()
    return Volume((image * shading()).astype(np.float32), affine, (image == 180).astype(np.uint8) * body)


def test_the_store_holds_corrected_images_and_everything_else_as_without(tmp_path):
    subjects, matrix = [Subject("a", "a", True), Subject("b", "b", True)], Grid(matrix=(64, 64), spacing_mm=2.5)
    for name, workers, bias in (("without", 1, None), ("one", 1, QUICK), ("two", 2, QUICK)):
        pack(subjects, read, matrix, tmp_path / name, tmp_path / f"{name}_native", workers, bias)
    without, one = (open_store(tmp_path / name / "store.json") for name in ("without", "one"))
    assert (tmp_path / "one" / "store.json").read_text() == (tmp_path / "two" / "store.json").read_text()
    assert np.array_equal(without.masks, one.masks)
    assert without.index.equals(one.index)
    assert without.subjects.drop(columns=[*QUARTILES]).equals(one.subjects.drop(columns=[*QUARTILES]))
    for name in ("images/a.nii.gz", "labels/a.nii.gz"):
        assert (tmp_path / "without_native" / name).read_bytes() == (tmp_path / "one_native" / name).read_bytes()
    # What is one tissue is one value only where the field is gone.
    spread = [store.images[store.masks == 1].astype(np.float64) for store in (without, one)]
    assert spread[1].std() / spread[1].mean() < 0.2 * spread[0].std() / spread[0].mean()


def test_a_subject_that_cannot_be_corrected_is_named_and_the_corrected_one_is_kept(tmp_path):
    """Minutes of N4 are not lost to one bad volume; what is kept is none of the outputs (see test_prepared)."""
    subjects = [Subject(name, name, False) for name in ("a", "empty")]
    with pytest.raises(InputError, match=r"empty: bias_correction: no value is above 0"):
        pack(subjects, read, Grid(), tmp_path / "slices", tmp_path / "native", 1, QUICK)
    assert [path.name for path in tmp_path.iterdir()] == [".slices.prepared"]
    assert [path.name for path in (tmp_path / ".slices.prepared").iterdir()] == ["a"]


def test_the_demo_knows_nothing_of_it_and_the_papers_prostate_is_corrected():
    """What a job is told decides whether finished results count: the demo's must stay as they were."""
    demo = load(read_config([ROOT / "config.yaml"]), [])
    files = [ROOT / "config.yaml", ROOT / "experiments" / "paper.yaml"]
    paper = load(read_config(files), files)
    assert all("bias_correction" not in canonical(prepare_settings(demo, name)) for name in demo.cohorts)
    assert prepare_settings(paper, "prostate").bias_correction == BiasCorrection()
    assert '"bias_correction":{"threshold":0.1,' in canonical(prepare_settings(paper, "prostate"))
    assert prepare_settings(paper, "liver").bias_correction is None
