import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewlabel.training.network import UNet
from fewlabel.training.pretexts.regression import Regression, corrupt, corruption_mask, masked_l1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=30)
@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_each_slice_has_exactly_the_wanted_share_of_corrupted_pixels(share, seed):
    corrupted = corruption_mask((3, 1, 16, 20), share, 1, seeded(seed))
    assert corrupted.sum(dim=(1, 2, 3)).tolist() == [max(1, round(share * 320))] * 3


def test_blocks_are_corrupted_as_a_whole_and_cut_at_the_border():
    corrupted = corruption_mask((4, 1, 10, 10), 0.3, 4, seeded())
    assert corrupted.shape == (4, 1, 10, 10)
    for row in range(0, 10, 4):
        for column in range(0, 10, 4):
            square = corrupted[:, :, row : row + 4, column : column + 4].flatten(1)
            assert (square.all(dim=1) | ~square.any(dim=1)).all()


def test_slices_are_corrupted_at_different_places():
    corrupted = corruption_mask((2, 1, 32, 32), 0.25, 1, seeded())
    assert not torch.equal(corrupted[0], corrupted[1])


def test_uncorrupted_pixels_of_the_input_stay_and_corrupted_ones_follow_the_slices_moments():
    images = torch.rand((2, 1, 256, 256), generator=seeded(1)) * torch.tensor([1.0, 5.0]).view(2, 1, 1, 1)
    corrupted = corruption_mask((2, 1, 256, 256), 0.5, 1, seeded(2))
    noisy = corrupt(images, corrupted, 1.0, seeded(3))
    assert torch.equal(noisy[~corrupted], images[~corrupted])
    for image, mask, noise in zip(images, corrupted, noisy, strict=True):
        assert noise[mask].mean().item() == pytest.approx(image.mean().item(), abs=0.02 * image.mean().item())
        assert noise[mask].std().item() == pytest.approx(image.std().item(), rel=0.02)


def test_l1_at_corrupted_pixels_by_hand_numbers():
    images = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    restored = torch.tensor([[[[1.5, 9.0], [2.0, 4.0]]]])
    corrupted = torch.tensor([[[[True, False], [True, False]]]])
    assert masked_l1(restored, images, corrupted).item() == pytest.approx((0.5 + 1.0) / 2)


def test_uncorrupted_pixels_do_not_matter():
    images, restored = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8, requires_grad=True)
    corrupted = corruption_mask((2, 1, 8, 8), 0.25, 1, seeded())
    loss = masked_l1(restored, images, corrupted)
    changed = torch.where(corrupted, restored, restored + 100)
    assert masked_l1(changed, images, corrupted).item() == pytest.approx(loss.item())
    loss.backward()
    assert not restored.grad[~corrupted].any()
    assert restored.grad[corrupted].all()


def test_no_corrupted_pixel_is_refused():
    with pytest.raises(ValueError, match="no pixel"):
        masked_l1(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.bool))


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 1, 2, 3\)"):
        masked_l1(torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2, dtype=torch.bool))


def test_one_generator_state_gives_one_loss():
    objective = Regression(UNet([4, 8]), 0.25, 1, 1.0)
    images = torch.rand(2, 1, 8, 8)
    assert objective(images, seeded(5)).item() == objective(images, seeded(5)).item()
    assert objective(images, seeded(5)).item() != objective(images, seeded(6)).item()
