"""CACTUS: what it takes out, what it leaves, and that k-space and image space agree."""

import numpy as np
import pytest

from fewlabel.config.sources.radial import Destreak
from fewlabel.data.reconstruction.destreaking.cactus import interference_subspace, null_projection
from fewlabel.data.reconstruction.destreaking.coil_images import coil_images
from fewlabel.data.reconstruction.destreaking.covariance import coil_covariance, mix
from fewlabel.data.reconstruction.destreaking.destreaking_filter import from_images, from_kspace
from fewlabel.data.reconstruction.destreaking.interference_region import beyond_view, corners, root_sum_of_squares
from fewlabel.data.reconstruction.destreaking.remove_coils import background_ratios, streak_ratios, usable_coils
from fewlabel.utils.errors import InputError

CACTUS = Destreak(method="cactus")


def vectors(seed, shape):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


# ---------------------------------------------------------------------------------------------------------- subspace
def test_the_covariance_is_that_of_numpy():
    images = vectors(0, (2, 4, 5, 5))
    region = np.random.default_rng(1).random((2, 5, 5)) > 0.5
    stacked = np.concatenate([image[:, seen] for image, seen in zip(images, region, strict=True)], axis=1)
    assert np.allclose(coil_covariance(images, region), np.cov(stacked, bias=True) + np.outer(
        stacked.mean(axis=1), stacked.mean(axis=1).conj()), atol=1e-5)  # fmt: skip
    assert (coil_covariance(images, np.zeros_like(region)) == 0).all()


def test_directions_are_found_among_noise_and_taken_out_exactly():
    basis, _ = np.linalg.qr(vectors(0, (8, 2)))
    covariance = basis @ np.diag([5, 3]) @ basis.conj().T + 0.01 * np.eye(8)
    found = interference_subspace(covariance, 0.95)
    assert found.shape == (8, 2)
    projection = null_projection(found)
    assert np.allclose(projection @ basis, 0, atol=1e-6)
    assert np.allclose(projection @ projection, projection) and np.allclose(projection, projection.conj().T)
    rest = np.linalg.svd(basis, full_matrices=True)[0][:, 2:]
    assert np.allclose(projection @ rest, rest, atol=1e-6)


@pytest.mark.parametrize(("energy", "count"), [(0.5, 1), (0.9, 2), (0.999, 3)])
def test_the_fewest_directions_hold_the_share(energy, count):
    covariance = np.diag([10.0, 5, 1, 0, 0, 0, 0, 0])  # shares 0.625, 0.9375, 1
    assert interference_subspace(covariance, energy).shape == (8, count)


def test_without_interference_nothing_is_taken_out():
    assert np.allclose(null_projection(interference_subspace(np.zeros((8, 8)), 0.95)), np.eye(8))
    assert np.allclose(null_projection(interference_subspace(2 * np.eye(8), 0.95)), np.eye(8))


# --------------------------------------------------------------------------------------------------------- acquisition
def test_kspace_and_image_space_agree(streaked):
    remedy = from_kspace(CACTUS, streaked.acquisition)
    first = coil_images(remedy.mixed(streaked.acquisition), 64)
    second = mix(remedy.mixing, coil_images(streaked.acquisition, 64), axis=1)
    assert np.abs(first - second).max() < 1e-5 * np.abs(second).max()
    assert np.linalg.matrix_rank(remedy.mixing) < 16


def test_streaks_go_and_the_liver_stays(streaked):
    remedy = from_kspace(CACTUS, streaked.acquisition)
    before = streaked.images(None)
    after, clean = (streaked.images(remedy, source) for source in (True, False))
    assert streaked.removed(before, after, clean, streaked.outside) > 0.9
    assert streaked.removed(before, after, clean, streaked.inside) > 0.9
    assert 1 - clean[streaked.liver].mean() / before[1][streaked.liver].mean() < 0.05


def test_an_acquisition_without_source_is_left_alone(streaked):
    assert np.allclose(from_kspace(CACTUS, streaked.clean).mixing, np.eye(16))


def test_a_region_can_be_given_as_a_mask(streaked):
    remedy = from_kspace(CACTUS, streaked.acquisition, streaked.outside)
    before = streaked.images(None)
    after, clean = (streaked.images(remedy, source) for source in (True, False))
    assert streaked.removed(before, after, clean, streaked.outside) > 0.8


@pytest.mark.parametrize("method", ["remove_coils", "cactus", "bstar"])
def test_a_mask_of_what_is_found_automatically_gives_the_very_same_remedy(streaked, method):
    settings, images = Destreak(method=method), coil_images(streaked.acquisition, 64)
    automatic = from_images(settings, images)
    region = corners(root_sum_of_squares(images))
    for given in (from_images(settings, images, region), from_kspace(settings, streaked.acquisition, region)):
        assert np.array_equal(given.mixing, automatic.mixing)
        assert np.array_equal(given.interference, automatic.interference)
    other = from_kspace(settings, streaked.acquisition, streaked.liver)
    assert not (
        np.array_equal(other.mixing, automatic.mixing) and np.array_equal(other.interference, automatic.interference)
    )


def test_a_coil_without_signal_is_left_out_and_takes_no_other_along():
    images = np.ones((1, 4, 2, 2), np.complex64)
    images[:, 1], images[:, 2, 0] = 0, 3
    region = np.array([[[True, True], [False, False]]])
    # Over the region and elsewhere: 1/1, 0/0, 3/1, 1/1.
    assert background_ratios(images, region).tolist() == [1, np.inf, 3, 1]
    fewer = images * np.array([0.5, 1, 0.75, 0.5]).reshape(1, 4, 1, 1)
    # What changes: 1/2, 0/0, 1/4, 1/2.
    assert streak_ratios(images, fewer).tolist() == [2, np.inf, 1, 2]
    assert usable_coils(streak_ratios(images, fewer), 1.3).tolist() == [2]


# ------------------------------------------------------------------------------------------------------------- regions
def test_only_what_is_bright_beyond_the_view_is_a_source():
    wide = np.zeros((1, 64, 64), np.float32)
    wide[0, 20:44, 20:44] = 1  # the body, within the view (16 to 48)
    assert not beyond_view(wide, 32).any()
    wide[0, 54:60, 28:34] = 2
    wide[0, 4:10, 28:34] = 0.1
    found = beyond_view(wide, 32)
    assert found[0, 54:60, 28:34].all()
    assert not found[0, :50].any() and not found[0, :, 40:].any()


def test_streaks_are_seen_in_the_corners_where_there_are_some(streaked):
    found, clean = (
        corners(root_sum_of_squares(coil_images(each, 64))) for each in (streaked.acquisition, streaked.clean)
    )
    assert found.sum() > 200 and not clean.any()
    assert not found[:, 32, 32].any() and not found[streaked.inside].any()


def test_noise_alone_is_no_interference(streaked):
    noise = vectors(3, (4, 16, 64, 64))
    noise[:, :, 28:36, 28:36] += 1
    assert not corners(root_sum_of_squares(noise)).any()


def test_finished_coil_images_are_enough(streaked):
    images = coil_images(streaked.acquisition, 64)
    remedy = from_images(CACTUS, images)
    before = streaked.images(None)
    after, clean = (streaked.images(remedy, source) for source in (True, False))
    assert streaked.removed(before, after, clean, streaked.outside) > 0.8


def test_what_cannot_work_is_refused(streaked):
    images = coil_images(streaked.acquisition, 64)
    with pytest.raises(InputError, match=r"3 coils are too few for destreak\.method cactus"):
        from_images(CACTUS, images[:, :3])
    with pytest.raises(InputError, match="interference region: the mask is empty; accepted: a mask of 1"):
        from_images(CACTUS, images, np.zeros(images[:, 0].shape, dtype=bool))
    silent = np.zeros(images[:, 0].shape, dtype=bool)
    silent[:, :3] = True
    with pytest.raises(InputError, match="interference region: no signal in it"):
        from_images(CACTUS, np.where(silent[:, None], 0, images), silent)
