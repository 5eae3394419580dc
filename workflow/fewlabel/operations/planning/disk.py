"""Disk space of a study: arrays, networks, compressed volumes and masks, records."""

from dataclasses import dataclass

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.grid import label_counts
from fewlabel.config.jobs.training import pretrainings
from fewlabel.operations.planning.cohort_sizes import CohortSize
from fewlabel.operations.planning.costs import FLOAT_BYTES
from fewlabel.operations.planning.step_work import StepWork, decoder_work, encoder_work, head_work, unet_work
from fewlabel.operations.planning.training_steps import Steps, finetuning_steps, pretraining_steps

IMAGE_BYTES, CLASS_BYTES = 2, 1
"""Bytes of a pixel in the slice store: each channel of the image in float16, and the mask."""
INDEX_BYTES, SUBJECT_BYTES = 40, 360
"""Bytes of a row in the two tables of the store; measured."""
NOISE_BYTES, MASK_BYTES = 3.6, 0.018
"""Compressed bytes of a native voxel: noisy image in float32, mask; measured on phantoms."""
RUN_BYTES, SCORE_BYTES, HISTORY_BYTES, WEIGHTS_FACTS = 5_000, 90, 53, 3_500
"""Bytes of run.json, of the scores of a class of a test subject, of a history row, of facts of weights; measured."""
LOG_BYTES, REPORT_BYTES, HISTORY_ROWS = 1_500, 1_000_000, 200
"""Allowances in bytes for the logs of a run and for figures, tables and record; largest number of history rows."""
STATE_COPIES = 3
"""Copies of the parameters: parameters and two moments of Adam."""


@dataclass(frozen=True)
class StudyBytes:
    """Disk space of a study in bytes."""

    slices: float  # slice stores
    native: float  # volumes and masks on their native grids
    weights: float  # of all trainings
    predictions: float  # masks of all runs
    records: float  # run.json, histories, scores, logs, figures, tables
    states: float  # checkpoints of running trainings; removed when these end

    @property
    def kept(self) -> float:
        """Bytes of the finished study."""
        return self.slices + self.native + self.weights + self.predictions + self.records


def study_disk(experiment: Experiment, sizes: dict[str, CohortSize], trainings: int) -> StudyBytes:
    """The disk space of a study; `trainings`: number of parallel trainings."""
    runs = {name: len(label_counts(experiment, name)) * experiment.draws for name in experiment.methods}
    run_count = sum(runs.values())
    folds = {name: experiment.cohorts[name].folds or 1 for name in sizes}
    weights = FLOAT_BYTES * unet_work(experiment.network.widths, 1).parameters + WEIGHTS_FACTS
    pretrained = len(pretrainings(experiment))
    return StudyBytes(
        slices=sum(_slices(experiment, name, size) for name, size in sizes.items()),
        native=sum(_native(experiment, name, size) for name, size in sizes.items()),
        weights=sum(folds.values()) * (run_count + pretrained) * weights + _pretexts(experiment, folds),
        predictions=sum(
            folds[name] * run_count * size.tested * size.voxels_each * MASK_BYTES for name, size in sizes.items()
        ),
        records=sum(folds[name] * _records(experiment, name, size, runs) for name, size in sizes.items())
        + REPORT_BYTES,
        states=trainings * largest_state(experiment),
    )


def largest_state(experiment: Experiment) -> float:
    """Bytes of the largest checkpoint of a training."""
    return max(
        STATE_COPIES * FLOAT_BYTES * _parameters(steps.step)
        for cohort in experiment.cohorts
        for method in experiment.methods
        for steps in (finetuning_steps(experiment, cohort, method), *pretraining_steps(experiment, cohort, method))
    )


def _pretexts(experiment: Experiment, folds: dict[str, int]) -> float:
    """Bytes of the objectives of all pretrainings, with heads and, for some, their start."""
    numbers, files = 0.0, 0
    for cohort in experiment.cohorts:
        for method in pretrainings(experiment):
            steps = pretraining_steps(experiment, cohort, method)
            numbers += folds[cohort] * sum(map(_objective, steps))
            files += folds[cohort] * bool(steps)
    return FLOAT_BYTES * numbers + WEIGHTS_FACTS * files


def _objective(steps: Steps) -> float:
    """Number of values of a stage's objective in `pretext.safetensors`."""
    step = steps.step
    whole, encoder = (work(step.widths, 1).parameters for work in (unet_work, encoder_work))
    head = head_work(step).parameters
    if step.stage in ("global", "local"):
        trained = head + decoder_work(step.widths, 1, step.decoder_stages).parameters
        return encoder + trained * (2 if steps.keeps_start else 1)
    # Both parts of a joint objective contain the shared encoder.
    return whole + (encoder + head if step.stage == "joint" else 0)


def _parameters(step: StepWork) -> float:
    return unet_work(step.widths, 1).parameters + head_work(step).parameters


def _slices(experiment: Experiment, cohort: str, size: CohortSize) -> float:
    rows, columns = experiment.cohorts[cohort].grid.matrix
    pixel = max(1, len(experiment.cohorts[cohort].source.channel_names)) * IMAGE_BYTES + CLASS_BYTES
    return size.slices * (rows * columns * pixel + INDEX_BYTES) + size.subjects * SUBJECT_BYTES


def _native(experiment: Experiment, cohort: str, size: CohortSize) -> float:
    source = experiment.cohorts[cohort].source
    stores_images = source.made_by_code or source.reconstruction is not None
    return size.voxels * NOISE_BYTES * stores_images + size.labelled * size.voxels_each * MASK_BYTES


def _records(experiment: Experiment, cohort: str, size: CohortSize, runs: dict[str, int]) -> float:
    total, classes = 0.0, max(1, len(experiment.cohorts[cohort].source.classes))
    for method, count in runs.items():
        steps = finetuning_steps(experiment, cohort, method).count
        history = HISTORY_BYTES * min(HISTORY_ROWS, steps)
        total += count * (RUN_BYTES + LOG_BYTES + history + SCORE_BYTES * size.tested * classes)
        stages = pretraining_steps(experiment, cohort, method)
        total += bool(stages) * (RUN_BYTES + LOG_BYTES)
        total += sum(HISTORY_BYTES * min(HISTORY_ROWS, stage.count) for stage in stages)
    return total
