import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceLoss

from fewlabel.training.segmentation import dice_loss


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
