"""Predict masks on native grids and score them against the truth, class by class.

Empty masks of a class: if both are empty, Dice is 1 and distances are 0; if one is, Dice is 0 and distances are NaN.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fewlabel.config.base import CLASS, Axis
from fewlabel.config.cohort import Grid
from fewlabel.config.evaluation import NO_PROCESSING, EvaluationOptions
from fewlabel.config.extensions import implementation
from fewlabel.config.scores.registry import FURTHER, SCORES
from fewlabel.config.study_size import PREDICTION_BATCH
from fewlabel.data.csv_tables import read_subjects
from fewlabel.data.labelled_pool import labelled_count
from fewlabel.data.preprocessing.volume import read_with_placement, save_nifti
from fewlabel.data.store.slice_store import open_store
from fewlabel.inference.finished_evaluation import Evaluation
from fewlabel.inference.metrics import Mask, assd, dice, hd95, surface_distances
from fewlabel.inference.postprocessing import postprocess
from fewlabel.training.devices.device import Precision, autocast, choose_device, choose_precision, use_threads
from fewlabel.training.network import UNet
from fewlabel.training.sampling import Slices
from fewlabel.training.segmentation import probabilities
from fewlabel.training.weights import class_names, context_of, restore_network
from fewlabel.utils import recorded_hashes
from fewlabel.utils.atomic_files import atomic_file, atomic_folder, sha256, visible, write_text
from fewlabel.utils.errors import InputError
from fewlabel.utils.progress import Progress
from fewlabel.utils.system_errors import refuse_out_of_memory

AXES: dict[Axis, int] = {"rows": 2, "columns": 3}
"""Axis of a batch (slice, channel, row, column) along which slices are mirrored."""


@dataclass(frozen=True)
class Scores:
    """Scores of one class of one predicted mask on the native grid."""

    dice: float  # 0 to 1, of the whole volume
    hd95_mm: float  # the larger of both directions' 95th percentiles of surface distances
    assd_mm: float  # average symmetric surface distance
    # truth_ml, predicted_ml: volumes of the masks in ml
    truth_ml: float
    predicted_ml: float
    # scores of installed packages that the study names; NaN where they are undefined
    further: Mapping[str, float] = field(default_factory=dict)


def predict(
    network: UNet, slices: Slices, rows: NDArray[np.int64], precision: Precision, flips: Collection[Axis] = ()
) -> NDArray[np.float32]:
    """Probabilities on the working grid: of one class (slice, row, column), of several (class, slice, row, column).

    They are float32; several classes have none of background.

    Args:
        network: on the device of `slices`.
        slices: the slices of a store.
        rows: indices of the slices to predict, (slice,).
        flips: axes to mirror slices along; the result is the mean over all mirror images, mirrored back.
    """
    network.eval()
    axes = sorted(AXES[flip] for flip in flips)
    mirrored = [chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)]
    parts = []
    with torch.inference_mode(), autocast(precision, slices.device):
        for start in range(0, len(rows), PREDICTION_BATCH):
            images = slices.images(rows[start : start + PREDICTION_BATCH])
            predicted = [probabilities(network(images.flip(turned))).flip(turned) for turned in mirrored]
            mean: Any = sum(predicted) / len(predicted)
            parts.append(mean.cpu().numpy())
    whole = np.concatenate(parts)
    return whole[:, 0] if whole.shape[1] == 1 else np.ascontiguousarray(whole.swapaxes(0, 1))


def evaluate_run(evaluation: Evaluation, scores: Path, predictions: Path) -> None:
    """Predict, save and score all test subjects of a run; scores and masks appear together at the end.

    Args:
        scores: the table, one row a subject, or with named classes one row a subject and class.
        predictions: folder of `<subject>.nii.gz`, masks on the native grids, and of their record.

    Raises:
        InputError: an input is damaged, or with the problems of all subjects that cannot be scored.
    """
    settings = evaluation.settings
    use_threads(evaluation.threads)
    device = choose_device(evaluation.device)
    network, facts = restore_network(evaluation.weights)
    slices = Slices(open_store(evaluation.store), device, context_of(facts))
    network.to(device)
    classes = class_names(facts)
    table = read_subjects(evaluation.roles, "role")
    subjects = [str(name) for name in table.loc[table["role"] == "test", "subject"]]
    precision = choose_precision(settings.precision, device)
    rows, problems = [], []
    with atomic_folder(predictions) as folder:
        with Progress("evaluate", len(subjects), "subject") as progress:
            for subject in subjects:
                try:
                    with refuse_out_of_memory():
                        result = evaluate_subject(
                            network,
                            slices,
                            settings.grid,
                            subject,
                            evaluation.truth,
                            folder,
                            precision,
                            settings.scores,
                            settings.evaluation,
                            settings.flip,
                            classes,
                        )
                except InputError as error:
                    problems.append(f"{subject}: {error}")
                    continue
                labels = labelled_count(facts)
                names: list[str] | list[None] = classes or [None]
                for name, of_class in zip(names, result, strict=True):
                    row = score_row(settings.cohort, settings.method, labels, settings.draw, subject, of_class, name)
                    rows.append(row if settings.fold is None else {**row, "fold": settings.fold})
                progress.advance(note=f"Dice {np.mean([of_class.dice for of_class in result]):.3f}")
        if problems:
            raise InputError.of(problems, f"{len(problems)} of {len(subjects)} test subjects cannot be scored:")
        with atomic_file(scores) as partial:
            pd.DataFrame(rows).to_csv(partial, index=False)
            record_evaluation(folder, evaluation.inputs(), scores.name, partial)


def evaluate_subject(
    network: UNet,
    slices: Slices,
    grid: Grid,
    subject: str,
    truth: Path,
    predictions: Path,
    precision: Precision,
    further: Sequence[str] = (),
    options: EvaluationOptions = NO_PROCESSING,
    flips: Collection[Axis] = (),
    classes: Sequence[str] = (),
) -> list[Scores]:
    """Predict, save and score one subject; one entry a class.

    Args:
        network: on the device of `slices`.
        truth: folder of `<subject>.nii.gz` with native truth masks of class numbers.
        predictions: folder that receives `<subject>.nii.gz` on the same grid.
        further: names of scores of installed packages.
        options: post-processing of the predicted mask, before it is saved.
        flips: axes of mirror images; see `predict`.
        classes: names in the order of their numbers; empty: one class without a name.

    Raises:
        InputError: the truth is missing, damaged or on another grid, or a further score is not installed.
    """
    frame, affine = slices.store.frame(subject, grid)
    mask = frame.native_mask(predict(network, slices, slices.store.rows([subject]), precision, flips))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    mask = postprocess(mask, float(np.prod(spacing)) / 1000, options, classes)
    recorded_hashes.check(truth / f"{subject}.nii.gz")
    expected, truth_affine, placement = read_with_placement(truth / f"{subject}.nii.gz")
    # The truth's header contains the image's full position.
    image_placement = placement if np.allclose(truth_affine, affine, atol=1e-3) else None
    save_nifti(predictions / f"{subject}.nii.gz", mask, affine, image_placement)
    return score_classes(mask, expected.astype(np.uint8), spacing, further, max(1, len(classes)))


def score_classes(
    predicted: Mask,
    truth: Mask,
    spacing: Sequence[float] | NDArray[np.float64],
    further: Sequence[str] = (),
    classes: int = 1,
) -> list[Scores]:
    """Score each class of a label map by itself.

    Args:
        predicted, truth: class numbers from 1, 0 background, same shape and axes.
        spacing, further: see `score`.
        classes: how many.
    """
    if classes == 1:
        return [score(predicted, truth, spacing, further)]
    return [
        score((predicted == number).astype(np.uint8), (truth == number).astype(np.uint8), spacing, further)
        for number in range(1, classes + 1)
    ]


def score(
    predicted: Mask, truth: Mask, spacing: Sequence[float] | NDArray[np.float64], further: Sequence[str] = ()
) -> Scores:
    """Score one mask.

    Args:
        predicted, truth: 1 inside, same shape and axes.
        spacing: voxel size along those axes, in mm.
        further: names of scores of installed packages.

    Raises:
        InputError: shapes differ, or a further score is not installed or returns something else.
    """
    if predicted.shape != truth.shape:
        raise InputError(f"predicted mask has shape {predicted.shape}, truth {truth.shape}: they must be on one grid")
    sizes = int(predicted.sum()), int(truth.sum())
    voxel_ml = float(np.prod(spacing)) / 1000
    distances = (
        _distances(predicted, truth, spacing) if all(sizes) else ((0.0, 0.0) if not any(sizes) else (np.nan, np.nan))
    )
    return Scores(
        dice(predicted, truth),
        *distances,
        truth_ml=sizes[1] * voxel_ml,
        predicted_ml=sizes[0] * voxel_ml,
        further={name: _further(name, predicted, truth, spacing) for name in further},
    )


def _further(name: str, predicted: Mask, truth: Mask, spacing: Sequence[float] | NDArray[np.float64]) -> float:
    """A score of an installed package."""
    if name not in SCORES:
        raise InputError(f"scores: {name!r} is not installed; accepted: {', '.join(FURTHER) or 'none is installed'}")
    spec = SCORES[name]
    value = implementation(spec.implementation, f"score {name}")(predicted, truth, tuple(map(float, spacing)))
    number = float(value) if isinstance(value, Real) else math.inf
    fits = spec.low <= number <= spec.high and math.isfinite(number)
    fits = fits or (spec.may_be_undefined and math.isnan(number))
    if not fits:
        raise InputError(
            f"score {name}: {spec.implementation} returned {value!r}; accepted: {spec.accepted}; to fix: correct "
            "or update its package"
        )
    return number


def _distances(predicted: Mask, truth: Mask, spacing: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """HD95 and average symmetric surface distance in mm."""
    distances = surface_distances(predicted, truth, [float(size) for size in spacing])
    return hd95(distances), assd(distances)


def score_row(
    cohort: str, method: str, labels: int, draw: int, subject: str, scores: Scores, class_name: str | None = None
) -> dict[str, str | int | float]:
    """A row of the long table of scores, each to its digits; `class_name`: None if the cohort's target has no name."""
    values = asdict(scores)
    values |= values.pop("further")
    rounded = {name: round(value, SCORES[name].digits) for name, value in values.items()}
    named = {} if class_name is None else {CLASS: class_name}
    return {"cohort": cohort, "method": method, "n": labels, "draw": draw, "subject": subject, **named, **rounded}


def record_evaluation(predictions: Path, inputs: Mapping[str, Path], name: str, scores: Path) -> None:
    """Record the hashes of all inputs (by kind) and outputs, in the folder of the predicted masks.

    Args:
        name: of the table of scores.
        scores: current path of that table.
    """
    masks = {f"predictions/{path.name}": sha256(path) for path in visible(predictions, "*.nii.gz")}
    facts = {
        "inputs": {what: sha256(path) for what, path in inputs.items()},
        "outputs": {name: sha256(scores), **masks},
    }
    write_text(predictions / recorded_hashes.EVALUATION, json.dumps(facts, indent=2, sort_keys=True) + "\n")
