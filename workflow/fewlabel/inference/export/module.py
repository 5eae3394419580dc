"""The exported module (network and probabilities, for any number of slices), and the check of a runtime against it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fewlabel.inference.trained_network import TrainedNetwork
from fewlabel.training.segmentation import probabilities
from fewlabel.utils.errors import TrainingError

TOLERANCE = 1e-4
"""Accepted difference of probabilities between runtimes, which take float32 sums in different orders."""
BATCHES = (1, 3)
"""Numbers of slices in the check's batches."""


class Probability(nn.Module):
    """Maps slices to probabilities.

    Slices are float32 (slice, input, row, column): channels, with neighbouring slices those of the lowest slice first.
    Probabilities are float32 (slice, class, row, column), without background.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of images."""
        return probabilities(self.network(images))


def exported_module(trained: TrainedNetwork) -> tuple[Probability, Tensor]:
    """The module to export, and an example of its input."""
    return Probability(trained.network).eval(), torch.zeros(
        2, trained.settings.inputs, *trained.preparation.grid.matrix
    )


def check_runtime(
    module: Probability, other: Callable[[Tensor], Tensor], trained: TrainedNetwork, runtime: str
) -> float:
    """The largest difference in probability between the network and another runtime, on smooth random slices.

    Raises:
        TrainingError: it is above `TOLERANCE`.
    """
    generator = torch.Generator().manual_seed(0)
    matrix, inputs, largest = trained.preparation.grid.matrix, trained.settings.inputs, 0.0
    for count in BATCHES:
        coarse = torch.rand(count, inputs, 8, 8, generator=generator)
        images = nn.functional.interpolate(coarse, matrix, mode="bicubic")
        images += 0.05 * torch.randn(count, inputs, *matrix, generator=generator)
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


def input_names(trained: TrainedNetwork) -> list[str]:
    """A name for each input of the network: its channel and, with neighbouring slices, its slice (`adc, slice -1`)."""
    channels, context = trained.settings.channels or ["image"], trained.settings.network.context
    if context == 1:
        return list(channels)
    slices = range(-(context // 2), context // 2 + 1)
    return [f"{channel}, slice {offset:+d}" if offset else channel for offset in slices for channel in channels]
