"""The simulated radial acquisition: where it samples, what it weighs, what it sees, and that gridding undoes it."""

import numpy as np
import pytest
from scipy.special import j1

from fewlabel.data.reconstruction.radial.acquisition import acquire_body, with_arms, with_noise
from fewlabel.data.reconstruction.radial.arms import TURN_MM, Arm, encoded
from fewlabel.data.reconstruction.radial.coil_sensitivities import sensitivities
from fewlabel.data.reconstruction.radial.density_compensation import density
from fewlabel.data.reconstruction.radial.gridding import grid, sample
from fewlabel.data.reconstruction.radial.t2_mapping import LONGEST_MS, fit_t2
from fewlabel.data.reconstruction.radial.trajectory import GOLDEN_ANGLE, golden_angle
from fewlabel.data.reconstruction.radial.view_sharing import echo_samples

TIMES = 10.0 * np.arange(1, 5)


def disc_kspace(points, radius):
    """Fourier transform of a disc of that radius in pixels: radius J1(2 pi radius k) / k."""
    k = np.linalg.norm(points, axis=-1)
    k = np.maximum(k, 1e-9)
    return (radius * j1(2 * np.pi * radius * k) / k).astype(np.complex64)


def distances(matrix):
    axis = np.arange(matrix) - matrix // 2
    return np.hypot(axis[:, None], axis[None, :])


# -------------------------------------------------------------------------------------------------- where and how much
def test_spokes_run_from_edge_to_edge_by_the_golden_angle():
    trajectory = golden_angle(12, 32, TIMES)
    assert trajectory.points.shape == (12, 64, 2)
    assert np.degrees(GOLDEN_ANGLE) == pytest.approx(111.246, abs=1e-3)
    assert (trajectory.points[:, 32] == 0).all()  # each holds the centre itself
    assert np.allclose(np.linalg.norm(trajectory.points[:, 0], axis=1), 0.5)
    assert trajectory.echo.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    turn = np.arccos((trajectory.directions()[0] * trajectory.directions()[1]).sum())
    assert turn == pytest.approx(GOLDEN_ANGLE)
    with pytest.raises(ValueError, match="13 spokes are no multiple of 4 echoes"):
        golden_angle(13, 32, TIMES)


@pytest.mark.parametrize("spokes", [1, 2, 5, 64])
def test_the_cells_of_all_samples_fill_the_disc(spokes):
    assert density(golden_angle(spokes, 64, TIMES[:1])).sum() == pytest.approx(np.pi / 4, rel=1e-2)


def test_two_spokes_stand_for_the_angles_between_them():
    trajectory = golden_angle(3, 16, TIMES[:1])
    angles = np.sort(np.degrees(np.arctan2(*trajectory.directions().T[::-1])) % 180)  # 0, 42.5, 111.2
    halves = np.array([(42.492 + 68.754) / 2, (42.492 + 68.754) / 2, (68.754 + 68.754) / 2])
    assert angles == pytest.approx([0, 42.492, 111.246], abs=1e-3)
    found = density(trajectory)[:, 0] / density(trajectory)[:, 0].sum()
    assert sorted(found) == pytest.approx(sorted(halves / 180), abs=1e-4)


def test_the_transform_is_the_sum_that_it_stands_for():
    rng = np.random.default_rng(0)
    image = (rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))).astype(np.complex64)
    points = rng.uniform(-0.5, 0.5, (3, 5, 2))
    axis = np.arange(8) - 4
    phases = np.exp(-2j * np.pi * (points[..., :1, None] * axis[:, None] + points[..., 1:, None] * axis))
    assert np.allclose(sample(image, points), (phases * image).sum(axis=(-2, -1)), atol=1e-3)


def test_the_adjoint_is_adjoint():
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.5, 0.5, (4, 9, 2))
    image = (rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))).astype(np.complex64)
    kspace = (rng.normal(size=(4, 9)) + 1j * rng.normal(size=(4, 9))).astype(np.complex64)
    weights = rng.uniform(0.1, 1, (4, 9))
    first = np.vdot(kspace * weights, sample(image, points))
    assert first == pytest.approx(np.vdot(grid(kspace, points, weights, 8), image), rel=1e-4)


def test_gridding_restores_a_disc_from_its_analytic_transform():
    matrix, radius = 64, 15
    trajectory = golden_angle(128, matrix, TIMES[:1])
    image = grid(disc_kspace(trajectory.points, radius), trajectory.points, density(trajectory), matrix)
    r = distances(matrix)
    assert np.abs(image[r < radius - 4]) == pytest.approx(1, abs=0.1)
    assert image[r < radius - 4].mean() == pytest.approx(1, abs=0.02)
    assert np.abs(image[(r > radius + 4) & (r < 30)]).max() < 0.08


def test_an_object_off_centre_stays_where_it_is():
    image = np.zeros((33, 33), dtype=np.complex64)
    image[8, 20] = 1
    trajectory = golden_angle(96, 33, TIMES[:1])
    restored = np.abs(grid(sample(image, trajectory.points), trajectory.points, density(trajectory), 33))
    assert np.unravel_index(restored.argmax(), restored.shape) == (8, 20)


# -------------------------------------------------------------------------------------------------------------- coils
def test_sensitivities_are_normalised_smooth_and_follow_the_array():
    axis = np.arange(-60.0, 61, 2)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    maps = sensitivities(x, y, 8, (100, 80))
    assert maps.dtype == np.complex64 and maps.shape == (8, 61, 61)
    assert (np.abs(maps) ** 2).sum(axis=0) == pytest.approx(1, abs=1e-5)
    assert np.abs(np.diff(maps, axis=1)).max() < 0.15
    loudest = np.abs(maps[:, 60, 30]).argmax()  # at the side x > 0: the first or the last loop
    assert loudest in (0, 7)
    # The array has two mirror planes, and so have its magnitudes.
    assert np.allclose(np.abs(maps[0]), np.abs(maps[7][:, ::-1]), atol=1e-5)


def test_a_loop_is_the_difference_of_two_line_currents():
    """By hand at the centre: poles at r e^(i(a -+ h)) give a value of direction e^(-i a)."""
    maps = sensitivities(np.zeros(1), np.zeros(1), 8, (100, 100))[:, 0]
    angles = 2 * np.pi * (np.arange(8) + 0.5) / 8
    assert np.allclose(np.abs(maps), 1 / np.sqrt(8), atol=1e-6)
    assert np.allclose(maps / maps[0], np.exp(-1j * (angles - angles[0])), atol=1e-5)


# --------------------------------------------------------------------------------------------------------------- arms
def test_gradients_turn_where_they_are_said_to():
    r = np.array([[50.0, 0], [TURN_MM - 1, 0], [TURN_MM, 0], [TURN_MM + 1, 0]])
    found = encoded(r)[:, 0]
    assert found[0] == pytest.approx(50, abs=0.05)  # within the body: in place
    assert found[2] == pytest.approx(0.8 * TURN_MM) and found[2] == found.max()


def test_an_arm_is_encoded_just_beyond_the_view_and_seen_by_the_coils_beside_it():
    matrix, pixel = 40, 10.0
    trajectory = golden_angle(96, matrix, TIMES)
    empty = acquire_body(np.zeros((1, 4, matrix, matrix), np.float32), trajectory, pixel, 8)
    arm = Arm((260.0, 0.0), (30.0, 40.0), 0.0)
    seen = with_arms(empty, [arm], 1.0, pixel)
    wide = grid(seen.kspace[0], trajectory.points, density(trajectory), 2 * matrix)
    power = (np.abs(wide) ** 2).sum(axis=(1, 2))
    assert sorted(np.argsort(power)[-2:]) == [0, 7]
    where = np.unravel_index(np.abs(wide).sum(axis=0).argmax(), wide.shape[1:])
    assert pixel * (where[0] - matrix) == pytest.approx(215, abs=15)
    assert pixel * (where[1] - matrix) == pytest.approx(0, abs=40)


def test_an_arm_is_linear_in_its_signal_and_the_same_each_time():
    trajectory = golden_angle(16, 16, TIMES)
    empty = acquire_body(np.zeros((2, 4, 16, 16), np.float32), trajectory, 20, 8)
    arms = [Arm((260.0, 0.0), (30.0, 40.0), 6.0, seed=3)]
    once, twice = (with_arms(empty, arms, signal, 20).kspace for signal in (1, 2))
    assert np.allclose(2 * once, twice, rtol=1e-5)
    assert np.array_equal(once[0], once[1])
    assert np.array_equal(with_arms(empty, arms, 1, 20).kspace, once)


# -------------------------------------------------------------------------------------------------------------- noise
def test_noise_has_the_asked_deviation_in_the_composite_image_of_each_coil():
    trajectory = golden_angle(64, 32, TIMES)
    empty = acquire_body(np.zeros((4, 4, 32, 32), np.float32), trajectory, 10, 8)
    noisy = with_noise(empty, 3.0, np.random.default_rng(0))
    images = grid(noisy.kspace, trajectory.points, density(trajectory), 32)
    assert images.real.std() == pytest.approx(3, rel=0.05)
    assert images.imag.std() == pytest.approx(3, rel=0.05)


# ------------------------------------------------------------------------------------------------------- echo sharing
def test_the_centre_is_of_one_echo_and_the_edge_of_all():
    trajectory = golden_angle(32, 32, TIMES)
    for echo in range(4):
        taken = echo_samples(trajectory, echo, 32)
        assert (taken[:, 32] == (trajectory.echo == echo)).all()
        assert taken[:, 0].all() and taken[:, -1].all()
        assert (taken.sum(axis=0) % 8 == 0).all()  # whole echoes
        # 8 spokes reach 8 / (pi 32) = 0.0796 cycles per pixel: 5.09 samples of 1/64.
        assert taken[:, 32 - 5 : 32 + 6].sum() == 8 * 11
        assert taken[:, 32 + 6].sum() > 8


def decaying_disc(matrix, t2, times):
    inside = distances(matrix) < matrix / 4
    return (inside * np.exp(-times / t2)[:, None, None]).astype(np.float32)


def test_echo_images_decay_as_the_tissue_does_and_lie_on_one_another():
    matrix, t2 = 48, 40.0
    images = decaying_disc(matrix, t2, TIMES)
    trajectory = golden_angle(160, matrix, TIMES)
    acquired = acquire_body(images[None], trajectory, 8, 8)
    found = []
    for echo in range(4):
        weights = density(trajectory, echo_samples(trajectory, echo, matrix))
        found.append(np.sqrt((np.abs(grid(acquired.kspace[0], trajectory.points, weights, matrix)) ** 2).sum(axis=0)))
    found = np.array(found, dtype=np.float32)
    core = distances(matrix) < matrix / 4 - 3
    for image, truth, time in zip(found, images, TIMES, strict=True):
        assert image[core].mean() == pytest.approx(np.exp(-time / t2), rel=0.03)
        assert np.corrcoef(image.ravel(), truth.ravel())[0, 1] > 0.97
    assert np.median(fit_t2(found, TIMES)[core]) == pytest.approx(t2, rel=0.05)


# ----------------------------------------------------------------------------------------------------------------- T2
def test_t2_of_exact_decays_is_exact():
    t2 = np.array([[10.0, 42.0], [125.0, 300.0]])
    images = 3 * np.exp(-TIMES[:, None, None] / t2).astype(np.float32)
    assert fit_t2(images, TIMES) == pytest.approx(t2, rel=1e-4)


def test_t2_of_two_points_by_hand():
    images = np.array([[4.0], [1.0]], np.float32)
    assert fit_t2(images, np.array([10.0, 30.0]))[0] == pytest.approx(20 / np.log(4))


def test_t2_where_nothing_decays_or_there_is_no_signal():
    images = np.array([[1.0, 0, 1, 0.1], [1.0, 0, 2, 0.05]], np.float32)
    found = fit_t2(images, TIMES[:2], floor=0.2)
    assert found.tolist() == [LONGEST_MS, 0, LONGEST_MS, 0]
    with pytest.raises(ValueError, match="two or more echo times"):
        fit_t2(images[:1], TIMES[:1])


def test_noisy_t2_is_nearly_unbiased():
    rng = np.random.default_rng(0)
    images = np.exp(-TIMES / 40)[:, None] + rng.normal(0, 0.01, (4, 20000))
    assert np.median(fit_t2(images.astype(np.float32), TIMES)) == pytest.approx(40, rel=0.01)
