"""Supervised segmentation with the Dice loss, alone or with cross entropy; one class or several.

One class is a sigmoid of one channel, several classes are a softmax over background and classes.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewlabel.training.network import UNet


def one_hot(masks: Tensor, classes: int) -> Tensor:
    """Class numbers (batch, 1, row, column), 0 background, to one channel a class, 0 or 1, of the same type."""
    numbers = torch.arange(1, classes + 1, device=masks.device, dtype=masks.dtype)
    return (masks == numbers.view(1, -1, 1, 1)).to(masks.dtype)


def probabilities(logits: Tensor) -> Tensor:
    """Probabilities of the classes, float32 without background: logits (batch, 1, …) or (batch, 1 + classes, …)."""
    return logits.float().sigmoid() if logits.shape[1] == 1 else logits.float().softmax(dim=1)[:, 1:]


def dice_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the soft Dice of the batch (Milletari et al. 2016, with plain sums in the denominator).

    The batch counts as one volume, so slices without target contribute, and no slice's Dice depends on a single pixel.
    Of several classes it is the mean of their losses, without background.

    Args:
        logits: any real values, shape (batch, 1, row, column), or (batch, 1 + classes, row, column) with background
            first.
        masks: class numbers, 0 background, shape (batch, 1, row, column).
        smooth: > 0, in pixels; added to both sides of the quotient.

    Returns:
        Scalar between 0 (perfect) and 1.

    Raises:
        ValueError: shapes differ.
    """
    if logits.shape[:1] + logits.shape[2:] != masks.shape[:1] + masks.shape[2:] or masks.shape[1:2] != (1,):
        raise ValueError(f"logits have shape {tuple(logits.shape)}, masks {tuple(masks.shape)}; accepted: equal shapes")
    probability = probabilities(logits)
    if logits.shape[1] == 1:
        overlap = (probability * masks).sum()
        return 1 - (2 * overlap + smooth) / (probability.sum() + masks.sum() + smooth)
    inside, whole = one_hot(masks, logits.shape[1] - 1), (0, 2, 3)
    overlap = (probability * inside).sum(whole)
    return 1 - ((2 * overlap + smooth) / (probability.sum(whole) + inside.sum(whole) + smooth)).mean()


def cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean cross entropy over all pixels in nats, background included; arguments as of `dice_loss`."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits.float(), masks)
    return functional.cross_entropy(logits.float(), masks.squeeze(1).long())


class Segmentation(nn.Module):
    """The finetuning objective: a U-Net with Dice loss, or with the sum of Dice loss and cross entropy."""

    def __init__(self, network: UNet, loss: Literal["dice", "dice_cross_entropy"] = "dice") -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """The loss of a batch: images (batch, inputs, row, column), class numbers (batch, 1, row, column)."""
        logits = self.network(images)
        loss = dice_loss(logits, masks)
        return loss if self.loss == "dice" else loss + cross_entropy(logits, masks)
