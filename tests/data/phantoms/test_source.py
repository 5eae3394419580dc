"""The phantom source: determinism, geometry, signal, noise, and that the task is a task."""

import math
from functools import cache

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.canvas import PhantomCanvas, SmoothField
from fewlabel.data.phantoms.shapes import Capsule, Ellipsoid, PaintedShape, Union
from fewlabel.data.phantoms.signal import RELAXATION, Tissue, draw_tissues, rician, spin_echo, tissue_signals
from fewlabel.data.phantoms.source import ANATOMIES, list_subjects, read_tissues, read_volume
from fewlabel.data.preprocessing.volume import Orientation, Volume
from fewlabel.data.sources import registry
from fewlabel.data.subjects.subject import is_safe_name

GRIDS = {"abdomen": (3.0, 8.0), "pelvis": (2.0, 4.0)}
both = pytest.mark.parametrize("anatomy", sorted(GRIDS))


def source(anatomy, **changes):
    pixel, spacing = GRIDS[anatomy]
    settings = {"labelled": 8, "unlabelled": 2, "pixel_mm": pixel, "slice_mm": spacing, **changes}
    return PhantomSource(kind="phantom", anatomy=anatomy, **settings)


@cache
def volumes(anatomy) -> list[Volume]:
    made_of = source(anatomy)
    return [read_volume(made_of, subject) for subject in list_subjects(made_of) if subject.labelled]


@cache
def tissues(anatomy):
    made_of = source(anatomy)
    return [read_tissues(made_of, subject) for subject in list_subjects(made_of) if subject.labelled]


# ---------------------------------------------------------------------------------------------------------- subjects
def test_labelled_subjects_come_first_and_every_name_is_safe_and_unique():
    subjects = list_subjects(source("abdomen"))
    assert [subject.labelled for subject in subjects] == [True] * 8 + [False] * 2
    assert subjects[0].subject == subjects[0].patient == "abdomen_001"
    assert len({subject.subject for subject in subjects}) == 10
    assert all(is_safe_name(subject.subject) for subject in subjects)
    assert all(subject.image is None and subject.label is None for subject in subjects)


def test_a_phantom_never_has_problems():
    assert registry.check(source("pelvis"), list_subjects(source("pelvis"))) == []


# ------------------------------------------------------------------------------------------------------- determinism
@both
def test_a_volume_depends_on_seed_and_name_only_not_on_what_was_made_before(anatomy):
    subject = list_subjects(source(anatomy))[1]
    again, before = read_volume(source(anatomy), subject), volumes(anatomy)[1]
    assert np.array_equal(again.image, before.image)
    assert np.array_equal(again.mask, before.mask)
    assert np.array_equal(again.affine, before.affine)


@both
def test_more_subjects_in_the_cohort_change_none_of_them(anatomy):
    larger = source(anatomy, labelled=30)
    assert np.array_equal(read_volume(larger, list_subjects(larger)[2]).image, volumes(anatomy)[2].image)


@both
def test_another_seed_or_name_is_another_person(anatomy):
    subject = list_subjects(source(anatomy))[0]
    other = read_volume(source(anatomy, seed=1), subject)
    for mask in (volumes(anatomy)[1].mask, other.mask):
        first = volumes(anatomy)[0].mask
        assert mask.shape != first.shape or not np.array_equal(mask, first)


def test_noise_and_pixels_change_but_the_person_stays():
    subject = list_subjects(source("pelvis"))[0]
    base, spacing = volumes("pelvis")[0], GRIDS["pelvis"][1]
    noisy = read_volume(source("pelvis", snr=5), subject)
    assert np.array_equal(noisy.mask, base.mask)
    fine = read_volume(source("pelvis", pixel_mm=1.0), subject)
    assert fine.mask.sum() * 1.0**2 * spacing == pytest.approx(base.mask.sum() * 2.0**2 * spacing, rel=0.03)


# ---------------------------------------------------------------------------------------------------------- geometry
@both
def test_an_unlabelled_subject_has_an_image_and_no_mask(anatomy):
    subject = list_subjects(source(anatomy))[-1]
    volume = read_volume(source(anatomy), subject)
    assert volume.mask is None
    assert np.isfinite(volume.image).all() and volume.image.min() >= 0


@both
def test_image_and_mask_share_a_grid_and_the_mask_is_binary(anatomy):
    for volume in volumes(anatomy):
        assert volume.image.dtype == np.float32 and volume.mask.dtype == np.uint8
        assert volume.image.shape == volume.mask.shape
        assert set(np.unique(volume.mask)) == {0, 1}


@both
def test_the_affine_has_the_asked_spacing_and_axial_slices_to_the_head(anatomy):
    pixel, spacing = GRIDS[anatomy]
    for volume in volumes(anatomy):
        assert Orientation.of(volume.affine).spacing(volume.affine) == pytest.approx((spacing, pixel, pixel))
        assert nib.aff2axcodes(volume.affine) == ("L", "P", "S")


def test_the_field_of_view_is_that_of_a_clinical_protocol():
    for anatomy, sides in {"abdomen": (340, 400, 260, 320, 200, 260), "pelvis": (180, 200, 180, 200, 80, 100)}.items():
        steps = np.array([GRIDS[anatomy][0], GRIDS[anatomy][0], GRIDS[anatomy][1]])
        for volume in volumes(anatomy):
            extent = np.array(volume.image.shape) * steps
            assert (extent > np.array(sides[::2]) - steps).all()
            assert (extent <= np.array(sides[1::2])).all()


def test_targets_have_plausible_volumes_that_differ_between_subjects():
    for anatomy, (low, high) in {"abdomen": (600, 3000), "pelvis": (15, 110)}.items():
        pixel, spacing = GRIDS[anatomy]
        millilitres = np.array([volume.mask.sum() * pixel**2 * spacing / 1000 for volume in volumes(anatomy)])
        assert ((low < millilitres) & (millilitres < high)).all()
        assert millilitres.std() > 0.1 * millilitres.mean()


@both
def test_slices_at_both_ends_lack_the_target(anatomy):
    empty_ends = [~volume.mask.any(axis=(0, 1))[[0, -1]] for volume in volumes(anatomy)]
    assert np.mean(empty_ends) > 0.8


def test_the_liver_lies_on_the_right_and_the_prostate_in_the_middle():
    for volume in volumes("abdomen"):
        left = np.argwhere(volume.mask)[:, 0].mean() / volume.mask.shape[0]
        assert left < 0.45
    for volume in volumes("pelvis"):
        middle = np.argwhere(volume.mask)[:, :2].mean(axis=0) / volume.mask.shape[:2]
        assert (np.abs(middle - 0.5) < 0.15).all()


@both
def test_the_mask_is_what_the_tissues_say(anatomy):
    target = [int(tissue) for tissue in ANATOMIES[anatomy].target]
    for volume, labels in zip(volumes(anatomy), tissues(anatomy), strict=True):
        inside = np.isin(labels, target)
        assert 2 * (inside & (volume.mask == 1)).sum() / (inside.sum() + volume.mask.sum()) > 0.9


def test_every_tissue_of_an_anatomy_appears_in_a_few_subjects():
    seen = {anatomy: {Tissue(value) for labels in tissues(anatomy) for value in np.unique(labels)} for anatomy in GRIDS}
    assert seen["abdomen"] | seen["pelvis"] == set(Tissue)
    assert ANATOMIES["abdomen"].target <= seen["abdomen"]
    assert ANATOMIES["pelvis"].target <= seen["pelvis"]
    assert {Tissue.SPLEEN, Tissue.KIDNEY_CORTEX, Tissue.STOMACH_CONTENT, Tissue.GALLBLADDER} <= seen["abdomen"]
    assert {Tissue.URINE, Tissue.RECTUM_WALL, Tissue.SEMINAL_VESICLE, Tissue.MARROW} <= seen["pelvis"]


def test_extreme_grids_work():
    for pixel, spacing in ((10.0, 20.0), (1.5, 2.5)):
        made_of = source("pelvis", pixel_mm=pixel, slice_mm=spacing)
        assert np.isfinite(read_volume(made_of, list_subjects(made_of)[0]).image).all()


# ------------------------------------------------------------------------------------------------------------ shapes
points = st.tuples(*[st.floats(-20, 20)] * 3)


def canvas():
    grid = np.meshgrid(*[np.arange(-30, 31, dtype=np.float32)] * 3, indexing="ij")
    return PhantomCanvas((grid[0], grid[1], grid[2]), np.zeros((61,) * 3, dtype=np.float32))


@settings(max_examples=20)
@given(centre=points, end=points, turn=points)
def test_painting_within_the_bounding_window_misses_no_point(centre, end, turn):
    grid = canvas()
    shapes = [Ellipsoid(centre, (9, 5, 12), turn, 2.5), Capsule(centre, end, 4, 7)]
    for shape in (*shapes, Union(tuple(shapes), 5)):
        grid.labels[:] = 0
        grid.paint(PaintedShape(Tissue.LIVER, shape))
        assert np.array_equal(grid.labels == Tissue.LIVER, shape.depth(*grid.moved) > 0)


def test_painted_shapes_have_the_volumes_of_geometry():
    ball = 4 / 3 * math.pi
    volumes = {
        Ellipsoid((1, 2, 3), (20, 10, 15), (30, 20, 10)): ball * 20 * 10 * 15,
        Capsule((-10.3, 0.2, 0.4), (9.7, 0.2, 0.4), 8, 8): math.pi * 8**2 * 20 + ball * 8**3,
    }
    for shape, expected in volumes.items():
        grid = canvas()
        grid.paint(PaintedShape(Tissue.LIVER, shape))
        assert (grid.labels > 0).sum() == pytest.approx(expected, rel=0.02)


def test_a_part_covers_only_what_it_may():
    grid = canvas()
    grid.paint(PaintedShape(Tissue.LIVER, Ellipsoid((0, 0, 0), (10, 10, 10))))
    grid.paint(PaintedShape(Tissue.SPLEEN, Ellipsoid((8, 0, 0), (10, 10, 10)), frozenset({Tissue.LIVER})))
    assert grid.labels[45, 30, 30] == Tissue.AIR  # inside the second, outside the first
    assert grid.labels[35, 30, 30] == Tissue.SPLEEN


def test_a_smooth_field_has_unit_variance_and_is_the_same_on_every_grid():
    low, high = (0.0, 0.0, 0.0), (100.0, 80.0, 60.0)
    field = SmoothField.draw(np.random.default_rng(0), low, high, 4.0)
    fine = field.on(tuple(np.arange(0, side, 1.0) for side in high))
    coarse = field.on(tuple(np.arange(0, side, 2.0)[::-1] for side in high))
    assert fine.std() == pytest.approx(1, abs=0.05)
    assert np.allclose(coarse[::-1, ::-1, ::-1], fine[::2, ::2, ::2], atol=1e-5)


# -------------------------------------------------------------------------------------------------- signal and noise
def test_the_spin_echo_follows_hand_numbers():
    # By hand: liver 0.8 * (1 - e^(-3000/809)) * e^(-70/42) = 0.8 * 0.97548 * 0.18888
    assert spin_echo(pd=0.8, t1=809, t2=42, tr=3000, te=70) == pytest.approx(0.14740, abs=2e-5)
    assert spin_echo(pd=1, t1=1000, t2=math.inf, tr=1000 * math.log(2), te=50) == pytest.approx(0.5)
    assert spin_echo(pd=1, t1=1, t2=100, tr=1e6, te=100) == pytest.approx(math.exp(-1))


def test_tissues_rank_as_on_a_t2_weighted_image():
    signals = {tissue: spin_echo(t.pd, t.t1, t.t2, 4000, 90) for tissue, t in RELAXATION.items()}
    bright_to_dark = [
        Tissue.FLUID,
        Tissue.FAT,
        Tissue.KIDNEY_CORTEX,
        Tissue.SPLEEN,
        Tissue.LIVER,
        Tissue.BONE,
        Tissue.AIR,
    ]
    assert sorted(bright_to_dark, key=signals.__getitem__, reverse=True) == bright_to_dark
    assert signals[Tissue.URINE] > signals[Tissue.PERIPHERAL_ZONE] > signals[Tissue.TRANSITION_ZONE]
    assert signals[Tissue.TRANSITION_ZONE] > signals[Tissue.STROMA] > signals[Tissue.MUSCLE]
    assert signals[Tissue.PERIPHERAL_ZONE] > signals[Tissue.PROSTATE_LESION]
    assert signals[Tissue.MUSCLE] == pytest.approx(signals[Tissue.LIVER], rel=0.15)  # a distractor by design


def test_tissues_vary_between_subjects_about_the_table():
    draws = np.array([tissue_signals(draw_tissues(np.random.default_rng(seed)), 1e6, 60) for seed in range(300)])
    table = RELAXATION[Tissue.SPLEEN]
    assert np.median(draws[:, Tissue.SPLEEN]) == pytest.approx(table.pd * math.exp(-60 / table.t2), rel=0.06)
    assert draws[:, Tissue.SPLEEN].std() > 0.1 * draws[:, Tissue.SPLEEN].mean()
    assert (draws[:, Tissue.AIR] == 0).all()


@pytest.mark.parametrize("signal", [0.0, 1.0, 5.0])
def test_noise_follows_rices_law(signal):
    sigma = 2.0
    noisy = rician(np.full(200_000, signal, dtype=np.float32), sigma, np.random.default_rng(0))
    law = stats.rice(signal / sigma, scale=sigma)
    assert noisy.mean() == pytest.approx(law.mean(), rel=0.01)
    assert noisy.var() == pytest.approx(law.var(), rel=0.02)
    assert stats.kstest(noisy[:5000], law.cdf).pvalue > 0.001


def test_the_background_is_rayleigh_and_the_target_has_the_asked_snr():
    for snr in (10.0, 40.0):
        made_of = source("abdomen", snr=snr)
        volume = read_volume(made_of, list_subjects(made_of)[0])
        corner = volume.image[:6, :6].ravel()  # air
        sigma = corner.mean() / math.sqrt(math.pi / 2)
        assert corner.std() / corner.mean() == pytest.approx(math.sqrt(4 / math.pi - 1), rel=0.08)
        assert volume.image[volume.mask == 1].mean() / sigma == pytest.approx(snr, rel=0.05)


def test_subjects_have_arbitrary_intensity_scales():
    means = [volume.image.mean() for volume in volumes("pelvis")]
    assert max(means) > 1.5 * min(means)


# ---------------------------------------------------------------------------------------------------------- the task
def best_threshold_dice(volume, labels):
    """Best Dice of one threshold (target above or below it) and of a pair, chosen with the mask at hand."""
    body = labels != Tissue.AIR
    edges = np.quantile(volume.image[body], np.linspace(0, 1, 80))
    everything = np.r_[0, np.histogram(volume.image[body], edges)[0].cumsum()]
    target = np.r_[0, np.histogram(volume.image[body & (volume.mask == 1)], edges)[0].cumsum()]
    found, right = np.subtract.outer(everything, everything), np.subtract.outer(target, target)
    dice = 2 * right / np.maximum(found + volume.mask.sum(), 1)
    return max(dice[-1].max(), dice[:, 0].max()), dice.max()


@both
def test_intensity_alone_does_not_find_the_target(anatomy):
    scores = [best_threshold_dice(*pair) for pair in zip(volumes(anatomy), tissues(anatomy), strict=True)]
    single, pair = np.mean(scores, axis=0)
    assert single < 0.5
    assert pair < 0.6
