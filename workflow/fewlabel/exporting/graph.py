"""What is exported: the network with its sigmoid, for any number of slices; and whether another runtime agrees."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fewlabel.errors import TrainingError
from fewlabel.trained import Trained

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


def module_of(trained: Trained) -> tuple[Probability, Tensor, dict[str, dict[int, torch.export.Dim]]]:
    """The module, an example of its input, and which axis of that is free."""
    example = torch.zeros(2, 1, *trained.preparation.grid.matrix)
    return Probability(trained.network).eval(), example, {"images": {0: torch.export.Dim("slices")}}


def refuse_difference(module: Probability, other: Callable[[Tensor], Tensor], trained: Trained, runtime: str) -> float:
    """The largest difference in probability between the network and another runtime, on random slices.

    Raises:
        TrainingError: it is above `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)
    matrix, largest = trained.preparation.grid.matrix, 0.0
    for count in BATCHES:
        images = torch.rand(count, 1, *matrix, generator=generator)
        with torch.inference_mode():
            difference = (module(images) - other(images)).abs().max()
        largest = max(largest, float(difference))
    if not largest <= TOLERANCE:
        raise TrainingError(
            f"{runtime} gives other probabilities than torch: they differ by {largest:.2g}, accepted: {TOLERANCE:g}; "
            "nothing is written; update onnxruntime and torch together"
        )
    return largest
