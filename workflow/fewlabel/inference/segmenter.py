"""A trained network that maps a volume to a label map on its native grid."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fewlabel.config.base import Axis
from fewlabel.config.evaluation import NO_PROCESSING, EvaluationOptions
from fewlabel.config.jobs.data import Preparation
from fewlabel.data.preprocessing.volume import Volume
from fewlabel.data.preprocessing.working_grid import preprocess
from fewlabel.data.store.packed_subject import as_stored
from fewlabel.data.store.slice_store import Store
from fewlabel.inference.evaluate import predict
from fewlabel.inference.postprocessing import postprocess
from fewlabel.inference.trained_network import TrainedNetwork
from fewlabel.inference.training_ranges import Ranges, outliers
from fewlabel.training.devices.device import Precision
from fewlabel.training.network import UNet
from fewlabel.training.sampling import Slices


@dataclass(frozen=True)
class SegmentedVolume:
    """A label map on the native grid of an image."""

    labels: NDArray[Any]  # integers, the axes of the file: 1, or for named classes the first value of each; 0 elsewhere
    volumes_ml: dict[str, float]  # by class; the key of a target without a name is empty
    probabilities: NDArray[np.float32] | None  # the axes of the file, for several classes a fourth axis; if asked for
    outside: list[str]  # messages on properties outside the ranges of the training cohort


@dataclass(frozen=True)
class Segmenter:
    """A network with all settings that predict a mask from a volume."""

    network: UNet  # on the device
    preparation: Preparation  # working grid and bias correction
    device: torch.device
    precision: Precision
    flips: Collection[Axis] = ()  # axes of a slice along which mirror images are averaged
    ranges: Ranges | None = None  # of the network's training cohort; None: unknown, images are not compared with it
    processing: EvaluationOptions = NO_PROCESSING  # steps after the prediction
    classes: Mapping[str, list[int]] = field(default_factory=dict)  # label values by name; empty: one without a name
    context: int = 1  # neighbouring slices that the network sees
    keep_probabilities: bool = False

    @classmethod
    def of(cls, trained: TrainedNetwork, device: torch.device, precision: Precision, **options: Any) -> Self:
        """The segmenter of a trained network, which is moved to the device; `options`: further fields."""
        settings = trained.settings
        known = {"ranges": trained.ranges, "classes": settings.classes, "context": settings.network.context}
        return cls(trained.network.to(device), trained.preparation, device, precision, **{**known, **options})

    def segment(self, volume: Volume) -> SegmentedVolume:
        """Predict the label map on the volume's native grid, bit-identical to that of `fewlabel evaluate`.

        Raises:
            InputError: the volume is too large on the working grid, has no contrast, or no bias field can be fitted.
        """
        images, _, frame = preprocess(volume, self.preparation.grid, self.preparation.bias_correction)
        stored = as_stored(images)
        rows = np.arange(len(stored), dtype=np.int64)
        index = pd.DataFrame({"subject": "", "slice": rows})
        slices = Slices(Store(stored, np.zeros((0, 0, 0), np.uint8), index, pd.DataFrame()), self.device, self.context)
        probability = predict(self.network, slices, rows, self.precision, self.flips)
        voxel_ml = float(np.prod(np.linalg.norm(volume.affine[:3, :3], axis=0))) / 1000
        numbers = postprocess(frame.native_mask(probability), voxel_ml, self.processing, list(self.classes))
        counts = np.bincount(numbers.ravel(), minlength=1 + max(1, len(self.classes)))[1:]
        volumes_ml = {name: count * voxel_ml for name, count in zip(self.classes or [""], counts.tolist(), strict=True)}
        return SegmentedVolume(
            original_values(numbers, self.classes),
            volumes_ml,
            frame.native_probabilities(probability) if self.keep_probabilities else None,
            [] if self.ranges is None else outliers(self.ranges, frame, stored, volumes_ml),
        )


def original_values(numbers: NDArray[np.uint8], classes: Mapping[str, list[int]]) -> NDArray[Any]:
    """Class numbers as the label values of the cohort, in the smallest integer type of NIfTI that holds all.

    Args:
        numbers: from 1; 0 is background.
        classes: label values by name, in the order of their numbers; of several values of a class the first is used.
            Empty: `numbers` is returned.
    """
    if not classes:
        return numbers
    values = [0, *(first for first, *_ in classes.values())]
    return np.array(values, label_type(values))[numbers]


def label_type(values: Sequence[int]) -> str:
    """The smallest integer type of NIfTI files that holds these label values: `uint8`, `uint16` or `int32`."""
    return next(name for name in ("uint8", "uint16", "int32") if max(values) <= np.iinfo(name).max)
