"""Check that a training or prediction fits the memory of its device, before it allocates any."""

from collections.abc import Sequence

import torch

from fewlabel.config.jobs.training import FinetuneSettings, PretrainSettings
from fewlabel.config.study_size import prediction_bytes, pretraining_images, training_bytes
from fewlabel.training.devices import processes
from fewlabel.utils.environment import refuse_above_memory


def refuse_training(
    settings: PretrainSettings | FinetuneSettings, matrix: Sequence[int], device: torch.device, most: int | None = None
) -> None:
    """Raise an InputError if a training needs more memory than available.

    Args:
        matrix: rows and columns of a slice.
        most: bytes of memory (default: all memory of the device).
    """
    if isinstance(settings, PretrainSettings):
        batches = pretraining_images(settings.method)
    else:
        batches = {"finetuning": settings.finetuning.batch}
    for stage, images in batches.items():
        # Each GPU has the share of one process.
        own = images // processes.count() if device.type == "cuda" else images
        needed = training_bytes(settings.network.widths, matrix, own)
        what = f"{stage}: a step of {images} images of {matrix[0]} x {matrix[1]} pixels"
        remedy = "lower batch, network.widths or grid.matrix, or train on a device with more memory"
        refuse_above_memory(needed, what, remedy, most if most is not None else _of_gpu(device))


def refuse_prediction(widths: Sequence[int], matrix: Sequence[int], name: str, most: int | None = None) -> None:
    """Raise an InputError if the network and working grid of weights need more memory than available.

    Args:
        matrix: rows and columns of the working grid.
        name: of the weights, for the message.
        most: bytes of memory (default: all of this machine).
    """
    what = f"{name}: its network of widths {list(widths)} on slices of {matrix[0]} x {matrix[1]} pixels"
    refuse_above_memory(prediction_bytes(widths, matrix), what, "use a machine with more memory", most)


def _of_gpu(device: torch.device) -> int | None:
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
