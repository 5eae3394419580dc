"""What is exported: the network with its sigmoid, for any number of slices; and whether another runtime agrees."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fewlabel.inference.trained_network import Trained
from fewlabel.utils.errors import TrainingError

TOLERANCE = 1e-4
"""By how much probabilities may differ between runtimes: sums in float32 are taken in another order."""
BATCHES = (1, 3)
"""Numbers of slices that are tried."""


class Probability(nn.Module):
    """Slices, float32 (slices, 1, rows, columns), to probabilities of the target of the same shape."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Images to probabilities."""
        probability: Tensor = self.network(images).sigmoid()
        return probability


def module_of(trained: Trained) -> tuple[Probability, Tensor]:
    """The module, and an example of its input."""
    return Probability(trained.network).eval(), torch.zeros(2, 1, *trained.preparation.grid.matrix)


def refuse_difference(module: Probability, other: Callable[[Tensor], Tensor], trained: Trained, runtime: str) -> float:
    """The largest difference in probability between the network and another runtime, on smooth random slices.

    Raises:
        TrainingError: it is above `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)
    matrix, largest = trained.preparation.grid.matrix, 0.0
    for count in BATCHES:
        coarse = torch.rand(count, 1, 8, 8, generator=generator)
        images = nn.functional.interpolate(coarse, matrix, mode="bicubic")
        images += 0.05 * torch.randn(count, 1, *matrix, generator=generator)
        with torch.inference_mode():
            difference = float((module(images) - other(images)).abs().max())
        largest = max(largest, difference)
        # Not `difference > TOLERANCE`: NaN is refused, too.
        if not difference <= TOLERANCE:
            raise TrainingError(
                f"{runtime} gives other probabilities than torch: they differ by {difference:.2g}, accepted: "
                f"{TOLERANCE:g}; nothing is written; install the versions of envs/constraints.txt"
            )
    return largest
