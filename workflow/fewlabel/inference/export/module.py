"""The exported module (network and sigmoid, for any number of slices), and the check of another runtime against it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fewlabel.inference.trained_network import TrainedNetwork
from fewlabel.utils.errors import TrainingError

TOLERANCE = 1e-4
"""Accepted difference of probabilities between runtimes, which take float32 sums in different orders."""
BATCHES = (1, 3)
"""Numbers of slices in the check's batches."""


class Probability(nn.Module):
    """Maps slices, float32 (slice, 1, row, column), to probabilities of the target of the same shape."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of images."""
        probability: Tensor = self.network(images).sigmoid()
        return probability


def exported_module(trained: TrainedNetwork) -> tuple[Probability, Tensor]:
    """The module to export, and an example of its input."""
    return Probability(trained.network).eval(), torch.zeros(2, 1, *trained.preparation.grid.matrix)


def check_runtime(
    module: Probability, other: Callable[[Tensor], Tensor], trained: TrainedNetwork, runtime: str
) -> float:
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
                f"{runtime}: probabilities differ from torch's by {difference:.2g}; accepted: up to {TOLERANCE:g}; "
                "to fix: install the versions of envs/constraints.txt"
            )
    return largest
