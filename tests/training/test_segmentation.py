import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceCELoss, DiceLoss

from fewlabel.training.network import UNet, seeded
from fewlabel.training.segmentation import Segmentation, dice_loss, probabilities


def test_dice_loss_by_hand_numbers():
    # Probability one half at four pixels, two of them inside: (2 * 1 + 1) / (2 + 2 + 1).
    masks = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert dice_loss(torch.zeros(1, 1, 2, 2), masks).item() == pytest.approx(1 - 3 / 5)


def test_a_certain_right_prediction_loses_nothing_and_a_wrong_one_nearly_all():
    masks = (torch.arange(64) < 32).float().view(1, 1, 8, 8)
    assert dice_loss((masks * 2 - 1) * 50, masks).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss((1 - masks * 2) * 50, masks).item() == pytest.approx(1 - 1 / 65, abs=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 5), smooth=st.floats(0.01, 5))
def test_dice_loss_agrees_with_an_independent_implementation(seed, batch, smooth):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((batch, 1, 6, 7), generator=generator)
    masks = (torch.rand((batch, 1, 6, 7), generator=generator) < 0.3).float()
    expected = DiceLoss(sigmoid=True, batch=True, smooth_nr=smooth, smooth_dr=smooth)(logits, masks)
    assert dice_loss(logits, masks, smooth).item() == pytest.approx(expected.item(), abs=1e-5)


def test_a_batch_without_target_still_punishes_false_positives():
    logits = torch.full((1, 1, 4, 4), -3.0, requires_grad=True)
    dice_loss(logits, torch.zeros(1, 1, 4, 4)).backward()
    assert (logits.grad > 0).all()


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 1, 4, 4\).*\(1, 4, 4\)"):
        dice_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4))


def label_maps(generator, batch, classes):
    return torch.randint(0, classes + 1, (batch, 1, 6, 7), generator=generator).float()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), batch=st.integers(1, 5), classes=st.integers(2, 5), smooth=st.floats(0.01, 5))
def test_dice_loss_of_several_classes_agrees_with_an_independent_implementation(seed, batch, classes, smooth):
    generator = torch.Generator().manual_seed(seed)
    logits, masks = torch.randn((batch, 1 + classes, 6, 7), generator=generator), label_maps(generator, batch, classes)
    independent = DiceLoss(
        include_background=False, softmax=True, to_onehot_y=True, batch=True, smooth_nr=smooth, smooth_dr=smooth
    )
    assert dice_loss(logits, masks, smooth).item() == pytest.approx(independent(logits, masks).item(), abs=1e-5)


@pytest.mark.parametrize("classes", [1, 3])
def test_dice_and_cross_entropy_agree_with_an_independent_implementation(classes):
    generator = torch.Generator().manual_seed(3)
    network = seeded(lambda: UNet([4, 8], outputs=1 if classes == 1 else 1 + classes), 1)
    images, masks = torch.rand((2, 1, 6, 8), generator=generator), torch.zeros(2, 1, 6, 8)
    masks[:, :, :3] = torch.randint(0, classes + 1, (2, 1, 3, 8), generator=generator).float()
    several = {"include_background": False, "softmax": True, "to_onehot_y": True}
    independent = DiceCELoss(batch=True, smooth_nr=1, smooth_dr=1, **({"sigmoid": True} if classes == 1 else several))
    expected = independent(network(images), masks).item()
    assert Segmentation(network, "dice_cross_entropy")(images, masks).item() == pytest.approx(expected, abs=1e-5)


def test_a_permutation_of_class_numbers_changes_no_loss():
    generator = torch.Generator().manual_seed(5)
    logits, masks = torch.randn((2, 4, 6, 7), generator=generator), label_maps(generator, 2, 3)
    order = torch.tensor([0, 3, 1, 2])  # where each output goes
    permuted = torch.empty_like(logits)
    permuted[:, order] = logits
    expected = dice_loss(logits, masks).item()
    assert dice_loss(permuted, order[masks.long()].float()).item() == pytest.approx(expected, abs=1e-6)


def test_probabilities_of_classes_and_background_add_up_to_1():
    logits = torch.randn((2, 4, 3, 3), generator=torch.Generator().manual_seed(1))
    background = 1 / (1 + (logits[:, 1:] - logits[:, :1]).exp().sum(1))
    assert torch.allclose(probabilities(logits).sum(1) + background, torch.ones(2, 3, 3), atol=1e-6)
