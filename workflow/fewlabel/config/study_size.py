"""Studies that no machine can train: too many trainings, or too large networks or batches. Does not import torch."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from fewlabel.config.jobs.grid import label_counts, parts
from fewlabel.config.jobs.training import finetuning
from fewlabel.config.pretexts.base import PretrainedBase
from fewlabel.config.pretexts.registry import outlines, pretraining_stages
from fewlabel.utils.formatting import size

if TYPE_CHECKING:
    from fewlabel.config.experiment import Experiment

MOST_TRAININGS = 100_000
"""Finetunings of a study; planning a larger workflow takes hours and gigabytes."""
MOST_NETWORK_BYTES = 50 * 10**9
"""Weights with their gradients and the optimiser's two moments."""
MOST_BATCH_BYTES = 2 * 10**12
"""Feature maps of a batch: more memory than any current machine has."""
FLOAT = 4
HALF = 2
PREDICTION_BATCH = 32
"""Slices of a batch in prediction."""


def parameters(widths: Sequence[int]) -> int:
    """Number of parameters of a U-Net with these widths.

    Args:
        widths: channels of each stage, finest first.
    """
    encoder = sum(_two_convolutions(before, width) for before, width in pairwise([1, *widths]))
    decoder = sum(4 * coarse * fine + fine + _two_convolutions(2 * fine, fine) for fine, coarse in pairwise(widths))
    return encoder + decoder + widths[0] + 1


def training_bytes(widths: Sequence[int], matrix: Sequence[int], images: int) -> int:
    """Lower bound on the memory of training, in bytes: four times the parameters, and encoder maps in half precision.

    Args:
        widths: channels of each stage, finest first.
        matrix: rows and columns of a slice.
        images: of a batch; contrastive stages see each slice twice.
    """
    pixels = matrix[0] * matrix[1]
    maps: int = sum(2 * width * (pixels >> 2 * depth) for depth, width in enumerate(widths))
    return 4 * FLOAT * parameters(widths) + images * maps * HALF


def prediction_bytes(widths: Sequence[int], matrix: Sequence[int]) -> int:
    """Lower bound on the memory of prediction, in bytes: the parameters, and the finest map with its skip.

    Args:
        widths: channels of each stage, finest first.
        matrix: rows and columns of a slice.
    """
    return FLOAT * parameters(widths) + 2 * HALF * PREDICTION_BATCH * widths[0] * matrix[0] * matrix[1]


def pretraining_images(method: PretrainedBase) -> dict[str, int]:
    """Images of a step whose maps a trained encoder keeps, by the key of the stage."""
    trained, budgets = outlines(method), pretraining_stages(method)
    return {key: budgets[key].batch * of.views for key, of in trained.items() if not of.freezes_encoder}


def size_problems(experiment: "Experiment") -> Iterator[tuple[tuple[str, ...], str]]:
    """Reasons why a study is too large for any machine, each with its settings key."""
    per_draw = sum(len(label_counts(experiment, method)) for method in experiment.methods) * len(parts(experiment))
    if (trainings := per_draw * experiment.draws) > MOST_TRAININGS:
        yield (
            ("draws",),
            f"{trainings:,} trainings ({per_draw:,} for each of {experiment.draws} draws); accepted: at most "
            f"{MOST_TRAININGS:,}; to fix: fewer draws, labels, methods or folds, or several studies",
        )
    widths = experiment.network.widths
    if (needed := 4 * FLOAT * parameters(widths)) > MOST_NETWORK_BYTES:
        yield (
            ("network", "widths"),
            f"a network of {parameters(widths):,} parameters needs {size(needed)} for training; accepted: at "
            f"most {size(MOST_NETWORK_BYTES)}; to fix: fewer or smaller widths",
        )
        return
    for name, cohort in experiment.cohorts.items():
        for place, images in _batches(experiment):
            if (needed := training_bytes(widths, cohort.grid.matrix, images)) > MOST_BATCH_BYTES:
                rows, columns = cohort.grid.matrix
                yield (
                    place,
                    f"{images} images of {rows} x {columns} pixels per step ({name}) need {size(needed)} or more; "
                    f"accepted: at most {size(MOST_BATCH_BYTES)}; to fix: a smaller batch, widths or matrix",
                )


def _batches(experiment: "Experiment") -> Iterator[tuple[tuple[str, ...], int]]:
    """The images of a step of every training, each with its key."""
    yield ("finetuning", "batch"), experiment.finetuning.batch
    for name, method in experiment.methods.items():
        if (batch := finetuning(experiment, name).batch) != experiment.finetuning.batch:
            yield ("methods", name, "finetuning", "batch"), batch
        if isinstance(method, PretrainedBase):
            for stage, images in pretraining_images(method).items():
                yield ("methods", name, stage, "batch"), images


def _two_convolutions(channels: int, width: int) -> int:
    """Parameters of two 3 x 3 convolutions without bias, each with the scale and shift of its normalisation."""
    return 9 * channels * width + 9 * width * width + 4 * width
