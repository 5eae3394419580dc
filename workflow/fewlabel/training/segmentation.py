"""Supervised segmentation with the Dice loss."""

from torch import Tensor, nn

from fewlabel.training.network import UNet


def dice_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the soft Dice of the batch (Milletari et al. 2016, with plain sums in the denominator).

    The batch counts as one volume, so slices without target contribute, and no slice's Dice depends on a single pixel.

    Args:
        logits: any real values, shape (batch, 1, row, column).
        masks: 0 or 1, the same shape.
        smooth: > 0, in pixels; added to both sides of the quotient.

    Returns:
        Scalar between 0 (perfect) and 1.

    Raises:
        ValueError: shapes differ.
    """
    if logits.shape != masks.shape:
        raise ValueError(f"logits have shape {tuple(logits.shape)}, masks {tuple(masks.shape)}; accepted: equal shapes")
    probability = logits.float().sigmoid()
    overlap = (probability * masks).sum()
    return 1 - (2 * overlap + smooth) / (probability.sum() + masks.sum() + smooth)


class Segmentation(nn.Module):
    """The finetuning objective: a U-Net with Dice loss."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """The loss of a batch."""
        return dice_loss(self.network(images), masks)
