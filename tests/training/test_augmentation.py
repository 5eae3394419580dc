import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from torch.nn import functional

from fewlabel.config.augmentation import AUGMENTATIONS, Augmentation
from fewlabel.training.augmentation import augment


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blob(rows=48, columns=64):
    """A smooth off-centre image whose level 0.5 is the border of its mask."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    image = torch.exp(-(((x - 0.15) / 0.35) ** 2 + ((y + 0.1) / 0.45) ** 2) * 0.693)[None, None]
    return image.repeat(6, 1, 1, 1), (image >= 0.5).float().repeat(6, 1, 1, 1)


GEOMETRIC = {
    "rotation": Augmentation(rotation_deg=30),
    "scale": Augmentation(scale=0.3),
    "shift": Augmentation(shift=0.2),
    "elastic": Augmentation(elastic_px=3),
    "flip": Augmentation(flip=True),
    "crop": Augmentation(crop_min=0.5),
    "extensive without intensity": Augmentation(rotation_deg=20, scale=0.15, shift=0.08, elastic_px=3, flip=True),
}


@pytest.mark.parametrize("name", GEOMETRIC)
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_image_and_mask_stay_aligned(name, seed):
    images, masks = blob()
    moved, moved_masks = augment(images, masks, GEOMETRIC[name], ["rows", "columns"], seeded(seed))
    inside = (moved >= 0.5).float()
    overlap = 2 * (inside * moved_masks).sum() / (inside.sum() + moved_masks.sum())
    assert overlap > 0.97


@pytest.mark.parametrize("name", GEOMETRIC)
def test_each_geometric_transform_moves_something_and_each_slice_otherwise(name):
    images, masks = blob()
    moved, _ = augment(images, masks, GEOMETRIC[name], ["rows", "columns"], seeded(3))
    assert not torch.allclose(moved, images, atol=1e-2)
    assert not torch.allclose(moved[0], moved[1:], atol=1e-3)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_masks_stay_0_or_1_and_shapes_stay(name):
    images, masks = blob()
    moved, moved_masks = augment(images, masks, AUGMENTATIONS[name], ["columns"], seeded())
    assert moved.shape == images.shape and moved_masks.shape == masks.shape
    assert set(moved_masks.unique().tolist()) <= {0.0, 1.0}
    assert torch.isfinite(moved).all()


def test_the_defaults_change_nothing():
    images, masks = blob()
    same, same_masks = augment(images, masks, Augmentation(), ["rows", "columns"], seeded())
    assert torch.equal(same, images) and torch.equal(same_masks, masks)


def test_one_generator_state_gives_one_result():
    images, masks = blob()
    first = augment(images, masks, AUGMENTATIONS["extensive"], ["columns"], seeded(7))
    second = augment(images, masks, AUGMENTATIONS["extensive"], ["columns"], seeded(7))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_a_flip_is_the_mirror_image_along_the_allowed_axis_alone():
    images, _ = blob()
    moved, _ = augment(images, None, Augmentation(flip=True), ["columns"], seeded(1))
    mirrored = images.flip(3)
    kinds = [
        (torch.allclose(slice_, image, atol=1e-5), torch.allclose(slice_, mirror, atol=1e-5))
        for slice_, image, mirror in zip(moved, images, mirrored, strict=True)
    ]
    assert all(any(kind) for kind in kinds)
    assert any(kind[0] for kind in kinds) and any(kind[1] for kind in kinds)


def test_an_axis_that_the_anatomy_does_not_allow_is_not_mirrored():
    images, _ = blob()
    same, _ = augment(images, None, Augmentation(flip=True), [], seeded(1))
    assert torch.equal(same, images)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_rotation_keeps_shape_on_a_matrix_that_is_not_square(seed):
    # A disc about the centre must stay that disc: a rotation without the aspect ratio would shear it.
    y, x = torch.meshgrid(torch.arange(32) - 15.5, torch.arange(64) - 31.5, indexing="ij")
    disc = ((x**2 + y**2) < 100).float()[None, None].repeat(4, 1, 1, 1)
    _, moved = augment(disc.clone(), disc, Augmentation(rotation_deg=90), [], seeded(seed))
    assert (2 * (moved * disc).sum() / (moved.sum() + disc.sum())) > 0.97


def test_shift_stays_within_its_share():
    images = torch.zeros(64, 1, 40, 40)
    images[:, :, 20, 20] = 1
    moved, _ = augment(images, None, Augmentation(shift=0.1), [], seeded(2))
    places = functional.avg_pool2d(moved, 1).flatten(1).argmax(dim=1)
    distance = torch.stack([places // 40 - 20, places % 40 - 20]).abs()
    assert distance.max() <= 4
    assert distance.max() >= 3


def test_intensity_transforms_leave_masks_alone():
    images, masks = blob()
    settings_ = Augmentation(brightness=0.3, contrast=0.3, gamma=0.3, shading=0.3, noise=0.1)
    changed, same = augment(images, masks, settings_, ["columns"], seeded())
    assert torch.equal(same, masks)
    assert not torch.allclose(changed, images)


def test_brightness_and_contrast_are_affine_in_the_image():
    images, _ = blob()
    changed, _ = augment(images, None, Augmentation(brightness=0.2, contrast=0.3), [], seeded(4))
    for before, after in zip(images, changed, strict=True):
        slope = (after.max() - after.min()) / (before.max() - before.min())
        assert 0.7 <= slope <= 1.3
        assert torch.allclose(after, after.mean() + slope * (before - before.mean()), atol=1e-5)
        assert abs(after.mean() - before.mean()) <= 0.2


@pytest.mark.parametrize("name", GEOMETRIC)
def test_several_classes_move_as_each_of_them_alone_and_the_largest_wins(name):
    """Oracle: SciPy's linear interpolation at the positions that a moved coordinate image shows."""
    rows, columns, classes = 40, 48, 3
    y, x = torch.meshgrid(torch.arange(rows).float(), torch.arange(columns).float(), indexing="ij")
    masks = torch.zeros(2, 1, rows, columns)
    masks[:, 0, 8:30, 10:24], masks[:, 0, 8:20, 24:38], masks[:, 0, 20:30, 24:38] = 1, 2, 3
    flip = ["rows", "columns"]
    positions = torch.stack([y, x])[None].repeat(2, 1, 1, 1)
    moved_positions, _ = augment(positions, None, GEOMETRIC[name], flip, seeded(4))
    _, moved = augment(torch.zeros(2, 1, rows, columns), masks, GEOMETRIC[name], flip, seeded(4), classes)
    for one, where, mask in zip(moved[:, 0], moved_positions.numpy(), masks[:, 0].numpy(), strict=True):
        shares = np.stack([map_coordinates((mask == k).astype(float), where, order=1) for k in range(classes + 1)])
        # Not where border positions are clamped, nor where two classes are as large but for rounding.
        best, second = np.sort(shares, axis=0)[[-1, -2]]
        clear = (best - second > 1e-3) & (where > 0.5).all(0) & (where[0] < rows - 1.5) & (where[1] < columns - 1.5)
        assert clear.mean() > 0.4
        assert np.array_equal(one.numpy()[clear], shares.argmax(0)[clear])


def test_one_class_moves_alike_through_both_ways():
    images, masks = blob()
    extensive = AUGMENTATIONS["extensive"]
    _, alone = augment(images, masks, extensive, ["columns"], seeded(2))
    _, among = augment(images, masks, extensive, ["columns"], seeded(2), classes=2)
    assert torch.equal(alone, among)


def test_channels_of_a_slice_share_its_transforms():
    images, _ = blob()
    changed, _ = augment(
        images.repeat(1, 3, 1, 1), None, AUGMENTATIONS["extensive"].model_copy(update={"noise": 0}), [], seeded(6)
    )
    assert torch.equal(changed[:, 0], changed[:, 1]) and torch.equal(changed[:, 0], changed[:, 2])
